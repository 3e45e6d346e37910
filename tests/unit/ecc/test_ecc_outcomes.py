"""Operations whose outcome is not known, and other masters of the same server."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Condition, Result
from daqpv.ecc import EccState, Operation, Transition
from daqpv.errors import (
    AbortedError,
    BusyError,
    OperationError,
    UnknownOutcomeError,
)
from tests.support.ecc import DEADLINE, Fault, Lab

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
LONG = 2 * DEADLINE  # [s] a transition that outlasts its deadline


async def sent(lab: Lab, target: EccState) -> asyncio.Task[None]:
    going = lab.put(lab.ecc.reach(target))
    await lab.until(lambda: lab.sent)
    return going


# The deadline passed


async def test_a_deadline_that_passes_keeps_the_command_busy(lab: Lab) -> None:
    lab.server.durations["Describe"] = LONG
    await sent(lab, DESCRIBED)
    await lab.pass_time(DEADLINE + 30.0)
    assert (lab.now.result, lab.now.transition) == (
        Result.BUSY,
        Transition.DESCRIBING,
    )


async def test_a_deadline_that_passes_is_said_while_the_server_goes_on(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = LONG
    await sent(lab, DESCRIBED)
    await lab.pass_time(DEADLINE + 30.0)
    assert "no answer to Describe" in lab.now.message
    assert "still Describing" in lab.now.message
    assert "restart getEccSoapServer" in lab.now.message


async def test_a_transition_that_outlasts_its_deadline_and_succeeds_is_done(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = LONG
    await lab.ecc.reach(PREPARED)
    assert (lab.now.result, lab.now.state) == (Result.DONE, PREPARED)


async def test_a_transition_that_outlasts_its_deadline_is_not_sent_again(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = LONG
    await lab.ecc.reach(PREPARED)
    assert lab.sent == ["Describe", "Prepare"]


async def test_a_transition_that_outlasts_its_deadline_and_fails_is_a_timeout(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = LONG
    lab.server.failures["Describe"] = "no clock"
    with pytest.raises(UnknownOutcomeError, match=r"no answer.*server is Idle"):
        await lab.ecc.reach(PREPARED)
    assert (lab.now.result, lab.sent) == (Result.TIMEOUT, ["Describe"])


async def test_an_operation_that_nobody_does_is_a_timeout(lab: Lab) -> None:
    lab.server.fault = Fault.DEAF
    with pytest.raises(UnknownOutcomeError):
        await lab.ecc.reach(PREPARED)
    assert lab.sent == ["Describe"]


async def test_a_server_lost_in_the_middle_ends_the_command(lab: Lab) -> None:
    going = await sent(lab, READY)
    lab.server.process.die()
    with pytest.raises(UnknownOutcomeError, match="lost in the middle of Describing"):
        await asyncio.wait_for(going, 10.0)
    assert lab.now.result is Result.TIMEOUT


async def test_a_server_that_hangs_in_the_middle_ends_the_command_at_its_deadline(
    lab: Lab,
) -> None:
    lab.server.fault = lab.server.state_fault = Fault.DEAF
    going = lab.put(lab.ecc.reach(READY))
    lab.server.state_fault = None
    await lab.until(lambda: lab.sent)
    lab.server.state_fault = Fault.DEAF
    with pytest.raises(UnknownOutcomeError):
        await asyncio.wait_for(going, DEADLINE + 15.0)
    assert lab.now.condition is Condition.HUNG


async def test_a_disabled_server_lost_in_the_middle_ends_the_command(
    lab: Lab,
) -> None:
    await lab.at(RUNNING)
    await lab.ecc.enable(False)
    lab.server.fault = Fault.CUT
    stopping = lab.put(lab.ecc.operate(Operation.STOP))
    await lab.until(lambda: lab.sent)
    lab.server.process.die()
    with pytest.raises(UnknownOutcomeError):
        await asyncio.wait_for(stopping, 30.0)
    assert lab.now.condition is Condition.DISABLED


async def test_a_server_that_comes_back_is_not_said_to_have_another_master(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = 10.0
    lab.server.fault = Fault.CUT
    going = await sent(lab, DESCRIBED)
    lab.server.state_fault = Fault.OFFLINE
    await asyncio.wait({going})
    assert isinstance(going.exception(), UnknownOutcomeError)
    await lab.pass_time(20.0)
    lab.server.state_fault = None
    await lab.until(lambda: lab.now.state is DESCRIBED)
    assert "another client" not in lab.now.message
    assert not [text for text in lab.texts("state") if "another client" in text]


# The connection was cut


async def test_a_cut_operation_that_goes_on_is_done(lab: Lab) -> None:
    lab.server.fault = Fault.CUT
    await lab.ecc.reach(READY)
    assert lab.sent == ["Describe", "Prepare", "Configure"]


async def test_a_cut_operation_that_fails_is_failed(lab: Lab) -> None:
    lab.server.fault = Fault.CUT
    lab.server.failures["Prepare"] = "no clock"
    with pytest.raises(OperationError, match=r"cut.*The server is Described"):
        await lab.ecc.reach(READY)
    assert lab.sent == ["Describe", "Prepare"]


async def test_a_cut_operation_that_nobody_does_is_failed(lab: Lab) -> None:
    lab.server.fault = Fault.SWALLOW
    with pytest.raises(OperationError, match=r"cut.*The server is Idle"):
        await lab.ecc.reach(READY)
    assert lab.sent == ["Describe"]


async def test_an_answer_that_is_none_is_judged_by_the_state(lab: Lab) -> None:
    lab.server.fault = Fault.GARBAGE
    await lab.ecc.reach(READY)
    assert lab.now.result is Result.DONE


async def test_a_server_restarted_in_the_middle_is_where_it_is(lab: Lab) -> None:
    await lab.at(DESCRIBED)
    going = await sent(lab, READY)
    await lab.pass_time(0.5)
    lab.server.restart()
    with pytest.raises(OperationError, match="The server is Idle"):
        await going
    assert lab.sent == ["Prepare"]


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.CUT, Fault.GARBAGE])
async def test_a_hiccup_of_a_second_does_not_end_a_command(
    lab: Lab, fault: Fault
) -> None:
    lab.server.fault = Fault.CUT
    lab.server.durations["Describe"] = 5.0
    going = await sent(lab, DESCRIBED)
    lab.server.state_fault = fault
    await lab.pass_time(1.0)
    lab.server.state_fault = None
    await going
    assert lab.now.state is DESCRIBED


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("lasts", [2.0, 2.04, 2.08, 2.12, 2.16])
async def test_a_wish_is_taken_as_soon_as_no_transition_shows(
    lab: Lab, lasts: float, *, enabled: bool
) -> None:
    lab.server.durations["Describe"] = lasts
    lab.server.fault = Fault.CUT
    going = await sent(lab, DESCRIBED)
    lab.ecc.abort()
    await asyncio.wait({going})
    if not enabled:
        await lab.ecc.enable(False)
    await lab.until(lambda: not lab.now.transitioning, step=0.0001)
    lab.server.fault = None
    await lab.ecc.enable(True)
    await lab.ecc.reach(PREPARED)
    assert lab.sent == ["Describe", "Prepare"]


# Another client


async def test_what_another_client_does_shows_within_a_poll(lab: Lab) -> None:
    other = asyncio.ensure_future(lab.server.foreign("Describe"))
    await lab.pass_time(1.1)
    assert lab.now.transition is Transition.DESCRIBING
    await other
    await lab.pass_time(0.3)
    assert (lab.now.state, lab.now.transition) == (DESCRIBED, Transition.NONE)


async def test_what_another_client_does_is_said_to_be_its(lab: Lab) -> None:
    other = asyncio.ensure_future(lab.server.foreign("Describe"))
    await lab.until(lambda: lab.now.transitioning)
    assert lab.now.message == "Describing, asked by another client"
    await other
    await lab.until(lambda: lab.now.state is DESCRIBED)
    assert lab.texts("state") == ["CoBo0: Idle -> Described, asked by another client"]
    assert lab.now.message == "Described, asked by another client"


async def test_a_server_that_restarts_is_said_to_have(lab: Lab) -> None:
    await lab.at(RUNNING)
    lab.server.restart()
    await lab.until(lambda: lab.now.state is IDLE)
    assert lab.now.message == "Idle, the server has restarted"
    assert lab.texts("state")[-1] == "CoBo0: Running -> Idle, the server has restarted"


async def test_what_another_client_failed_to_do_is_not_said_to_go_on(lab: Lab) -> None:
    lab.server.failures["Describe"] = "no clock"
    await lab.server.foreign("Describe")
    await lab.until(lambda: not lab.now.transitioning)
    assert lab.now.message == "Idle: Describing, asked by another client, is over"


async def test_the_step_time_of_another_clients_next_step_begins_anew(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = lab.server.durations["Prepare"] = 20.0

    async def other() -> None:
        await lab.server.foreign("Describe")
        await lab.server.foreign("Prepare")

    going = asyncio.ensure_future(other())
    await lab.until(lambda: lab.now.transition is Transition.PREPARING)
    await lab.pass_time(2.0)
    assert lab.now.step_time < 4.0
    await going


@pytest.mark.parametrize("target", [DESCRIBED, READY])
async def test_a_wish_upward_is_refused_while_another_client_acts(
    lab: Lab, target: EccState
) -> None:
    other = asyncio.ensure_future(lab.server.foreign("Describe"))
    with pytest.raises(BusyError, match="Describing, asked by another client"):
        await lab.put(lab.ecc.reach(target))
    await other
    assert lab.sent == []


async def test_the_way_down_waits_for_another_client(lab: Lab) -> None:
    await lab.at(PREPARED)
    lab.server.durations["Configure"] = 20.0
    other = asyncio.ensure_future(lab.server.foreign("Configure"))
    await lab.until(lambda: lab.now.transitioning)
    await lab.ecc.reach(DESCRIBED)
    await other
    assert (lab.sent, lab.now.state) == (["Breakup", "Undo"], DESCRIBED)


async def test_who_waits_for_another_client_can_be_aborted(lab: Lab) -> None:
    await lab.at(PREPARED)
    lab.server.durations["Configure"] = 20.0
    other = asyncio.ensure_future(lab.server.foreign("Configure"))
    await lab.until(lambda: lab.now.transitioning)
    down = lab.put(lab.ecc.reach(DESCRIBED))
    await lab.pass_time(1.0)
    lab.ecc.abort()
    with pytest.raises(AbortedError):
        await asyncio.wait_for(down, 0.1)
    await other
    assert lab.sent == []


async def test_where_it_is_is_below_where_another_client_takes_it(lab: Lab) -> None:
    other = asyncio.ensure_future(lab.server.foreign("Describe"))
    await lab.until(lambda: lab.now.transitioning)
    await lab.ecc.reach(IDLE)
    await other
    assert (lab.sent, lab.now.state) == (["Undo"], IDLE)


async def test_a_server_moved_since_the_last_poll_is_walked_from_where_it_is(
    lab: Lab,
) -> None:
    await lab.pass_time(0.01)
    lab.server.set(PREPARED)  # nobody has polled since
    await lab.ecc.reach(READY)
    assert lab.sent == ["Configure"]


async def test_a_race_lost_against_another_client_is_a_failure(lab: Lab) -> None:
    lab.server.durations["Describe"] = 20.0
    going = lab.put(lab.ecc.reach(DESCRIBED))
    await lab.pass_time(0.0015)  # between our GetState and our Describe
    other = asyncio.ensure_future(lab.server.foreign("Describe"))
    with pytest.raises(OperationError, match="busy"):
        await going
    await other
    assert lab.sent == ["Describe"]


async def test_another_client_between_two_steps_fails_the_next(lab: Lab) -> None:
    going = await sent(lab, READY)
    await lab.until(lambda: lab.sent[-1] == "Prepare", step=0.0001)
    lab.server.set(IDLE)  # before Prepare has arrived
    with pytest.raises(OperationError, match=r"not done\. The server is Idle"):
        await going
    assert lab.sent == ["Describe", "Prepare"]


async def test_stop_goes_to_a_server_that_another_client_started(lab: Lab) -> None:
    await lab.at(READY)
    other = asyncio.ensure_future(lab.server.foreign("Start"))
    await lab.until(lambda: lab.now.transitioning)
    await lab.ecc.operate(Operation.STOP)
    await other
    assert (lab.sent, lab.now.state) == (["Stop"], READY)

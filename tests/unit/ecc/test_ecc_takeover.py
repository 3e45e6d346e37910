"""Several wishes at once: who joins, who waits, who is refused, who takes over."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Result
from daqpv.ecc import EccState, EccTarget, Operation
from daqpv.errors import (
    AbortedError,
    BusyError,
    OperationError,
)
from tests.support.ecc import Fault, Lab, acting

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState


# The same wish


async def test_a_put_of_the_state_already_there_is_done(lab: Lab) -> None:
    await lab.at(READY)
    await lab.ecc.reach(READY)
    assert (lab.now.result, lab.now.target) == (Result.DONE, EccTarget.READY)


async def test_a_put_of_the_state_already_there_sends_nothing(lab: Lab) -> None:
    await lab.at(READY)
    await lab.ecc.reach(READY)
    assert lab.sent == []


async def test_a_put_of_the_pursued_target_ends_with_the_first(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Describe")
    second = lab.put(lab.ecc.reach(READY), by="bob@pub")
    await first
    await asyncio.wait_for(second, 0.1)
    assert lab.sent == ["Describe", "Prepare", "Configure"]


async def test_a_put_of_the_pursued_target_is_no_command_of_its_own(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Describe")
    await lab.put(lab.ecc.reach(READY), by="bob@pub")
    await first
    assert lab.now.result_count == len(lab.texts("command")) == 1


async def test_who_joined_fails_as_the_first(lab: Lab) -> None:
    lab.server.failures["Prepare"] = "no clock"
    first = await lab.begun(lab.ecc.reach(READY), "Describe")
    second = lab.put(lab.ecc.reach(READY))
    with pytest.raises(OperationError, match="no clock"):
        await first
    with pytest.raises(OperationError, match="no clock"):
        await second


async def test_who_joined_is_told_of_an_abort(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Describe")
    second = lab.put(lab.ecc.reach(READY))
    await lab.pass_time(0.1)
    with acting("eve@bar"):
        lab.ecc.abort()
    for put in (first, second):
        with pytest.raises(AbortedError, match="aborted by eve@bar"):
            await put


async def test_a_put_of_where_the_operation_leads_joins_it(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.operate(Operation.DESCRIBE), "Describe")
    await lab.ecc.reach(DESCRIBED)
    await going
    assert lab.sent == ["Describe"]


@pytest.mark.parametrize(
    ("state", "operation"),
    [
        (IDLE, Operation.DESCRIBE),
        (READY, Operation.START),
        (RUNNING, Operation.STOP),
        (READY, Operation.BREAKUP),
        (PREPARED, Operation.UNDO),
    ],
)
async def test_a_double_click_is_one_operation(
    lab: Lab, state: EccState, operation: Operation
) -> None:
    await lab.at(state)
    first = await lab.begun(lab.ecc.operate(operation), operation.value)
    await lab.ecc.operate(operation)
    await first
    assert lab.server.sent == [operation]


async def test_two_clicks_in_the_same_instant_are_one_operation(lab: Lab) -> None:
    await lab.at(RUNNING)
    clicks = [lab.put(lab.ecc.operate(Operation.STOP)) for _ in range(2)]
    await asyncio.gather(*clicks)
    assert lab.sent == ["Stop"]


@pytest.mark.parametrize("state", [PREPARED, READY, RUNNING, PAUSED])
async def test_a_double_click_on_step_back_is_one_step(
    lab: Lab, state: EccState
) -> None:
    await lab.at(state)
    first = lab.put(lab.ecc.step_back())
    await lab.until(lambda: lab.sent)
    await lab.ecc.step_back()
    await first
    assert len(lab.sent) == 1


# Another wish upward


@pytest.mark.parametrize("other", [RUNNING, PAUSED])
async def test_another_upward_target_is_refused_while_busy(
    lab: Lab, other: EccState
) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Configure")
    await lab.pass_time(1.5)
    with pytest.raises(BusyError, match=r"CoBo0 is busy: Configuring since 1\.5 s"):
        await lab.ecc.reach(other)
    await first
    assert lab.sent == ["Describe", "Prepare", "Configure"]


async def test_a_refused_put_leaves_the_running_command_shown_as_its_end(
    lab: Lab,
) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Configure")
    with pytest.raises(BusyError):
        await lab.ecc.reach(RUNNING)
    assert lab.now.result is Result.BUSY
    await first
    assert (lab.now.result, lab.now.result_count) == (Result.DONE, 2)


async def test_the_refusal_of_the_busy_tells_the_way_out(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Configure")
    with pytest.raises(BusyError, match="caput AT:ECC:CoBo0:Abort 1"):
        await lab.ecc.reach(RUNNING)
    await first


async def test_another_operation_upward_is_refused_while_busy(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Prepare")
    with pytest.raises(BusyError):
        await lab.ecc.operate(Operation.START)
    await first


async def test_resume_is_no_way_down(lab: Lab) -> None:
    await lab.at(RUNNING)
    pausing = await lab.begun(lab.ecc.operate(Operation.PAUSE), "Pause")
    with pytest.raises(BusyError):
        await lab.ecc.reach(RUNNING)
    await pausing
    assert lab.now.state is PAUSED


async def test_a_target_above_the_one_pursued_downward_is_refused(lab: Lab) -> None:
    await lab.at(READY)
    first = await lab.begun(lab.ecc.reach(IDLE), "Breakup")
    with pytest.raises(BusyError):
        await lab.ecc.reach(DESCRIBED)
    await first


# The way down


async def test_a_lower_target_takes_over(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(RUNNING), "Prepare")
    second = lab.put(lab.ecc.reach(DESCRIBED), by="bob@pub")
    with pytest.raises(AbortedError, match="aborted by bob@pub"):
        await first
    await second
    assert lab.sent == ["Describe", "Prepare", "Undo"]


async def test_a_lower_target_waits_for_the_operation_on_the_wire(lab: Lab) -> None:
    await lab.begun(lab.ecc.reach(RUNNING), "Prepare")
    second = lab.put(lab.ecc.reach(IDLE), by="bob@pub")
    await lab.pass_time(1.5)
    assert lab.sent[-1] == "Prepare"
    await second
    assert lab.sent == ["Describe", "Prepare", "Undo", "Undo"]


async def test_a_takeover_aborts_the_first_without_waiting_for_the_wire(
    lab: Lab,
) -> None:
    first = await lab.begun(lab.ecc.reach(RUNNING), "Prepare")
    second = lab.put(lab.ecc.reach(IDLE))
    with pytest.raises(AbortedError):
        await asyncio.wait_for(first, 0.1)
    await second


async def test_a_takeover_is_two_commands_and_two_ends(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(RUNNING), "Prepare")
    await lab.put(lab.ecc.reach(IDLE), by="bob@pub")
    with pytest.raises(AbortedError):
        await first
    ends = [event.fields["result"] for event in lab.events if event.name == "command"]
    assert ends == ["Aborted", "Done"]
    assert lab.now.last_by == "bob@pub"


async def test_the_way_down_is_taken_after_a_failed_operation_on_the_wire(
    lab: Lab,
) -> None:
    await lab.begun(lab.ecc.reach(RUNNING), "Prepare")
    lab.server.failures["Prepare"] = "no clock"
    await lab.ecc.reach(IDLE)
    assert lab.sent == ["Describe", "Prepare", "Undo"]


async def test_the_way_down_is_taken_after_an_operation_that_never_answers(
    lab: Lab,
) -> None:
    lab.server.fault = Fault.DEAF
    await lab.begun(lab.ecc.reach(RUNNING), "Describe")
    lab.server.fault = None
    await lab.ecc.reach(IDLE)
    assert (lab.sent, lab.now.state) == (["Describe"], IDLE)


async def test_the_lowest_of_many_wishes_wins(lab: Lab) -> None:
    await lab.begun(lab.ecc.reach(PAUSED), "Start")
    wishes = [
        lab.put(lab.ecc.reach(target))
        for target in (READY, PREPARED, IDLE, DESCRIBED, PREPARED, IDLE)
    ]
    await asyncio.wait(wishes)
    assert lab.now.state is IDLE
    ends = [wish.exception() for wish in wishes]
    assert ends[2] is None
    assert ends[5] is None
    assert all(isinstance(end, AbortedError | BusyError) for end in ends if end)


async def test_of_many_takeovers_each_operation_is_sent_once(lab: Lab) -> None:
    await lab.begun(lab.ecc.reach(PAUSED), "Start")
    wishes = [lab.put(lab.ecc.reach(t)) for t in (READY, PREPARED, IDLE, IDLE)]
    await asyncio.wait(wishes)
    assert lab.sent[3:] == ["Start", "Stop", "Breakup", "Undo", "Undo"]


async def test_a_takeover_in_the_instant_of_the_last_answer_ends_below(
    lab: Lab,
) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Configure")
    await lab.pass_time(2.001)  # the answer is on its way
    second = lab.put(lab.ecc.reach(IDLE))
    await asyncio.wait({first, second})
    assert (second.exception(), lab.now.state) == (None, IDLE)


@pytest.mark.parametrize("offset", [n / 1e4 for n in range(0, 60, 4)])
async def test_whenever_it_comes_the_lower_target_is_reached(
    lab: Lab, offset: float
) -> None:
    first = lab.put(lab.ecc.reach(DESCRIBED))
    await lab.pass_time(2.0 + offset)
    await lab.ecc.reach(IDLE)
    await asyncio.wait({first})
    assert (lab.now.state, lab.server.ignored) == (IDLE, [])


async def test_the_way_down_is_not_refused_while_a_list_is_read(lab: Lab) -> None:
    await lab.at(READY)
    lab.server.list_fault = Fault.HANG
    reading = lab.put(lab.ecc.refresh_configs())
    await lab.pass_time(0.1)
    await asyncio.wait_for(lab.ecc.reach(PREPARED), 3.0)
    with pytest.raises(AbortedError):
        await reading


async def test_the_way_down_is_not_refused_while_a_configuration_is_checked(
    lab: Lab,
) -> None:
    await lab.at(PREPARED)
    lab.server.list_fault = Fault.HANG
    choosing = lab.put(lab.ecc.choose("cobo0/e20009/none"))
    await lab.pass_time(0.1)
    await asyncio.wait_for(lab.ecc.operate(Operation.UNDO), 3.0)
    with pytest.raises(AbortedError):
        await choosing


async def test_idle_asked_for_during_a_single_undo_is_reached(lab: Lab) -> None:
    await lab.at(PREPARED)
    undoing = await lab.begun(lab.ecc.operate(Operation.UNDO), "Undo")
    await lab.ecc.reach(IDLE)
    await asyncio.wait({undoing})
    assert (lab.sent, lab.now.state) == (["Undo", "Undo"], IDLE)


async def test_idle_asked_for_during_a_step_back_is_reached(lab: Lab) -> None:
    await lab.at(RUNNING)
    stepping = lab.put(lab.ecc.step_back())
    await lab.until(lambda: lab.sent)
    await lab.ecc.reach(IDLE)
    await asyncio.wait({stepping})
    assert lab.now.state is IDLE


async def test_a_step_asked_for_while_the_state_was_stale_is_joined_truly(
    lab: Lab,
) -> None:
    await lab.at(RUNNING)
    lab.server.set(PREPARED)  # nobody has polled since
    stepping = lab.put(lab.ecc.step_back())
    await lab.pass_time(1.0)
    await lab.ecc.reach(DESCRIBED)
    await stepping
    assert lab.sent == ["Undo"]


async def test_a_target_joined_while_the_state_was_stale_is_reached(lab: Lab) -> None:
    await lab.at(PREPARED)
    lab.server.set(DESCRIBED)  # nobody has polled since
    undoing = lab.put(lab.ecc.operate(Operation.UNDO))
    reaching = lab.put(lab.ecc.reach(DESCRIBED))
    await asyncio.wait({undoing, reaching})
    assert (reaching.exception(), lab.now.state) == (None, DESCRIBED)


async def test_what_waits_for_the_wire_can_be_overtaken(lab: Lab) -> None:
    lab.server.durations["Prepare"] = 50.0
    await lab.begun(lab.ecc.reach(READY), "Prepare")
    first = lab.put(lab.ecc.reach(DESCRIBED))
    await lab.pass_time(1.0)
    second = lab.put(lab.ecc.reach(IDLE))
    with pytest.raises(AbortedError):
        await asyncio.wait_for(first, 1.0)
    await second
    assert lab.sent == ["Describe", "Prepare", "Undo", "Undo"]


async def test_nothing_is_sent_while_an_operation_waits_for_its_answer(
    lab: Lab,
) -> None:
    lab.server.fault = Fault.DEAF
    await lab.begun(lab.ecc.reach(READY), "Describe")
    lab.server.fault = None
    lab.server.set(PREPARED)  # another client; GetState shows no transition
    down = lab.put(lab.ecc.reach(IDLE))
    await lab.pass_time(30.0)
    assert lab.sent == ["Describe"]
    await down
    assert lab.sent == ["Describe", "Undo", "Undo"]


async def test_a_target_that_a_step_back_leads_to_joins_it(lab: Lab) -> None:
    await lab.at(RUNNING)
    stepping = lab.put(lab.ecc.step_back())
    await lab.until(lambda: lab.sent)
    await lab.ecc.reach(READY)
    await stepping
    assert lab.sent == ["Stop"]

"""What ends the running command: Stop, StepBack, Abort, and clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from daqpv.core import Result
from daqpv.ecc import EccSnapshot, EccState, Operation, Transition
from daqpv.errors import AbortedError, BusyError, RefusedError
from tests.support.ecc import Fault, Lab, acting

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState

# Stop


async def test_stop_ends_a_start(lab: Lab) -> None:
    await lab.at(READY)
    starting = await lab.begun(lab.ecc.reach(RUNNING), "Start")
    await lab.ecc.operate(Operation.STOP)
    with pytest.raises(AbortedError):
        await starting
    assert (lab.sent, lab.now.state) == (["Start", "Stop"], READY)


async def test_stop_ends_a_pause(lab: Lab) -> None:
    await lab.at(RUNNING)
    pausing = await lab.begun(lab.ecc.reach(PAUSED), "Pause")
    await lab.ecc.operate(Operation.STOP)
    with pytest.raises(AbortedError):
        await pausing
    assert (lab.sent, lab.now.state) == (["Pause", "Stop"], READY)


@pytest.mark.parametrize("target", [PREPARED, READY, RUNNING])
async def test_stop_ends_the_way_up_though_nothing_runs_yet(
    lab: Lab, target: EccState
) -> None:
    going = await lab.begun(lab.ecc.reach(target), "Prepare")
    with pytest.raises(RefusedError, match="no 'Stop'"):
        await lab.ecc.operate(Operation.STOP)
    with pytest.raises(AbortedError):
        await going
    assert lab.sent == ["Describe", "Prepare"]


async def test_stop_joins_the_way_down_that_passes_ready(lab: Lab) -> None:
    await lab.at(RUNNING)
    going = await lab.begun(lab.ecc.reach(IDLE), "Stop")
    await lab.ecc.operate(Operation.STOP)
    await going
    assert lab.sent == ["Stop", "Breakup", "Undo", "Undo"]


async def test_breakup_during_stop_comes_after_it(lab: Lab) -> None:
    await lab.at(RUNNING)
    stopping = await lab.begun(lab.ecc.operate(Operation.STOP), "Stop")
    await lab.ecc.operate(Operation.BREAKUP)
    await asyncio.wait({stopping})
    assert (lab.sent, lab.now.state) == (["Stop", "Breakup"], PREPARED)


@pytest.mark.parametrize(
    ("state", "sent"),
    [(RUNNING, ["Stop"]), (PAUSED, ["Stop"])],
)
async def test_stop_stops(lab: Lab, state: EccState, sent: list[str]) -> None:
    await lab.at(state)
    await lab.ecc.operate(Operation.STOP)
    assert lab.sent == sent


# Step back


async def test_a_step_back_from_idle_is_refused(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="no state before"):
        await lab.ecc.step_back()
    assert lab.sent == []


async def test_a_step_back_on_the_way_up_ends_it_and_goes_one_back(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(RUNNING), "Configure")
    await lab.ecc.step_back()
    with pytest.raises(AbortedError):
        await going
    assert (lab.sent[3:], lab.now.state) == (["Breakup"], PREPARED)


async def test_a_step_back_on_the_way_to_idle_joins_it(lab: Lab) -> None:
    await lab.at(READY)
    going = await lab.begun(lab.ecc.reach(IDLE), "Breakup")
    await lab.ecc.step_back()
    await going
    assert lab.sent == ["Breakup", "Undo", "Undo"]


# Abort


async def test_abort_ends_the_command_at_once(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    with acting("eve@bar"):
        lab.ecc.abort()
    with pytest.raises(AbortedError, match="aborted by eve@bar"):
        await asyncio.wait_for(going, 0.01)
    assert lab.now.result is Result.ABORTED


async def test_abort_says_what_goes_on(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    lab.ecc.abort()
    with pytest.raises(AbortedError, match="Preparing goes on"):
        await going


async def test_what_is_on_the_wire_survives_an_abort(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    lab.ecc.abort()
    await asyncio.wait({going})
    await lab.until(lambda: lab.now.state is PREPARED)
    await lab.pass_time(5.0)
    assert lab.sent == ["Describe", "Prepare"]


async def test_what_fails_after_an_abort_is_said(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    lab.ecc.abort()
    await asyncio.wait({going})
    lab.server.failures["Prepare"] = "no clock"
    await lab.until(lambda: not lab.now.transitioning)
    assert any("no clock" in event.text for event in lab.events)
    assert "no clock" in lab.now.message


async def test_abort_with_nothing_to_abort_does_nothing(lab: Lab) -> None:
    before = lab.now
    lab.ecc.abort()
    assert lab.now is before


async def test_after_an_abort_a_wish_upward_is_refused_until_the_wire_is_free(
    lab: Lab,
) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    lab.ecc.abort()
    await asyncio.wait({going})
    with pytest.raises(BusyError, match="still Preparing"):
        await lab.ecc.reach(READY)
    await lab.until(lambda: not lab.now.transitioning)
    await lab.ecc.reach(READY)
    assert lab.sent == ["Describe", "Prepare", "Configure"]


async def test_while_an_outcome_is_unknown_the_refusal_names_the_operation(
    lab: Lab,
) -> None:
    lab.server.durations["Describe"] = 100.0
    lab.server.fault = Fault.CUT
    going = await lab.begun(lab.ecc.reach(READY), "Describe")
    await lab.pass_time(1.0)
    lab.ecc.abort()
    await asyncio.wait({going})
    with pytest.raises(BusyError, match="still Describing"):
        await lab.ecc.reach(READY)


async def test_an_abort_while_the_list_is_read_sends_nothing(lab: Lab) -> None:
    lab.server.list_fault = Fault.HANG
    going = lab.put(lab.ecc.reach(READY))
    await lab.pass_time(0.5)
    lab.server.list_fault = None
    lab.ecc.abort()
    with pytest.raises(AbortedError):
        await asyncio.wait_for(going, 0.1)
    await lab.pass_time(20.0)
    assert lab.sent == []


async def test_an_abort_before_anything_is_sent_sends_nothing(lab: Lab) -> None:
    lab.server.state_fault = Fault.HANG
    going = lab.put(lab.ecc.reach(READY))
    await lab.pass_time(0.5)
    lab.ecc.abort()
    lab.server.state_fault = None
    with pytest.raises(AbortedError):
        await going
    await lab.pass_time(5.0)
    assert lab.sent == []


async def test_an_abort_in_the_instant_of_an_answer_sends_nothing_more(
    lab: Lab,
) -> None:
    def aborts(snapshot: EccSnapshot, names: Collection[str]) -> None:
        if "state" in names and snapshot.state is DESCRIBED:
            lab.ecc.abort()

    lab.ecc.watch(aborts)
    with pytest.raises(AbortedError):
        await lab.ecc.reach(READY)
    assert lab.sent == ["Describe"]


async def test_an_abort_in_the_instant_of_the_last_answer_comes_too_late(
    lab: Lab,
) -> None:
    def aborts(snapshot: EccSnapshot, names: Collection[str]) -> None:
        if "state" in names and snapshot.state is DESCRIBED:
            lab.ecc.abort()

    lab.ecc.watch(aborts)
    await lab.ecc.reach(DESCRIBED)
    assert lab.now.result is Result.DONE


async def test_the_way_down_itself_can_be_aborted(lab: Lab) -> None:
    await lab.at(RUNNING)
    going = await lab.begun(lab.ecc.reach(IDLE), "Breakup")
    lab.ecc.abort()
    with pytest.raises(AbortedError):
        await going
    await lab.until(lambda: lab.now.state is PREPARED and not lab.now.transitioning)
    await lab.pass_time(5.0)
    assert lab.sent == ["Stop", "Breakup"]


async def test_a_put_right_after_an_abort_is_not_dragged_along(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    with acting("eve@bar"):
        lab.ecc.abort()
    with pytest.raises(BusyError, match="still Preparing"):
        await lab.ecc.reach(READY)  # and not "aborted by eve@bar"
    await asyncio.wait({going})


async def test_a_client_that_leaves_is_not_the_end_of_who_joined(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Prepare")
    second = lab.put(lab.ecc.reach(READY))
    await lab.pass_time(0.1)
    second.cancel()
    await first
    assert lab.now.state is READY


async def test_the_end_of_daqpv_is_told_to_who_waits(lab: Lab) -> None:
    first = await lab.begun(lab.ecc.reach(READY), "Prepare")
    second = lab.put(lab.ecc.reach(READY))
    await lab.pass_time(0.1)
    first.cancel()
    with pytest.raises(AbortedError, match="go to Ready: given up"):
        await second
    assert lab.now.result is Result.ABORTED


async def test_transitions_of_ours_are_not_called_another_clients(lab: Lab) -> None:
    going = await lab.begun(lab.ecc.reach(READY), "Prepare")
    lab.ecc.abort()
    await asyncio.wait({going})
    await lab.until(lambda: lab.now.state is PREPARED)
    assert lab.now.transition is Transition.NONE
    assert not [text for text in lab.texts("state") if "another client" in text]

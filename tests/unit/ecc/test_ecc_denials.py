"""A request that hangs and is not done: the server's word counts, not our wish."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Result
from daqpv.ecc import EccState, Transition
from daqpv.errors import BusyError, RefusedError
from tests.support.ecc import DEADLINE, OTHER, Fault, Lab

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
ONLY_IDLE = 1 << IDLE


async def hanging(lab: Lab, target: EccState = DESCRIBED) -> asyncio.Task[None]:
    """A put whose operation the server has taken, and never does."""
    lab.server.fault = Fault.DEAF
    going = lab.put(lab.ecc.reach(target))
    await lab.until(lambda: lab.server.sent)
    return going


async def test_a_transition_that_the_server_denies_ends_within_a_poll(
    lab: Lab,
) -> None:
    await hanging(lab)
    assert lab.now.transition is Transition.DESCRIBING
    await lab.until(lambda: lab.now.transition is Transition.NONE, within=1.5)
    assert lab.now.result is Result.BUSY, "its request is still on the wire"


async def test_a_server_that_begins_late_is_shown_when_it_does(lab: Lab) -> None:
    lab.server.durations["Describe"] = 5.0
    await lab.ecc.reach(DESCRIBED)
    shown = [
        snapshot.transition for names, snapshot in lab.shown if "transition" in names
    ]
    assert shown[-2:] == [Transition.DESCRIBING, Transition.NONE]


async def test_the_way_down_waits_for_what_is_denied(lab: Lab) -> None:
    """It may be done yet: nobody knows where the request is."""
    await hanging(lab)
    await lab.until(lambda: lab.now.transition is Transition.NONE)
    lab.ecc.abort()
    await lab.until(lambda: not lab.now.busy)
    down = lab.put(lab.ecc.reach(IDLE))
    await lab.pass_time(DEADLINE / 2)
    assert not down.done()
    await asyncio.wait_for(down, DEADLINE)
    assert (lab.now.result, lab.sent) == (Result.DONE, ["Describe"])


async def test_the_way_up_is_refused_and_not_allowed_while_it_is_denied(
    lab: Lab,
) -> None:
    await hanging(lab)
    await lab.until(lambda: lab.now.transition is Transition.NONE)
    lab.ecc.abort()
    await lab.until(lambda: not lab.now.busy)
    assert lab.now.allowed == ONLY_IDLE
    with pytest.raises(BusyError, match="still Describing after an abort"):
        await lab.ecc.reach(READY)


async def test_a_part_that_may_be_in_use_may_not_change(lab: Lab) -> None:
    await lab.at(PREPARED)
    await hanging(lab, READY)
    await lab.until(lambda: lab.now.transition is Transition.NONE)
    lab.ecc.abort()
    await lab.until(lambda: not lab.now.busy)
    with pytest.raises(RefusedError, match="is Configuring: the configure part"):
        await lab.ecc.choose(str(OTHER))


async def test_a_loss_in_what_is_denied_names_it(lab: Lab) -> None:
    going = await hanging(lab)
    await lab.until(lambda: lab.now.transition is Transition.NONE)
    lab.server.process.die()
    await asyncio.wait({going})
    assert "lost in the middle of Describing" in str(going.exception())

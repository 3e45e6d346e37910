"""The row Reconfigure: who gives the clock is configured anew before a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from daqpv.core import Result
from daqpv.ecc import EccState
from daqpv.errors import AbortedError, CommandError, OperationError, RefusedError
from tests.support.ecc import Fault
from tests.support.system import SLAVES, Lab, laboratory

_, IDLE, _, PREPARED, READY, RUNNING, _ = EccState
CLOCKS = ["MuTAnT", "Slave"]
STEPS = ["Breakup MuTAnT", "Breakup Slave", "Configure Slave", "Configure MuTAnT"]
every_step = pytest.mark.parametrize(
    ("what", "who"), [tuple(step.split()) for step in STEPS]
)


@pytest.fixture
async def worn() -> AsyncIterator[Lab]:
    """All are Ready, after a run."""
    async with laboratory(SLAVES, READY, reconfigures=True) as lab:
        await lab.system.reach(RUNNING)
        await lab.system.stop()
        lab.watch.sent.clear()
        yield lab


def steps(lab: Lab) -> list[str]:
    """What the clocks were sent before the start."""
    return [
        f"{what} {name}" for name, what in lab.sent if what not in ("Start", "Stop")
    ]


async def begun(lab: Lab, what: str, who: str) -> asyncio.Task[None]:
    """A start whose `what` at `who` is on the wire."""
    going = lab.put(lab.system.start(), by="ann@hut")
    await lab.on_the_wire(what, who)
    return going


async def test_after_a_run_the_clocks_are_configured_anew_in_order(worn: Lab) -> None:
    await worn.system.start()
    assert steps(worn) == STEPS
    assert worn.watch.order()[-3:] == ["Start C", "Start S", "Start M"]
    assert set(worn.states.values()) == {RUNNING}


async def test_who_was_configured_since_is_left_as_it_is(worn: Lab) -> None:
    await worn.system.reach(PREPARED)
    await worn.system.reach(READY)
    worn.watch.sent.clear()
    await worn.system.start()
    assert steps(worn) == []


async def test_without_the_setting_nobody_is() -> None:
    async with laboratory(SLAVES, READY) as lab:
        await lab.system.reach(RUNNING)
        await lab.system.stop()
        lab.watch.sent.clear()
        await lab.system.start()
        assert steps(lab) == []


@every_step
async def test_a_failure_halts(worn: Lab, what: str, who: str) -> None:
    worn[who].failures[what] = "no power"
    with pytest.raises(OperationError, match=f"{what}: .*{who}.*no power"):
        await worn.system.start()
    assert steps(worn) == STEPS[: STEPS.index(f"{what} {who}") + 1]
    assert worn.now.result is Result.FAILED
    await worn.system.reach(READY)
    await worn.system.start()
    assert set(worn.states.values()) == {RUNNING}


@every_step
async def test_an_abort_sends_nothing_more(worn: Lab, what: str, who: str) -> None:
    going = await begun(worn, what, who)
    worn.system.abort()
    with pytest.raises(AbortedError):
        await asyncio.wait_for(going, 0.1)
    await worn.pass_time(30.0)
    assert steps(worn) == STEPS[: STEPS.index(f"{what} {who}") + 1]


@every_step
async def test_the_way_down_takes_over(worn: Lab, what: str, who: str) -> None:
    going = await begun(worn, what, who)
    await worn.put(worn.system.reach(IDLE), by="bob@pub")
    with pytest.raises(AbortedError, match="bob@pub"):
        await going
    assert set(worn.states.values()) == {IDLE}


@every_step
async def test_stop_takes_over(worn: Lab, what: str, who: str) -> None:
    going = await begun(worn, what, who)
    await worn.put(worn.system.stop(), by="bob@pub")
    with pytest.raises(AbortedError, match="bob@pub"):
        await going
    assert RUNNING not in worn.states.values()


@every_step
async def test_a_death_halts(worn: Lab, what: str, who: str) -> None:
    going = await begun(worn, what, who)
    worn[who].process.die()
    worn.watch.blind.add(who)
    with pytest.raises(CommandError, match=who):
        await going
    assert RUNNING not in worn.states.values()


@every_step
async def test_a_hang_ends_in_a_sentence(worn: Lab, what: str, who: str) -> None:
    going = await begun(worn, what, who)
    worn[who].state_fault = worn[who].fault = Fault.HANG
    worn.watch.blind.add(who)
    await asyncio.wait({going}, timeout=600)
    assert isinstance(going.exception(), CommandError)
    assert who in str(going.exception())


@every_step
async def test_a_cobo_that_another_client_leads_away_halts_it_or_is_brought_along(
    worn: Lab, what: str, who: str
) -> None:
    going = await begun(worn, what, who)
    worn.watch.judges = False  # nobody can know of it in time
    worn["CoBo1"].set(PREPARED)
    await asyncio.wait({going}, timeout=600)
    error = going.exception()
    if error is None:
        assert set(worn.states.values()) == {RUNNING}
    else:
        assert isinstance(error, OperationError)
        assert "CoBo1" in str(error)
        assert RUNNING not in worn.states.values()


@pytest.mark.parametrize(
    ("state", "cure"), [(PREPARED, "Target Ready"), (RUNNING, "Stop 1")]
)
async def test_beside_a_cobo_that_is_not_ready_nothing_is_sent(
    worn: Lab, state: EccState, cure: str
) -> None:
    await worn.at({"CoBo1": state})
    says = f"CoBo1 is {state.label}: .*First: caput AT:Sys:{cure}"
    with pytest.raises(RefusedError, match=says):
        await worn.system.start()
    assert worn.sent == []


@pytest.mark.parametrize("who", CLOCKS)
async def test_a_lost_clock_refuses_it_before_anything_is_sent(
    worn: Lab, who: str
) -> None:
    await worn.lost(who)
    with pytest.raises(RefusedError, match=f"{who} is Offline"):
        await worn.system.start()
    assert worn.sent == []

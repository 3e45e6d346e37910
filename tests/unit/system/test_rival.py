"""Another process commands the same servers: nothing goes up, down is free."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Interlock
from daqpv.ecc import EccState, Operation, is_below, leads_to
from daqpv.errors import OperationError, RefusedError
from daqpv.system import SystemState
from tests.support.system import laboratory

SEARCH = "AT:Sys:State is served twice: by this process, and by 10.0.0.5:5064."
UP = "End one of them; until then only the way down is free"
STATES = list(EccState)[1:]
DOWN = frozenset({Operation.STOP, Operation.BREAKUP, Operation.UNDO})


def rivalled() -> Interlock:
    interlock = Interlock()
    interlock.found("search", SEARCH)
    return interlock


def test_each_proof_has_its_own_say() -> None:
    interlock, told = Interlock(), []
    interlock.watch(lambda: told.append(interlock.rival))
    interlock.found("search", SEARCH)
    interlock.found("store", "The store has another one.")
    interlock.found("search", "")
    interlock.found("search", "")
    interlock.found("store", "")
    assert [text.partition(".")[0] for text in told] == [
        SEARCH.partition(".")[0],
        "The store has another one",
        "",
    ]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("target", STATES)
async def test_the_system_goes_down_and_not_up(
    state: EccState, target: EccState
) -> None:
    async with laboratory(states=state, interlock=rivalled()) as lab:
        down = is_below(target, state)
        assert bool(lab.now.allowed >> target & 1) is down
        if down:
            await lab.system.reach(target)
            assert lab.now.state is SystemState(target)
        else:
            with pytest.raises(RefusedError, match=UP):
                await lab.system.reach(target)
            assert lab.sent == []
            assert lab.now.state is SystemState(state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", list(Operation))
async def test_a_single_server_is_sent_what_leads_down_alone(
    state: EccState, operation: Operation
) -> None:
    if leads_to(state, operation) is None:
        return
    async with laboratory(states=state, interlock=rivalled()) as lab:
        ecc = lab.eccs["CoBo0"]
        allowed = ecc.snapshot.allowed
        assert all(is_below(one, state) for one in STATES if allowed >> one & 1)
        refusal = ""
        try:
            await ecc.operate(operation)
        except RefusedError as error:  # it may be the order's, too
            refusal = str(error)
            assert lab.sent == []
        assert (UP in refusal) is (operation not in DOWN)


async def test_a_run_is_not_started_past_it() -> None:
    async with laboratory(states=EccState.READY, interlock=rivalled()) as lab:
        with pytest.raises(RefusedError, match=UP):
            await lab.system.start()
        assert lab.sent == []


async def test_a_walk_that_is_on_its_way_halts_before_the_next_step() -> None:
    interlock = Interlock()
    async with laboratory(interlock=interlock) as lab:
        walk = lab.put(lab.system.reach(EccState.READY))
        await lab.on_the_wire("Describe", "CoBo0")
        interlock.found("search", SEARCH)
        with pytest.raises(OperationError, match=UP):
            await walk
        halted = lab.now
        assert halted.state is SystemState.DESCRIBED
        interlock.found("search", "")
        await lab.system.reach(EccState.READY)
        assert lab.now.state is SystemState.READY


async def test_what_may_be_asked_changes_with_it() -> None:
    interlock = Interlock()
    async with laboratory(interlock=interlock) as lab:
        free = lab.now.allowed
        interlock.found("search", SEARCH)
        await lab.until(lambda: lab.now.allowed == 0)
        interlock.found("search", "")
        await lab.until(lambda: lab.now.allowed == free)
        await asyncio.sleep(0)

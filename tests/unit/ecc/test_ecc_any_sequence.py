"""Whatever operators, faults and other clients do: daqpv tells the truth after it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from daqpv.core import Condition, Result
from daqpv.ecc import EccState, Operation, Transition
from daqpv.errors import DaqError
from daqpv.testing import VirtualLoop
from tests.support.ecc import CONFIG, OTHER, Fault, Lab, laboratory

Move = tuple[str, Any]

FAULTS = st.none() | st.sampled_from(Fault)
WISHES = st.one_of(
    st.tuples(st.just("reach"), st.sampled_from(EccState)),
    st.tuples(st.just("operate"), st.sampled_from(Operation)),
    st.tuples(st.just("step_back"), st.none()),
    st.tuples(st.just("choose"), st.sampled_from([CONFIG, OTHER])),
    st.tuples(st.just("refresh_configs"), st.none()),
    st.tuples(st.just("enable"), st.booleans()),
)
TROUBLE = st.one_of(
    st.tuples(st.just("fault of operations"), FAULTS),
    st.tuples(st.just("fault of polls"), FAULTS.filter(lambda f: f is not Fault.IDLER)),
    st.tuples(st.just("fault of lists"), FAULTS.filter(lambda f: f is not Fault.IDLER)),
    st.tuples(st.just("failure"), st.sampled_from(Operation)),
    st.tuples(st.just("foreign"), st.sampled_from(Operation)),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("death"), st.none()),
)
TIME = st.tuples(
    st.just("time"), st.sampled_from([0.0, 0.0005, 0.0015, 0.05, 1.0, 2.001, 7.0, 70.0])
)
ABORT = st.tuples(st.just("abort"), st.none())


def plays(moves: st.SearchStrategy[Move]) -> st.SearchStrategy[list[Move]]:
    """Short ones, that shrink well, and long ones, that get far."""
    return st.lists(moves, max_size=8) | st.lists(moves, min_size=12, max_size=40)


CALM = plays(WISHES | TIME | ABORT)
STORM = plays(WISHES | TROUBLE | TIME | TIME | ABORT)


class Play:
    """Moves in a laboratory, and what they leave."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.puts: list[asyncio.Task[None]] = []
        self.others: list[asyncio.Future[Any]] = []

    async def do(self, move: Move) -> None:
        what, value = move
        server, ecc = self.lab.server, self.lab.ecc
        match what:
            case "reach" | "operate" | "enable":
                self.put(getattr(ecc, what)(value))
            case "choose":
                self.put(ecc.choose(str(value)))
            case "step_back" | "refresh_configs":
                self.put(getattr(ecc, what)())
            case "abort":
                ecc.abort()
            case "time":
                await self.lab.pass_time(value)
            case "fault of operations":
                server.fault = value
            case "fault of polls":
                server.state_fault = value
            case "fault of lists":
                server.list_fault = value
            case "failure":
                server.failures[value.value] = "no clock"
            case "foreign":
                self.others.append(asyncio.ensure_future(server.foreign(value.value)))
            case "restart":
                server.restart()
            case "death":
                server.process.die()

    def put(self, wish: Coroutine[Any, Any, None]) -> None:
        self.puts.append(self.lab.put(wish))

    async def calm_down(self) -> None:
        """All faults are mended, all puts end, and the server is polled once."""
        server = self.lab.server
        server.fault = server.state_fault = server.list_fault = None
        server.failures.clear()
        if server.process.died.done():
            server.restart()
        if self.puts:
            _, endless = await asyncio.wait(self.puts, timeout=1000.0)
            assert not endless, "a command never ends"
        await asyncio.gather(*self.others, return_exceptions=True)
        await self.lab.until(lambda: server.is_quiet)
        with suppress(DaqError):
            await self.lab.ecc.enable(True)
        begun = server.polls
        hanging = 3.0  # [s] a poll that was begun before runs into its deadline
        period = self.lab.now.poll_period
        await self.lab.until(
            lambda: server.polls > begun, within=hanging + period + 0.1
        )
        await self.lab.pass_time(0.01)


def play(moves: list[Move]) -> Lab:
    """Play on a clock that jumps; what every play must leave is asserted here."""

    async def scene() -> Lab:
        before = asyncio.all_tasks()
        async with laboratory() as lab:
            play = Play(lab)
            for move in moves:
                await play.do(move)
            await play.calm_down()
            tells_the_truth(lab)
            ends_what_begins(lab, play)
            await is_in_the_operators_hand(lab)
        assert asyncio.all_tasks() == before, "a task is left"
        return lab

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene())


def tells_the_truth(lab: Lab) -> None:
    now, process = lab.now, lab.server.process
    assert now.state == process.state
    assert now.transition is Transition.NONE
    broken = now.state is EccState.BROKEN
    assert now.condition is (Condition.BROKEN if broken else Condition.OK)
    assert (now.online, now.known, now.enabled) == (True, True, True)


def ends_what_begins(lab: Lab, play: Play) -> None:
    flips = [snapshot.busy for names, snapshot in lab.shown[1:] if "busy" in names]
    assert flips == [True, False] * (len(flips) // 2)
    assert lab.now.result_count == len(lab.texts("command"))
    assert lab.now.result is not Result.BUSY
    assert not lab.now.goal
    times = [snapshot.time for _, snapshot in lab.shown]
    assert times == sorted(set(times))
    for put in play.puts:
        error = put.exception()
        assert error is None or isinstance(error, DaqError), repr(error)
        assert error is None or "caput" not in str(error) or "AT:ECC" in str(error)


async def is_in_the_operators_hand(lab: Lab) -> None:
    """Whatever happened: down to Idle and up to Ready, after a restart if need be."""
    if lab.server.process.halted:
        lab.server.restart()
        await lab.pass_time(1.1)
    await asyncio.wait_for(lab.ecc.reach(EccState.IDLE), 100.0)
    await asyncio.wait_for(lab.ecc.reach(EccState.READY), 100.0)
    assert lab.server.process.state == EccState.READY


QUIETLY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUIETLY
@given(STORM)
def test_nothing_parts_the_device_from_its_server_for_long(moves: list[Move]) -> None:
    note(repr(moves))
    play(moves)


@QUIETLY
@given(CALM)
def test_no_illegal_operation_is_sent_whatever_operators_do(moves: list[Move]) -> None:
    note(repr(moves))
    lab = play(moves)
    assert lab.server.ignored == []

"""What operators may ask of the system, and what an open run forbids them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import pytest

from daqpv.core import Interlock, Result, run_is_open
from daqpv.ecc import EccState
from daqpv.errors import DaqError, OperationError, RefusedError
from daqpv.system import Operator, SystemState
from tests.support.system import Lab, ended, laboratory

REASON = "Run 12 is open. To stop it: caput AT:Run:Stop 1"
DOWN = (EccState.IDLE, EccState.DESCRIBED, EccState.PREPARED, EccState.READY)
STATES = [*EccState, SystemState.MIXED]


class OpenRun:
    """A run that is open until it is stopped, and stops the system itself."""

    def __init__(self) -> None:
        self.hold = run_is_open(12, "AT:Run:")
        self.stops = 0
        self.error: DaqError | None = None
        self.lab: Lab
        self._shows: list[Callable[[Any, Collection[str]], None]] = []

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        self._shows.append(show)
        show(self, ())

    async def stop(self) -> None:
        self.stops += 1
        if self.error is not None:
            raise self.error
        await self.lab.system.stop()
        self.hold = ""
        for show in self._shows:
            show(self, ("state",))


@pytest.fixture
async def run() -> AsyncIterator[OpenRun]:
    """A run is open; all servers are Running."""
    run, interlock = OpenRun(), Interlock()
    interlock.take(run)
    async with laboratory(states=EccState.RUNNING, interlock=interlock) as run.lab:
        yield run


def bits(*states: int) -> int:
    return sum(1 << state for state in states)


@pytest.mark.parametrize("target", STATES)
async def test_allowed_tells_what_is_taken_while_a_run_is_open(
    run: OpenRun, target: EccState | SystemState
) -> None:
    lab = run.lab
    assert lab.now.allowed == bits(*DOWN)
    before = list(lab.sent)
    told = await ended(lab.put(Operator(lab.system).reach(target)))
    if target in DOWN:
        assert (told, run.stops) == (None, 1)
        assert set(lab.states.values()) == {target}
    else:
        assert told == f"RefusedError: {REASON}"
        assert lab.now.last_error.endswith(REASON)
        assert lab.now.result is Result.REFUSED
        assert (lab.sent, run.stops) == (before, 0)


async def test_a_refusal_names_who_has_asked_for_what(run: OpenRun) -> None:
    lab = run.lab
    lab.events.clear()
    with pytest.raises(RefusedError):
        await lab.put(Operator(lab.system).reach(EccState.PAUSED))
    told = [event for event in lab.events if event.name == "command"]
    assert [(str(e.origin), e.text) for e in told] == [("ann@hut", REASON)]


async def test_allowed_is_as_ever_when_the_run_has_ended(run: OpenRun) -> None:
    lab = run.lab
    await run.stop()
    await lab.until(lambda: lab.now.allowed != bits(*DOWN))
    await Operator(lab.system).reach(EccState.RUNNING)
    assert lab.now.state is SystemState.RUNNING


async def test_the_run_itself_is_not_held(run: OpenRun) -> None:
    system = run.lab.system
    await system.pause()
    paused = run.lab.now
    assert paused.state is SystemState.PAUSED
    await system.resume()
    resumed = run.lab.now
    assert resumed.state is SystemState.RUNNING
    await system.stop()
    assert (run.lab.now.state, run.stops) == (SystemState.READY, 0)


@pytest.mark.parametrize("wish", [Operator.stop, Operator.step_back])
async def test_the_way_out_stops_the_run_and_goes_no_further(
    run: OpenRun, wish: Callable[[Operator], Any]
) -> None:
    await wish(Operator(run.lab.system))
    assert (run.stops, run.lab.now.state) == (1, SystemState.READY)
    await wish(Operator(run.lab.system))  # no run is open any more
    assert run.stops == 1


@pytest.mark.parametrize(
    "wish", [Operator.stop, Operator.step_back, lambda one: one.reach(EccState.IDLE)]
)
async def test_a_run_that_cannot_be_stopped_is_the_reason(
    run: OpenRun, wish: Callable[[Operator], Any]
) -> None:
    run.error = OperationError("CoBo3 is Offline. Again: caput AT:Run:Stop 1")
    before = list(run.lab.sent)
    with pytest.raises(OperationError, match="CoBo3 is Offline"):
        await wish(Operator(run.lab.system))
    assert run.lab.sent == before

"""Whom a run of another process holds: by what is seen of it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daqpv.core import Reading, Result
from daqpv.errors import NotConnectedError, OperationError
from daqpv.links.ca.remote_run import RemoteRun
from daqpv.runs import RunState

REASON = "Run 12 is open. To stop it: caput AT:Run:Stop 1"
UNKNOWN = Reading(value=None)
OPEN = (RunState.RUNNING, RunState.PAUSED)


class Pvs:
    """PVs of another process: its monitors come when they are let through."""

    def __init__(self) -> None:
        self.true = {"State": RunState.STOPPED, "Number": 11, "Result": Result.DONE}
        self.error: OperationError | None = None
        self.answers = True
        self.asked: list[str] = []
        self._late: dict[str, Reading] = {}
        self._shows: dict[str, Callable[[Reading], None]] = {}

    def change(self, **values: Any) -> None:
        """Something happens; nobody here has heard of it yet."""
        self.true |= values

    def monitors_come(self) -> None:
        for signal, value in self.true.items():
            self._late[signal] = Reading(value=value)
            if signal in self._shows:
                self._shows[signal](self._late[signal])

    def latest(self, pv: str) -> Reading:
        return self._late.get(pv.removeprefix("AT:Run:"), UNKNOWN)

    def watch(self, pv: str, show: Callable[[Reading], None]) -> Callable[[], None]:
        self._shows[pv.removeprefix("AT:Run:")] = show
        show(self.latest(pv))
        return lambda: None

    async def ask(self, pv: str) -> Reading:
        self.asked.append(pv)
        value = self.true[pv.removeprefix("AT:Run:")]
        return Reading(value=value) if self.answers else UNKNOWN

    async def put(self, pv: str, text: str) -> None:
        assert (pv, text) == ("AT:Run:Stop", "1")
        if not self.answers:
            raise NotConnectedError(f"no answer from {pv}")
        if self.error is not None:
            raise self.error
        self.change(State=RunState.STOPPED)


@pytest.fixture
def pvs() -> Pvs:
    return Pvs()


@pytest.fixture
def run(pvs: Pvs) -> RemoteRun:
    run = RemoteRun("AT:Run:", pvs)
    run.follow()
    return run


def test_a_run_that_nobody_has_seen_holds_nobody(run: RemoteRun) -> None:
    assert run.hold == ""


@pytest.mark.parametrize("state", RunState)
def test_by_what_is_seen_an_open_run_holds(
    run: RemoteRun, pvs: Pvs, state: RunState
) -> None:
    pvs.change(State=state, Number=12)
    pvs.monitors_come()
    assert run.hold == (REASON if state in OPEN else "")


@pytest.mark.parametrize("result", Result)
@pytest.mark.parametrize("state", RunState)
async def test_by_its_answer_an_open_run_without_a_command_holds(
    run: RemoteRun, pvs: Pvs, state: RunState, result: Result
) -> None:
    pvs.change(State=state, Number=12, Result=result)
    is_held = state in OPEN and result is not Result.BUSY
    assert await run.asked() == (REASON if is_held else "")


async def test_the_answer_counts_and_not_a_monitor_that_is_late(
    run: RemoteRun, pvs: Pvs
) -> None:
    pvs.change(State=RunState.RUNNING, Number=12)
    pvs.monitors_come()
    pvs.change(State=RunState.STOPPING, Result=Result.BUSY)
    assert (run.hold, await run.asked()) == (REASON, "")


async def test_a_run_that_does_not_answer_holds_nobody(
    run: RemoteRun, pvs: Pvs
) -> None:
    pvs.change(State=RunState.RUNNING, Number=12)
    pvs.monitors_come()
    pvs.answers = False
    assert await run.asked() == ""


async def test_a_stop_is_a_put_of_the_button(run: RemoteRun, pvs: Pvs) -> None:
    pvs.change(State=RunState.RUNNING, Number=12)
    await run.stop()
    assert await run.asked() == ""


async def test_a_stop_that_fails_says_what_the_run_says(
    run: RemoteRun, pvs: Pvs
) -> None:
    pvs.error = OperationError("AT:Run:Stop: Channel write request failed")
    with pytest.raises(OperationError, match="Channel write request failed"):
        await run.stop()
    pvs.change(LastError="CoBo3 is Offline")
    pvs.monitors_come()
    with pytest.raises(OperationError, match="CoBo3 is Offline"):
        await run.stop()

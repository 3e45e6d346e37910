"""Every state with every event: what becomes of the run, shown and stored."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from daqpv.core import Condition, Result
from daqpv.errors import DaqError, OperationError, RefusedError
from daqpv.runs import (
    TABLE,
    Entry,
    Run,
    RunEvent,
    RunRecord,
    RunSnapshot,
    RunState,
)
from tests.support.runs import Lab, reaches

E, S = RunEvent, RunState
WISHES = {
    E.START: Run.start,
    E.STOP: Run.stop,
    E.PAUSE: Run.pause,
    E.RESUME: Run.resume,
    E.RESET: Run.reset,
}
FOUND = {
    E.FOUND_RUNNING: "Running",
    E.FOUND_PAUSED: "Paused",
    E.FOUND_STOPPED: "Ready",
    E.FOUND_MIXED: "Mixed",
}
SEEN = {
    E.SEEN_PAUSED: "Paused",
    E.SEEN_RUNNING: "Running",
    E.SEEN_STOPPED: "Ready",
}


async def led_to(run: Run, lab: Lab, state: RunState) -> None:
    """Lead a run to `state`, as an operator does."""
    if state is S.STARTING:
        asyncio.get_running_loop().create_task(quiet(run.start()))
        await reaches(lambda: run.snapshot.state is S.STARTING)
    elif state is not S.STOPPED:
        await run.start()
        if state is S.PAUSED:
            await run.pause()
        elif state is S.STOPPING:
            asyncio.get_running_loop().create_task(quiet(run.stop()))
            await reaches(lambda: run.snapshot.state is S.STOPPING)
        elif state is S.FAILED:
            lab.detector.fault["stop"] = OperationError("CoBo0: no answer")
            with pytest.raises(OperationError):
                await run.stop()
    assert run.snapshot.state is state


async def quiet(work: Coroutine[Any, Any, None]) -> None:
    with suppress(DaqError):
        await work


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(state, event) for state in S for event in E}
    for (state, event), row in TABLE.items():
        if row.after is None:
            assert event in WISHES, (state, event)
            assert row.why.endswith((".", "}")), row
        assert (row.after is S.STARTING) <= (event is E.START or state is S.STARTING)


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", WISHES)
async def test_what_becomes_of_a_wish(state: RunState, event: RunEvent) -> None:
    lab = Lab()
    async with lab.running() as run:
        await led_to(run, lab, state)
        row, before = TABLE[state, event], len(lab.detector.done)
        work = asyncio.get_running_loop().create_task(WISHES[event](run))
        await asyncio.wait({work})
        error = work.exception()
        after = run.snapshot.state
        if event is E.STOP:  # never refused, whatever there is
            assert error is None
            assert after is S.STOPPED
            had = state not in (S.STOPPED, S.STARTING)
            assert (lab.store.last is not None) == had
            if had:
                assert lab.store.last
                assert lab.store.last.entry is Entry.ENDED
                assert lab.store.last.stop is not None
        elif row.after is None or (
            state in (S.STARTING, S.STOPPING) and event is not E.START
        ):
            assert isinstance(error, RefusedError), error
            assert run.snapshot.state in (state, S.RUNNING, S.STOPPED)
            assert len(lab.detector.done) == before
        elif state is S.STOPPING:
            assert isinstance(error, RefusedError)  # a start while it stops
        else:
            assert error is None
        if event is E.START and state in (S.STOPPED, S.STARTING):
            assert after is S.RUNNING
            assert lab.store.last
            assert (lab.store.last.number, lab.store.last.entry) == (12, Entry.OPEN)
            assert (run.snapshot.number, run.snapshot.next_number) == (12, 13)
            assert lab.detector.done == ["start"]  # once, by whoever pressed it
        if event is E.RESET and state is S.FAILED:
            assert after is S.STOPPED
            assert lab.store.last
            assert lab.store.last.entry is Entry.FAILED
        if event is E.PAUSE and state is S.RUNNING:
            assert after is S.PAUSED
        if event is E.RESUME and state is S.PAUSED:
            assert after is S.RUNNING


@pytest.mark.parametrize("state", [S.RUNNING, S.PAUSED])
@pytest.mark.parametrize("event", SEEN)
async def test_what_others_do_to_an_open_run(state: RunState, event: RunEvent) -> None:
    lab = Lab()
    async with lab.running() as run:
        await led_to(run, lab, state)
        lab.detector.becomes(SEEN[event])
        await asyncio.sleep(2)
        row = TABLE[state, event]
        assert run.snapshot.state is row.after
        assert lab.store.last
        assert lab.store.last.entry is (row.entry or Entry.OPEN)
        assert row.why in lab.store.last.note
        assert bool(row.why) == (event is E.SEEN_STOPPED)
        assert run.running is None
        assert "pause" not in lab.detector.done[2:]


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", FOUND)
async def test_what_a_restart_makes_of_it(state: RunState, event: RunEvent) -> None:
    record = RunRecord(number=12, entry=Entry.OPEN, start=1.79e9, seen=1.79e9 + 60)
    had = state not in (S.STOPPED, S.STARTING)
    lab = Lab(
        snapshot=RunSnapshot(
            state=state,
            open_run=record if had else None,
            number=11,
            next_number=13 if had else 12,
            experiment="e20009",
        )
    )
    lab.detector.state = FOUND[event]
    lab.detector.is_settled = False
    async with lab.running() as run:
        await asyncio.sleep(3)
        assert not run.snapshot.known  # nobody has said what the servers do
        assert run.snapshot.number == (12 if had else 11)
        assert run.snapshot.state is state
        assert lab.store.records == []
        lab.detector.becomes(FOUND[event], is_settled=True)
        await asyncio.sleep(2)
        row = TABLE[state, event]
        assert run.snapshot.known
        assert run.snapshot.state is row.after
        last = lab.store.last
        assert (last.entry if last else None) is row.entry
        assert lab.detector.done == []  # nothing is commanded
        if last is not None:
            assert last.number == 12
            assert run.snapshot.next_number == 13
            assert (last.stop is None) == (last.entry is Entry.OPEN)
        if last is not None and last.stop is not None:
            assert last.stop == record.seen  # later nobody has seen it
        assert "looking" not in run.snapshot.message
        assert bool(run.snapshot.failure) == (row.after is S.FAILED)
        if row.after is S.FAILED:
            assert f"It was {state.label} when daqpv ended" in run.snapshot.last_error
            assert run.snapshot.last_error.endswith("caput AT:Run:Reset 1")
            assert "goes on" not in "".join(one.text for one in lab.said)


@pytest.mark.parametrize(
    ("wish", "fault", "state", "result"),
    [
        ("start", OperationError("CoBo0: no power"), S.FAILED, Result.FAILED),
        ("start", RefusedError("CoBo0 is busy"), S.STOPPED, Result.REFUSED),
        ("stop", OperationError("CoBo0: no answer"), S.FAILED, Result.FAILED),
    ],
)
async def test_a_halted_start_or_stop(
    wish: str, fault: DaqError, state: RunState, result: Result
) -> None:
    lab = Lab()
    async with lab.running() as run:
        if wish == "stop":
            await run.start()
        lab.detector.fault[wish] = fault
        with pytest.raises(type(fault), match="CoBo0"):
            await getattr(run, wish)()
        assert run.snapshot.state is state
        assert run.snapshot.result is result
        assert run.snapshot.condition is Condition.OK
        if wish == "start":
            assert run.snapshot.next_number == 12  # kept: nothing ran
            assert lab.store.records == []
        else:
            assert lab.store.last
            assert lab.store.last.entry is Entry.OPEN
            assert run.snapshot.open_run is not None

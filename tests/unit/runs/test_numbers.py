"""Numbers of runs: each once, none beyond what PVs and databases hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.errors import RefusedError
from daqpv.iocs.run import RunGroup
from daqpv.runs import Entry, History, RunRecord, RunSnapshot
from daqpv.runs.record.numbers import LAST, Numbers
from daqpv.runs.settings import Checks, RunSettings
from tests.support.runs import Lab, reaches

INT32 = 2**31 - 1  # what a longout and an INTEGER column hold


@given(st.sets(st.sampled_from([*range(5), *range(LAST - 4, LAST + 1)])), st.data())
def test_what_is_proposed_is_free(used: set[int], data: st.DataObject) -> None:
    numbers = Numbers()
    numbers.use(used)
    asked = data.draw(st.integers(LAST - 6, LAST) | st.integers(0, 6))
    free = numbers.free_from(asked)
    assert 0 <= free <= LAST
    assert free not in used
    following = numbers.after(asked)
    assert asked <= following <= LAST
    assert following not in used or following == LAST


def test_the_pv_takes_no_number_that_is_not_kept() -> None:
    (saved,) = (s for s in RunGroup.saved(RunSnapshot) if s.field == "next_number")
    assert saved.drive == (0, LAST)
    assert LAST + 1 <= INT32


async def test_after_the_last_number_a_start_is_refused_with_a_cure() -> None:
    settings = RunSettings(checks=Checks(number=False))  # not even so
    lab = Lab(settings=settings)
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await run.number_next(LAST)
        await run.start()
        assert (run.snapshot.number, run.snapshot.next_number) == (LAST, LAST)
        await run.stop()
        says = f"a run {LAST} already and no number after it.* caput AT:Run:N.* 13"
        with pytest.raises(RefusedError, match=says):
            await run.start()
        await run.number_next(13)
        await run.start()
        assert (run.snapshot.number, run.snapshot.next_number) == (13, 14)


def ended(number: int, start: float) -> RunRecord:
    return RunRecord(
        number=number, entry=Entry.ENDED, start=start, stop=start + 4, seen=start + 4
    )


async def test_after_a_restart_the_last_run_is_shown_not_the_highest_number() -> None:
    history = History(numbers={7, 500}, last=ended(7, 2e9))
    lab = Lab(history=history)
    async with lab.running() as run:
        await reaches(lambda: run.snapshot.number == 7)
        assert run.snapshot.duration == 4.0
    known = RunSnapshot(experiment="e20009", closed_run=ended(8, 2e9))
    lab = Lab(snapshot=known, history=replace(history, last=ended(500, 1e9)))
    async with lab.running() as run:
        assert run.snapshot.number == 8  # before the store has answered
        await reaches(lambda: 500 in run._numbers)
        assert (run.snapshot.number, run.snapshot.stop) == (8, 2e9 + 4)

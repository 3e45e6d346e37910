"""What is written down of a run: by hand, read over its length, at both its ends."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import (
    Origin,
    Severity,
    origin,
)
from daqpv.core.as_json import form_of
from daqpv.errors import RefusedError
from daqpv.runs import Entry, RunChange, RunEvent, RunRecord
from daqpv.runs.record.sheet import KEEP, Sheet, SheetSnapshot
from daqpv.runs.record.tally import Tally
from daqpv.runs.settings import RunSettings
from tests.support.sheet import HAND, LOST, MINOR, SETTINGS, Desk


def run(entry: Entry = Entry.OPEN, number: int = 12) -> RunRecord:
    return RunRecord(number=number, entry=entry, start=1.0, seen=1.0)


def begin(sheet: Sheet, number: int = 12) -> None:
    sheet.observe(run(number=number), RunEvent.STARTED)


def end(sheet: Sheet, event: RunEvent = RunEvent.STOPPED) -> None:
    sheet.observe(run(Entry.ENDED), event)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_what_is_written_by_hand_is_kept_with_the_run(desk: Desk) -> None:
    async with desk.open() as sheet:
        await sheet.write("target", "CH2")
        await sheet.write("field", 2.5)
        assert desk.kept == []
        begin(sheet)
        assert {name: desk.values()[name].value for name in HAND} == {
            "target": "CH2", "shift": None, "field": 2.5
        }  # fmt: skip
        origin.set(Origin("anna", "hut"))
        await sheet.write("field", 2.75)
        await sheet.write("field", 2.75)
        (change,) = [one for one in desk.kept if isinstance(one, RunChange)]
        assert (change.number, change.field, change.old, change.new) == (
            12, "Par:field", "2.5", "2.75"
        )  # fmt: skip
        assert change.origin == Origin("anna", "hut")
        assert desk.values()["field"].value == 2.75
        end(sheet)
        assert desk.values()["field"].value == 2.75
        assert desk.values()["field"].units == "T"


async def test_the_next_run_has_what_the_last_one_had_but_what_is_emptied(
    desk: Desk,
) -> None:
    async with desk.open() as sheet:
        await sheet.write("target", "CH2")
        await sheet.write("shift", 3)
        begin(sheet)
        end(sheet)
        assert desk.values()["shift"].value == 3
        shown = sheet.snapshot.values
        assert (shown["target"].value, shown["shift"].value) == ("CH2", None)
        assert shown["shift"].severity is Severity.INVALID
        begin(sheet, 13)
        assert desk.values(13)["target"].value == "CH2"
        assert desk.values(13)["shift"].value is None
        await sheet.write("shift", 4)
        assert desk.values(13)["shift"].value == 4


async def test_an_observable_can_be_emptied(desk: Desk) -> None:
    async with desk.open() as sheet:
        await sheet.write("field", 2.5)
        await sheet.write("target", "CH2")
        await sheet.write("field", math.nan)
        await sheet.write("target", "")
        assert sheet.snapshot.written == {}
        assert sheet.snapshot.values["field"].severity is Severity.INVALID
        assert sheet.snapshot.values["target"].severity is Severity.NO_ALARM
        with pytest.raises(RefusedError, match="inf is not a finite number"):
            await sheet.write("field", math.inf)


async def test_what_is_read_is_counted_over_the_run(desk: Desk) -> None:
    lab = desk.lab
    async with desk.open() as sheet:
        lab.becomes("LAB:P", 999.0)  # before the run
        lab.becomes("LAB:P", 300.0)
        lab.becomes("LAB:N", 7)
        lab.becomes("LAB:V", 1, label="Open")
        begin(sheet)
        first = desk.values()["pressure"]
        assert (first.value, first.start, first.stop) == (300.0, 300.0, None)
        await asyncio.sleep(30)
        lab.becomes("LAB:P", 400.0, MINOR)
        lab.becomes("LAB:N", 9.2)
        await asyncio.sleep(10)
        lab.becomes("LAB:P", 200.0)
        lab.becomes("LAB:V", 0, label="Closed")
        end(sheet)
        lab.becomes("LAB:P", 1.0)  # after it
        pressure, bottle = desk.values()["pressure"], desk.values()["bottle"]
        assert pressure.value == pressure.mean == pytest.approx(325.0)
        assert (pressure.start, pressure.stop) == (300.0, 200.0)
        assert (pressure.low, pressure.high, pressure.count) == (200.0, 400.0, 3)
        assert pressure.severity is Severity.MINOR
        assert (bottle.value, bottle.high, bottle.count) == (9, 9, 2)
        valve = desk.values()["valve"]
        assert (valve.value, valve.start, valve.mean) == ("Closed", "Open", None)
        begin(sheet, 13)
        assert desk.values(13)["pressure"].start == 1.0
        assert desk.values(13)["pressure"].severity is Severity.NO_ALARM


async def test_while_a_pv_is_lost_no_time_counts_for_it(desk: Desk) -> None:
    lab = desk.lab
    async with desk.open() as sheet:
        begin(sheet)  # nothing is there yet
        assert desk.values()["pressure"].value is None
        assert desk.values()["pressure"].severity is Severity.INVALID
        await asyncio.sleep(100)
        lab.becomes("LAB:P", 300.0)
        await asyncio.sleep(10)
        lab.becomes("LAB:P", None, LOST.alarm)
        assert sheet.snapshot.values["pressure"].alarm.reason == "no answer"
        await asyncio.sleep(100)
        lab.becomes("LAB:P", 500.0)
        await asyncio.sleep(10)
        lab.becomes("LAB:P", 7.0, LOST.alarm)  # a value that is none
        end(sheet)
        value = desk.values()["pressure"]
        assert value.mean == pytest.approx(400.0)
        assert (value.start, value.stop, value.low, value.count) == (
            None, None, 300.0, 2
        )  # fmt: skip
        assert value.severity is Severity.INVALID


@pytest.mark.parametrize("value", ["low", [1.0], math.nan, math.inf])
async def test_a_reading_of_another_type_says_so(desk: Desk, value: Any) -> None:
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", value)
        desk.lab.becomes("LAB:N", value)
        reading = sheet.snapshot.values["pressure"]
        assert (reading.value, reading.severity) == (None, Severity.INVALID)
        assert reading.alarm.reason == f"LAB:P is no float: {value!r}"
        desk.lab.becomes("LAB:P", "12.5")
        assert sheet.snapshot.values["pressure"].value == 12.5


async def test_chosen_pvs_are_kept_at_both_ends(desk: Desk) -> None:
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", 300.0)
        begin(sheet)
        desk.lab.becomes("LAB:P", [1.0, 2.0], MINOR)
        desk.lab.becomes("LAB:X", 1, label="Open")
        end(sheet)
        assert desk.pvs() == [
            ("start", "LAB:P", 300.0, Severity.NO_ALARM),
            ("start", "LAB:X", None, Severity.INVALID),
            ("stop", "LAB:P", [1.0, 2.0], Severity.MINOR),
            ("stop", "LAB:X", "Open", Severity.NO_ALARM),
        ]


def again(
    desk: Desk, settings: RunSettings = SETTINGS, open_run: int | None = 12
) -> Desk:
    """daqpv anew, with what was saved."""
    saved = {
        name: form_of(SheetSnapshot, name).decode(
            form_of(SheetSnapshot, name).encode(getattr(desk.snapshot, name))
        )
        for name in ("written", "run")
    }
    snapshot = SheetSnapshot(**saved)
    return Desk(lab=desk.lab, settings=settings, snapshot=snapshot, open_run=open_run)


async def test_after_a_restart_statistics_go_on_from_what_is_known(desk: Desk) -> None:
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", 300.0)
        desk.lab.becomes("LAB:V", 1, label="Open")
        await sheet.write("target", "CH2")
        begin(sheet)
        await asyncio.sleep(KEEP + 1)
        desk.lab.becomes("LAB:P", 900.0)  # is not kept any more
    await asyncio.sleep(500)
    desk = again(desk)
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", 100.0)
        await asyncio.sleep(50)  # nobody knows yet whether the run is still open
        sheet.observe(run(), RunEvent.FOUND_RUNNING)
        await asyncio.sleep(KEEP)
        end(sheet)
    value = desk.values()["pressure"]
    assert (value.start, value.mean, value.high) == (300.0, 200.0, 300.0)
    assert (value.low, value.count) == (100.0, 2)
    assert desk.values()["valve"].start == "Open"
    assert desk.values()["target"].value == "CH2"
    assert [moment for moment, *_ in desk.pvs()] == ["stop", "stop"]


async def test_of_a_run_that_ended_meanwhile_the_stop_is_not_known(desk: Desk) -> None:
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", 300.0)
        begin(sheet)
        await asyncio.sleep(KEEP + 1)
    desk = again(desk)
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", 1.0)
        await asyncio.sleep(10)
        sheet.observe(run(Entry.INTERRUPTED), RunEvent.FOUND_STOPPED)
        value = desk.values()["pressure"]
        assert (value.mean, value.start, value.stop) == (300.0, 300.0, None)
        assert value.low == 300.0
        assert desk.pvs() == []
        assert sheet.snapshot.open_run is None


@pytest.mark.parametrize("open_run", [None, 13])
async def test_what_is_written_after_a_kill_at_the_end_belongs_to_the_next_run(
    desk: Desk, open_run: int | None
) -> None:
    async with desk.open() as sheet:
        begin(sheet)
    desk = again(desk, open_run=open_run)
    async with desk.open() as sheet:
        await sheet.write("target", "CH2")
        assert desk.kept == []
        begin(sheet, 13)
        assert desk.values(13)["target"].value == "CH2"


async def test_the_end_of_a_run_that_is_not_known_changes_what_was_written_alone(
    desk: Desk,
) -> None:
    async with desk.open() as sheet:
        desk.lab.becomes("LAB:P", 300.0)
        await sheet.write("target", "CH2")
        end(sheet)
        assert sorted(desk.values()) == sorted(HAND)


async def test_a_file_that_has_changed_keeps_what_fits(desk: Desk) -> None:
    async with desk.open() as sheet:
        await sheet.write("target", "CH2")
        await sheet.write("shift", 3)
        await sheet.write("field", 2.5)
        begin(sheet)
    changed = RunSettings.model_validate(
        {
            "observables": {
                "target": {"pv": "LAB:T"},
                "shift": {"type": "float"},
                "field": {"type": "string"},
            }
        }
    )
    desk = again(desk, changed)
    async with desk.open() as sheet:
        assert sheet.snapshot.written == {"shift": 3}
        sheet.observe(run(), RunEvent.FOUND_RUNNING)
        end(sheet)
        assert desk.values()["shift"].value == 3
        assert desk.values()["target"].count == 0


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.none(),
                st.floats(-1e300, 1e300),
                st.integers(-(2**31), 2**31),
            ),
            st.floats(0, 1e6),
        )
    )
)
def test_a_mean_lies_between_what_was_read(steps: list[tuple[Any, float]]) -> None:
    tally = Tally()
    for value, seconds in steps:
        tally = tally.read(value, Severity.NO_ALARM).passed(value, seconds)
    numbers = [value for value, _ in steps if value is not None]
    assert tally.count == len(numbers)
    if numbers:
        assert (tally.low, tally.high) == (min(numbers), max(numbers))
    if tally.mean is not None:
        slack = 1e-9 * max(map(abs, numbers)) * len(numbers)
        assert min(numbers) - slack <= tally.mean <= max(numbers) + slack

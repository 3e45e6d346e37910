"""The PVs of the run sheet: what they show, and what a put does."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from daqpv.core import Severity
from daqpv.errors import RefusedError
from daqpv.iocs.sheet import SheetGroup
from daqpv.runs.record.sheet import Sheet, SheetSnapshot
from daqpv.runs.settings import RunSettings
from tests.support.sheet import LOST, SETTINGS, Desk, Lab

P = "AT:Run:Par:"


class Served:
    """A sheet with its PVs."""

    def __init__(self, sheet: Sheet, settings: RunSettings) -> None:
        self.group = SheetGroup(P, sheet, settings.observables)
        sheet.watch(self.group.show)

    def __getitem__(self, name: str) -> Any:
        return self.group.pvdb[P + name]

    async def put(self, name: str, text: str) -> None:
        """As ``caput`` sends it."""
        channel = self[name]
        work = channel.put(channel.form.accept([text], channel.meta))
        if work is not None:
            await work


async def test_records_units_and_texts_are_those_of_the_file() -> None:
    async with Desk().open() as sheet:
        served = Served(sheet, SETTINGS)
        records = {name: served[name].record for name in SETTINGS.observables}
        assert records == {
            "target": "stringout",
            "shift": "longout",
            "field": "ao",
            "pressure": "ai",
            "bottle": "longin",
            "valve": "stringin",
        }
        assert (served["pressure"].meta.units, served["field"].meta.precision) == (
            "Torr", 3
        )  # fmt: skip
        saved = [info.name for info in served.group.infos() if info.saved]
        assert saved == [f"{P}target", f"{P}shift", f"{P}field"]


async def test_what_is_put_is_shown_and_can_be_emptied() -> None:
    async with Desk().open() as sheet:
        served = Served(sheet, SETTINGS)
        field, target = served["field"], served["target"]
        assert (math.isnan(field.value), field.alarm.severity) == (True, 3)
        assert (target.value, target.alarm.severity) == ("", 0)
        await served.put("field", "2.5")
        await served.put("target", "CH2")
        await served.put("shift", "3")
        assert sheet.snapshot.written == {"field": 2.5, "target": "CH2", "shift": 3}
        assert (field.value, field.alarm.severity) == (2.5, 0)
        await served.put("field", "nan")
        await served.put("target", "")
        assert sheet.snapshot.written == {"shift": 3}
        assert field.alarm.reason == "not written yet"
        with pytest.raises(RefusedError):
            await served.put("field", "inf")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1e300, [1e300, 2**31 - 1, "1e+300"]),
        (-(2**40), [-(2.0**40), -(2**31), "-1099511627776"]),
        ("7", [7.0, 7, "7"]),
    ],
)
async def test_no_reading_is_too_much_for_a_pv(value: Any, shown: list[Any]) -> None:
    desk = Desk()
    async with desk.open() as sheet:
        served = Served(sheet, SETTINGS)
        for pv in ("LAB:P", "LAB:N", "LAB:V"):
            desk.lab.becomes(pv, value)
        names = ("pressure", "bottle", "valve")
        assert [served[name].value for name in names] == shown
        desk.lab.becomes("LAB:V", "é" * 100)
        desk.lab.becomes("LAB:P", 3.0)
        assert served["pressure"].value == 3.0  # it is still shown
        assert sheet.snapshot.values["valve"].value == "é" * 100


async def test_a_pv_that_is_lost_keeps_its_last_value_marked_as_such() -> None:
    desk = Desk()
    async with desk.open() as sheet:
        served = Served(sheet, SETTINGS)
        before = served["pressure"].alarm
        assert before.severity is Severity.INVALID
        desk.lab.becomes("LAB:P", 300.0)
        assert served["pressure"].alarm.severity is Severity.NO_ALARM
        desk.lab.becomes("LAB:P", None, LOST.alarm)
        await asyncio.sleep(0)
        assert (served["pressure"].value, served["pressure"].alarm.severity) == (300, 3)


async def test_a_sheet_of_snapshots_alone_has_no_pvs() -> None:
    settings = RunSettings(snapshot=("LAB:P",))
    async with Desk(settings=settings, lab=Lab(), snapshot=SheetSnapshot()).open() as s:
        assert Served(s, settings).group.infos() == []

"""PVs whose names come at run time, with unit, type, limits; some can be written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from daqpv.core import Alarm, Events, Reading, Severity, Shown, Snapshot, Status
from daqpv.errors import RefusedError, ServeError
from daqpv.serve import (
    Declaration,
    ReadingsGroup,
    ai,
    ao,
    long,
    longin,
    longout,
    mbbi,
    string,
)

LOST = Alarm(Severity.INVALID, Status.COMM, "offline")


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSnapshot(Snapshot):
    values: Mapping[str, Reading] = field(default_factory=dict)


class Panel(Shown[PanelSnapshot]):
    """An instrument with any channels."""

    def __init__(self) -> None:
        super().__init__("panel", PanelSnapshot(), events=Events())
        self.written: list[tuple[str, Any]] = []

    def reads(self, **values: Reading) -> None:
        self.change(replace(self.snapshot, values={**self.snapshot.values, **values}))

    async def write(self, name: str, value: Any) -> None:
        if value == 13:
            raise RefusedError("not 13")
        self.written.append((name, value))


class PanelGroup(ReadingsGroup[Panel]):
    message = long("Message", doc="Beside the readings")

    async def write(self, name: str, value: Any) -> None:
        await self.device.write(name, value)


def pvs() -> list[Declaration]:
    return [
        ai("pressure", units="mbar", precision=3, high=1.0, doc="Of the gas"),
        ao("setpoint", units="mbar", drive=(0, 20)),
        longin("counts"),
        longout("step"),
        string("unit"),
        string("note", writable=True),
        mbbi("valve", ("closed", "open")),
    ]


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.fixture
def group(panel: Panel) -> PanelGroup:
    group = PanelGroup("X:", panel, pvs=pvs())
    panel.watch(group.show)
    return group


def now(group: PanelGroup, name: str) -> tuple[Any, Severity]:
    channel: Any = group.pvdb[f"X:{name}"]
    return channel.value, channel.alarm.severity


def test_each_is_a_row_of_the_pv_table_with_unit_type_limits(group: PanelGroup) -> None:
    rows = {info.name: info for info in group.infos()}
    pressure, setpoint = rows["X:pressure"], rows["X:setpoint"]
    assert (pressure.record, pressure.units, pressure.precision, pressure.doc) == (
        "ai", "mbar", 3, "Of the gas"
    )  # fmt: skip
    assert (setpoint.record, setpoint.writable, setpoint.limits) == (
        "ao",
        True,
        (0, 20),
    )
    assert rows["X:valve"].choices == ("closed", "open")
    assert rows["X:Message"].record == "waveform"


def test_a_reading_brings_value_alarm_and_time(panel: Panel, group: PanelGroup) -> None:
    assert now(group, "pressure")[1] is Severity.INVALID
    panel.reads(
        pressure=Reading(value=0.5, time=1e9),
        counts=Reading(value=7),
        unit=Reading(value="Torr"),
        valve=Reading(value=1, label="open"),
    )
    assert now(group, "pressure") == (0.5, Severity.NO_ALARM)
    assert now(group, "counts") == (7, Severity.NO_ALARM)
    assert now(group, "unit") == ("Torr", Severity.NO_ALARM)
    assert now(group, "valve") == (1, Severity.NO_ALARM)
    panel.reads(pressure=Reading(value=2.5))
    assert now(group, "pressure") == (2.5, Severity.MINOR)


def test_without_a_value_the_last_one_stays_invalid_and_what_is_written_is_empty(
    panel: Panel, group: PanelGroup
) -> None:
    panel.reads(**{name: Reading(value=3.0) for name in ("pressure", "setpoint")})
    panel.reads(note=Reading(value="x"), step=Reading(value=2))
    lost = Reading(value=None, alarm=LOST)
    panel.reads(pressure=lost, setpoint=lost, note=lost, step=lost)
    assert now(group, "pressure") == (3.0, Severity.INVALID)
    assert math.isnan(now(group, "setpoint")[0])
    assert now(group, "note") == ("", Severity.INVALID)
    assert now(group, "step") == (0, Severity.INVALID)


def test_the_same_reading_is_posted_once(panel: Panel, group: PanelGroup) -> None:
    reading = Reading(value=1, time=1e9)
    panel.reads(counts=reading)
    stamp = group.pvdb["X:counts"].time
    panel.reads(unit=Reading(value="V"))
    assert group.pvdb["X:counts"].time == stamp


async def test_a_put_is_written_to_the_device_by_name(
    panel: Panel, group: PanelGroup
) -> None:
    work = group.pvdb["X:setpoint"].put(4.5)
    await work
    assert panel.written == [("setpoint", 4.5)]
    with pytest.raises(RefusedError, match="not 13"):
        await group.pvdb["X:step"].put(13)


@pytest.mark.parametrize(
    ("pvs", "says"),
    [
        ([ai("a"), longin("a")], "the PV X:a is declared twice"),
        ([ai("Message")], "the PV X:Message is declared twice"),
        ([ai("P" * 59)], "has more than 60 bytes"),
    ],
)
def test_a_name_is_used_once_and_short(
    panel: Panel, pvs: list[Declaration], says: str
) -> None:
    with pytest.raises(ServeError, match=says):
        PanelGroup("X:", panel, pvs=pvs)

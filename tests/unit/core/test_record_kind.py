"""Kinds of records: a dataclass, and the table that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import nan
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import Origin
from daqpv.core.records import table as t
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.table import REQUIRED, Branch, SqlType, Table


class Level(IntEnum):
    LOW = 0
    HIGH = 2


class Mode(StrEnum):
    IDLE = "idle"
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    device: str
    count: int
    time: float
    until: float | None = None
    pressure: float | None = None
    value: Any = None
    level: Level = Level.LOW
    mode: Mode = Mode.IDLE
    origin: Origin | None = None


SAMPLE_TABLE = Table(
    name="sample",
    columns=(
        t.text("device", 8),
        t.whole("count", SqlType.BIG),
        t.time("time"),
        t.time("until", nullable=True),
        t.real("pressure"),
        t.value("value"),
        t.number_of("level", Level),
        t.name_of("mode", Mode),
        t.who(),
        t.text("more", default=""),
    ),
    key=("device",),
    age="time",
)
SAMPLE = RecordKind(Sample, SAMPLE_TABLE)
ONE = Sample(
    device="gauge",
    count=3,
    time=1.5,
    until=2.25,
    pressure=1e-7,
    value=[1, 2.0, "é"],
    level=Level.HIGH,
    mode=Mode.ON,
    origin=Origin("anna", "hut"),
)


def test_a_row_has_plain_values_by_column() -> None:
    assert SAMPLE.encode(ONE) == {
        "device": "gauge",
        "count": 3,
        "time": 1_500_000,
        "until": 2_250_000,
        "pressure": 1e-7,
        "value": [1, 2.0, "é"],
        "level": 2,
        "mode": "on",
        "who": "anna@hut",
    }


@pytest.mark.parametrize("record", [ONE, Sample(device="x", count=0, time=0.0)])
def test_a_record_comes_back_as_it_was(record: Sample) -> None:
    assert SAMPLE.decode(SAMPLE.encode(record).values()) == record


def test_what_a_database_does_not_take_is_made_fit() -> None:
    row = SAMPLE.encode(
        Sample(device="a\0b" * 9, count=1, time=0.0, pressure=nan, value={1: nan})
    )
    assert row["device"] == "a\\x00..."
    assert (row["pressure"], row["value"]) == (None, {"1": "nan"})


@dataclass(frozen=True)
class Count:
    device: str
    count: int


def test_a_record_may_have_a_part_of_the_columns() -> None:
    assert RecordKind(Count, SAMPLE_TABLE).names == ("device", "count")


@dataclass(frozen=True)
class Odd:
    device: str
    colour: str


@dataclass(frozen=True)
class Keyless:
    count: int
    time: float


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (Odd, "sample has no column for Odd.colour"),
        (Keyless, "Keyless lacks the key of table sample: device"),
        (int, "not a dataclass"),
        (ONE, "not a dataclass"),
    ],
)
def test_a_record_that_does_not_fit_its_table_is_refused(record: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        RecordKind(record, SAMPLE_TABLE)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"name": "Sample"}, "'Sample' is not a name"),
        ({"name": "journal"}, "'journal' is not a name"),
        ({"columns": (t.text("id"),)}, "'id' is not a name"),
        ({"columns": (t.text("a"), t.text("a"))}, "the same name"),
        ({"key": ("b",)}, "no column 'b'"),
        ({"age": "b"}, "no column 'b'"),
        ({"key": ("a",)}, "a has no length"),
        ({"indexes": {"ix": ("b",)}}, "no column 'b'"),
    ],
)
def test_a_table_that_no_database_takes_is_refused(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Table(**({"name": "one", "columns": (t.text("a"),)} | options))


def test_the_newest_version_of_a_branch_is_that_of_its_last_script(
    tmp_path: Path,
) -> None:
    for name in ("0001_first.py", "0012_more.py", "notes.py"):
        (tmp_path / name).touch()
    assert Branch("gauges", tmp_path).newest == "gauges_0012"
    assert Branch("gauges").newest == "gauges_0001"
    with pytest.raises(ValueError, match="'Gauges!'"):
        Branch("Gauges!")


def test_a_column_is_required_unless_it_has_a_default() -> None:
    assert [c.name for c in SAMPLE_TABLE.columns if c.default is not REQUIRED] == [
        "more"
    ]

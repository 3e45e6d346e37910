"""Declares the tables of runs in the store."""

from __future__ import annotations

from daqpv.core import Severity
from daqpv.core.records import table as t
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.table import NAME, WHO, Column, SqlType, Table
from daqpv.runs.record.records import (
    FACTS,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunSize,
    RunValue,
)

_PATH = 500  # characters


def _of_run(name: str, *columns: Column, key: tuple[str, ...] = (), age: str) -> Table:
    """A table of records of a run; a later record replaces an earlier one."""
    number = t.whole("number")
    return Table(name=name, columns=(number, *columns), key=("number", *key), age=age)


_RUN = Table(
    name="run",
    columns=tuple(fact.column for fact in FACTS),
    key=("number",),
    age="seen",
)
_CHANGE = Table(
    name="run_change",
    columns=(
        t.whole("number"),
        t.time("time"),
        t.text("field", NAME),
        t.text("old"),
        t.text("new"),
        t.who(),
    ),
    indexes={"ix_run_change": ("number",)},
)
_VALUE = _of_run(
    "run_value",
    t.text("name", NAME),
    t.text("type", 20),
    t.text("units", NAME),
    t.value("value"),
    t.value("start"),
    t.value("stop"),
    t.real("mean"),
    t.real("low"),
    t.real("high"),
    t.whole("count"),
    t.number_of("severity", Severity),
    key=("name",),
    age="count",
)
_PV = _of_run(
    "run_pv",
    t.text("moment", 20),
    t.text("pv", WHO),
    t.value("value"),
    t.number_of("severity", Severity),
    t.time("time"),
    key=("moment", "pv"),
    age="time",
)
_FILE = _of_run(
    "run_file",
    t.text("router", NAME),
    t.text("path", _PATH),
    t.whole("size", SqlType.BIG),
    t.time("time"),
    key=("router", "path"),
    age="time",
)
_DOCUMENT = _of_run(
    "run_document",
    t.text("server", NAME),
    t.text("name", WHO),
    t.text("text"),
    key=("server", "name"),
    age="",
)

RUN = RecordKind(RunRecord, _RUN)
SIZE = RecordKind(RunSize, _RUN)
CHANGE = RecordKind(RunChange, _CHANGE)
VALUE = RecordKind(RunValue, _VALUE)
PV = RecordKind(RunPv, _PV)
FILE = RecordKind(RunFile, _FILE)
DOCUMENT = RecordKind(RunDocument, _DOCUMENT)

RECORDS = (RUN, SIZE, CHANGE, VALUE, PV, FILE, DOCUMENT)
"""What a run gives to the store."""

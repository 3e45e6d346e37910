"""Declares daqpv's own tables: events, settings, states of devices, runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from daqpv.config import AnyKind
from daqpv.core import DeviceState, Event, EventSeverity, Setting
from daqpv.core.records import table as t
from daqpv.core.records.kind import RecordKind, Row
from daqpv.core.records.plain import plain
from daqpv.core.records.table import NAME, TEXT, WHO, Column, SqlType, Table
from daqpv.runs.record.kinds import RECORDS
from daqpv.store.tables.schema import Schema

SEVERITIES = tuple(EventSeverity)
"""The place of a severity is the number that the store has for it."""

_FUNCTION = 200  # characters
_CUT = 1000  # characters of facts that are longer than TEXT


_dumps = json.JSONEncoder(check_circular=False).encode  # what is plain has no circles


def _facts(fields: Any) -> str:
    if not fields:
        return "{}"
    text = _dumps(plain(fields))
    return text if len(text) <= TEXT else json.dumps({"cut": text[:_CUT]})


def _facts_in(text: str) -> dict[str, Any]:
    fields = json.loads(text or "{}")
    return fields if isinstance(fields, dict) else {}


def _is_information(row: Row) -> bool:
    return bool(row["severity"] == 0)


EVENT = RecordKind(
    Event,
    Table(
        name="event",
        columns=(
            t.time("time"),
            Column(
                name="severity",
                type=SqlType.SMALL,
                attribute="severity",
                encode=SEVERITIES.index,
                decode=SEVERITIES.__getitem__,
            ),
            t.text("name", NAME),
            t.text("device", NAME),
            t.text("process", WHO),
            t.text("function", _FUNCTION),
            t.text("text"),
            Column(
                name="fields",
                type=SqlType.TEXT,
                attribute="fields",
                encode=_facts,
                decode=_facts_in,
            ),
            t.who(),
            t.whole("count"),
        ),
        indexes={
            "ix_event_time": ("time",),
            "ix_event_device": ("device", "severity", "time"),
            "ix_event_severity": ("severity", "time"),
        },
    ),
    expendable=_is_information,
)

SETTING = RecordKind(
    Setting,
    Table(
        name="setting",
        columns=(
            t.text("device", NAME),
            t.text("field", NAME),
            t.value("value"),
            t.value("file"),
            t.time("time"),
            t.who(),
        ),
        key=("device", "field"),
        age="time",
        always=True,
    ),
)

STATE = RecordKind(
    DeviceState,
    Table(
        name="device_state",
        columns=(
            t.text("device", NAME),
            t.text("field", NAME),
            t.value("value"),
            t.time("time"),
        ),
        key=("device", "field"),
        age="time",
        always=True,
    ),
)

_OWN = (EVENT, SETTING, STATE, *RECORDS)
OWN = Schema(_OWN)
"""What every store has."""


def schema_of(kinds: Iterable[AnyKind]) -> Schema:
    """The schema of a store for these kinds of devices.

    Raises:
        StoreError: two of them want the same table.
    """
    theirs = [record for kind in kinds for record in kind.records]
    return Schema((*_OWN, *theirs)) if theirs else OWN

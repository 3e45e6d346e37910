"""Records as rows and back: plain values, which the spool and every engine take."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple, TypeVar

from daqpv.core import Event, EventSeverity, Origin, Setting, Severity
from daqpv.runs import Entry as RunEntry
from daqpv.runs import (
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunSize,
    RunValue,
)

NAME = 60  # characters of a name; the columns of daqpv.store.tables.models are as wide
WHO = 120
FUNCTION = 200
PATH = 500
TEXT = 2_000_000  # characters of a sentence; MariaDB takes 16 MB at once

_SEVERITIES = tuple(EventSeverity)

R = TypeVar("R")


class Source(NamedTuple):
    """Who numbers entries: one start of one process.

    Attributes:
        writer: a random number in hex.
        process: ``name@host``.
    """

    writer: str
    process: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as a row, with its number among those of its writer.

    Attributes:
        number: from 1.
        table: of daqpv.store.tables.models.
        row: values by column, as JSON has them.
    """

    number: int
    table: str
    row: dict[str, Any]

    @property
    def is_information(self) -> bool:
        """Whether it may be left out if there is no room for everything."""
        return self.table == "event" and self.row["severity"] == 0


def entry(number: int, record: Any, process: str) -> Entry:
    """Make the entry of `record`; what no engine takes is escaped.

    Args:
        number: of the record.
        record: anybody's: whatever it holds, this does not raise.
        process: of the events that name none.
    """
    try:
        if isinstance(record, Event):
            return Entry(number, "event", _event(record, process))
        table, columns = _ROWS[type(record)]
        row = {
            column.name: column.kept(getattr(record, column.attribute))
            for column in columns
        }
        return Entry(number, table, row)
    except Exception as error:  # a plugin's border: what it emits stays its own fault
        text = f"A record could not be kept ({type(error).__name__}): {record!r:.1000}"
        event = Event(
            time=0.0, severity=EventSeverity.WARNING, name="unreadable", text=text
        )
        return Entry(number, "event", _event(event, process))


def place_of(kind: type) -> tuple[str, list[str]]:
    """The table of the records of `kind`, and its columns in the order of `record`."""
    table, columns = _ROWS[kind]
    return table, [column.name for column in columns]


def record(kind: type[R], row: Iterable[Any]) -> R:
    """The record of a row, whose values come in the order of `place_of`."""
    attributes, reads = _READING[kind]
    fields = dict(zip(attributes, row, strict=True))
    for attribute, read in reads:
        fields[attribute] = read(fields[attribute])
    return kind(**fields)


def _event(event: Event, process: str) -> dict[str, Any]:
    fields = json.dumps(plain(event.fields))
    if len(fields) > TEXT:
        fields = json.dumps({"cut": fields[:1000]})
    return {
        "time": microseconds(event.time),
        "severity": _SEVERITIES.index(event.severity),
        "name": cut(event.name, NAME),
        "device": cut(event.device, NAME),
        "process": cut(event.process or process, WHO),
        "function": cut(event.function, FUNCTION),
        "text": cut(event.text, TEXT),
        "fields": fields,
        "who": cut(str(event.origin or ""), WHO),
        "count": int(event.count),
    }


def microseconds(moment: float) -> int:
    """UTC [us since 1970] of UTC [s since 1970]."""
    return round(moment * 1e6)


def cut(text: str, length: int) -> str:
    """`text`, clean, of at most `length` characters; one that was cut ends in "..."."""
    text = clean(text)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def clean(text: str) -> str:
    r"""`text` with NUL and lone surrogates escaped: ``\x00``, ``\udc80``.

    Devices send them, and PostgreSQL takes neither.
    """
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")


def plain(value: object) -> Any:
    """`value` as JSON of RFC 8259 has it, clean; what it has not becomes text."""
    match value:
        case None | bool():
            return value
        case str():
            return clean(value)
        case Integral():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case Mapping():
            return {clean(str(key)): plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case _:
            return clean(str(value))


# -- the columns of each record ------------------------------------------------------


class _Column(NamedTuple):
    """How a column is made of an attribute of a record, and how it is read again.

    Attributes:
        name: of the column.
        attribute: of the record.
        kept: the column's value of the attribute's.
        read: the attribute's value of the column's; None: it is the same.
    """

    name: str
    attribute: str
    kept: Callable[[Any], Any]
    read: Callable[[Any], Any] | None = None


def _names(*names: str, length: int = NAME) -> list[_Column]:
    return [_Column(name, name, lambda text: cut(str(text), length)) for name in names]


def _texts(*names: str) -> list[_Column]:
    return _names(*names, length=TEXT)


def _times(*names: str) -> list[_Column]:
    return [_Column(name, name, _microseconds, _seconds) for name in names]


def _numbers(*names: str) -> list[_Column]:
    return [_Column(name, name, int) for name in names]


def _reals(*names: str) -> list[_Column]:
    return [_Column(name, name, _finite) for name in names]


def _values(*names: str) -> list[_Column]:
    return [_Column(name, name, plain) for name in names]


_BY = _Column("who", "origin", lambda by: cut(str(by or ""), WHO), Origin.parse)
_SEVERITY = _Column("severity", "severity", int, Severity)
_ENTRY = _Column("entry", "entry", str, RunEntry)


def _microseconds(moment: float | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _seconds(moment: int | None) -> float | None:
    return None if moment is None else moment / 1e6


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)


_ROWS: dict[type, tuple[str, list[_Column]]] = {
    Setting: (
        "setting",
        [*_names("device", "field"), *_values("value", "file"), *_times("time"), _BY],
    ),
    RunRecord: (
        "run",
        [
            *_numbers("number", "data"),
            _ENTRY,
            *_names("kind"),
            *_times("start", "stop", "seen", "live_time"),
            *_texts("title", "comment", "config", "note"),
            *_names("operator", length=WHO),
        ],
    ),
    RunSize: ("run", [*_numbers("number", "data")]),
    RunChange: (
        "run_change",
        [
            *_numbers("number"),
            *_times("time"),
            *_names("field"),
            *_texts("old", "new"),
            _BY,
        ],
    ),
    RunValue: (
        "run_value",
        [
            *_numbers("number", "count"),
            *_names("name", "type", "units"),
            *_values("value", "start", "stop"),
            *_reals("mean", "low", "high"),
            _SEVERITY,
        ],
    ),
    RunPv: (
        "run_pv",
        [
            *_numbers("number"),
            *_names("moment"),
            *_names("pv", length=WHO),
            *_values("value"),
            *_times("time"),
            _SEVERITY,
        ],
    ),
    RunFile: (
        "run_file",
        [
            *_numbers("number", "size"),
            *_names("router"),
            *_names("path", length=PATH),
            *_times("time"),
        ],
    ),
    RunDocument: (
        "run_document",
        [
            *_numbers("number"),
            *_names("server"),
            *_names("name", length=WHO),
            *_texts("text"),
        ],
    ),
}

_READING = {
    kind: (
        [one.attribute for one in columns],
        [(one.attribute, one.read) for one in columns if one.read is not None],
    )
    for kind, (_, columns) in _ROWS.items()
}
"""The attributes of a record in the order of its columns, and those that are not as
kept, with what reads them."""

"""Records as rows: plain values, which the spool and every engine take as they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

from daqpv.core import Event, EventSeverity, Record

NAME = 60  # characters of a name; the columns of daqpv.store.models are as wide
WHO = 120
FUNCTION = 200
TEXT = 2_000_000  # characters of a sentence; MariaDB takes 16 MB at once

_SEVERITIES = tuple(EventSeverity)


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
        table: "event" or "setting".
        row: values by column, as JSON has them.
    """

    number: int
    table: str
    row: dict[str, Any]

    @property
    def is_information(self) -> bool:
        """Whether it may be left out if there is no room for everything."""
        return self.table == "event" and self.row["severity"] == 0


def entry(number: int, record: Record, process: str) -> Entry:
    """Make the entry of `record`; what no engine takes is escaped.

    Args:
        number: of the record.
        record: anybody's: whatever it holds, this does not raise.
        process: of the events that name none.
    """
    try:
        if isinstance(record, Event):
            return Entry(number, "event", _event(record, process))
        row = {
            "device": cut(record.device, NAME),
            "field": cut(record.field, NAME),
            "value": plain(record.value),
            "file": plain(record.file),
            "time": microseconds(record.time),
            "who": cut(str(record.origin or ""), WHO),
        }
        return Entry(number, "setting", row)
    except Exception as error:  # a plugin's border: what it emits stays its own fault
        text = f"A record could not be kept ({type(error).__name__}): {record!r:.1000}"
        event = Event(
            time=0.0, severity=EventSeverity.WARNING, name="unreadable", text=text
        )
        return Entry(number, "event", _event(event, process))


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

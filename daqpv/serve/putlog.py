"""Emits puts of clients and alarms of PVs as events; each put is exactly one event.

A put that became a command of a device is already announced by the device
(`daqpv.core.reported`). Its own event is for the record only: it stores what the client
wrote and the answer to it. The same holds for alarms that a device reports, since it
has emitted the reason, and for alarms of limits in groups that do not report them.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from daqpv.core import (
    Alarm,
    Events,
    EventSeverity,
    Folding,
    Origin,
)
from daqpv.errors import AbortedError, DaqError, RefusedError
from daqpv.serve.pv.alarmed import Alarmed
from daqpv.serve.pv.puts import Put
from daqpv.serve.pv.source import Source
from daqpv.serve.values.forms import Choice

_ELEMENTS = 5  # of an array that are written out
_LONGEST = 200  # characters of a value that are written out

_PUTS = 20  # of one client to one PV, emitted singly within a minute
_ALARMS = 3  # of one PV, likewise
_CLIENTS = 3  # of one user on one host, likewise


class PutLog:
    """Emits events of puts, and of clients that connect and disconnect.

    Args:
        events: receives the events.
    """

    def __init__(self, events: Events) -> None:
        self._events = events

    def put(self, put: Put, error: Exception | None) -> None:
        """A put has ended, with `error` if it failed."""
        source, (old, new) = put.source, _values(put)
        result, severity = _outcome(error)
        what = f"{_signal(source)}: {_change(source, old, new)}"
        facts: dict[str, Any] = {"pv": source.name, "old": old, "new": new}
        facts |= {"result": result, "duration": round(put.elapsed, 3)}
        if error is not None:
            what = f"{what} {result}: {error}"
            facts["reason"] = str(error)
            if not isinstance(error, DaqError):
                facts["exception"] = "".join(traceback.format_exception(error))
        if put.announced:
            severity = EventSeverity.INFORMATION
            facts |= {"aside": True, "told": sorted(put.announced)}
        same = f"{source.name} {put.by} {result}"
        self._events.report(
            "put",
            what,
            severity=severity,
            device=source.prefix,
            fields=facts,
            by=put.by,
            folding=Folding(same=same, singly=_PUTS),
        )

    def client(self, who: Origin, peer: str, what: str) -> None:
        """A client has connected ("connected") or disconnected ("disconnected")."""
        self._events.report(
            "client",
            f"{who} {what} from {peer}",
            fields={"aside": True, "peer": peer},
            by=who,
            folding=Folding(same=f"{who} {what}", singly=_CLIENTS),
        )


class AlarmLog:
    """Emits events of alarms, and of texts that were cut.

    Args:
        events: receives the events.
    """

    def __init__(self, events: Events) -> None:
        self._events = events

    def alarm(self, source: Alarmed, old: Alarm, new: Alarm, *, is_limit: bool) -> None:
        """The severity of a PV has changed.

        Args:
            source: the PV.
            old: its alarm before.
            new: its alarm now.
            is_limit: whether the alarm comes from a limit or a state of the record;
                otherwise a device has set it, and has emitted the reason.
        """
        why = new.reason or new.status.name
        how = f"{new.severity.name}, {why}" if new.severity else "no alarm any more"
        value = formatted(source, source.value)
        facts = {"pv": source.name, "value": value, "status": new.status.name}
        facts |= {"old": old.severity.name, "new": new.severity.name}
        fields: dict[str, Any] = facts | {"reason": new.reason}
        reported = is_limit and source.limits_reported
        if not reported:
            fields["aside"] = True
        worse = reported and new.severity > old.severity
        severity = EventSeverity.WARNING if worse else EventSeverity.INFORMATION
        text = f"{_signal(source)}: {how}; it is {value}"
        self._events.report(
            "alarm",
            text,
            severity=severity,
            device=source.prefix,
            fields=fields,
            folding=Folding(same=source.name, singly=_ALARMS),
        )

    def cut(self, source: Alarmed, text: str) -> None:
        """A text is longer than its PV can hold."""
        size = len(text.encode())
        what = (
            f"{_signal(source)} does not hold the whole text: it has {size:,} bytes, "
            f"and the PV takes {source.form.nelm - 1:,}"
        )
        self._events.report(
            "text cut",
            what,
            severity=EventSeverity.WARNING,
            device=source.prefix,
            fields={"pv": source.name, "bytes": size},
            folding=Folding(same=f"{source.name} cut", singly=1),
        )


def formatted(source: Source, value: Any) -> str:
    """Format a value of `source` for people; of an array the beginning."""
    if isinstance(source.form, Choice) and isinstance(value, int):
        labels = source.meta.labels
        return labels[value] if 0 <= value < len(labels) else str(value)
    if isinstance(value, np.ndarray | tuple | list):
        return _elements(value)
    text = value if isinstance(value, str) else str(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    return text or '""'


def _values(put: Put) -> tuple[str, str]:
    """The value before, and the requested value; if that is invalid, the given one."""
    new = put.given if put.value is None else put.value
    return formatted(put.source, put.before), formatted(put.source, new)


def _change(source: Source, old: str, new: str) -> str:
    """Describe the change by a put; a button has no value to keep."""
    if source.momentary:
        labels = source.meta.labels
        return "0, which does nothing" if new == labels[0] else "pressed"
    return f"{old} -> {new}"


def _elements(values: Sequence[Any] | np.ndarray[Any, Any]) -> str:
    count = len(values)
    if count == 1:
        return str(values[0])
    first = ", ".join(str(value) for value in values[:_ELEMENTS])
    more = f", ... {count} elements" if count > _ELEMENTS else ""
    return f"[{first}{more}]"


def _signal(source: Source) -> str:
    return source.name.removeprefix(source.prefix)


def _outcome(error: Exception | None) -> tuple[str, EventSeverity]:
    match error:
        case None:
            return "done", EventSeverity.INFORMATION
        case RefusedError():
            return "refused", EventSeverity.WARNING
        case AbortedError():
            return "aborted", EventSeverity.WARNING
        case _:
            return "failed", EventSeverity.ERROR

"""What clients do and how alarms move, as events: each put is exactly one.

A put that became a command of a device has been told by the device, in its own words
(`daqpv.core.told`). Its event is kept aside: for the record, what the client wrote, and
what it was answered. So are the alarms that a device gives: it has said why; and those
of a group's limits, if it says so.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from daqpv.core import (
    Alarm,
    Event,
    Events,
    EventSeverity,
    Folding,
    Origin,
    Severity,
    caller,
)
from daqpv.errors import AbortedError, DaqError, RefusedError
from daqpv.serve.values.forms import Choice, decode

if TYPE_CHECKING:
    from daqpv.serve.ca.wire import Source
    from daqpv.serve.pv.channel import Channel

_ELEMENTS = 5  # of an array that are shown
_LONGEST = 200  # characters of a value that are shown

_PUTS = 20  # of one client to one PV, told singly within a minute
_ALARMS = 3  # of one PV, likewise
_CLIENTS = 3  # of one user on one host, likewise


class Put:
    """A put of a client, from its arrival to its end.

    Attributes:
        source: what it goes to.
        by: who put.
        old: the value before, as text.
        new: the value that was asked for, as text.
        told: names of the events with which devices have told of it.
        began: when it arrived, monotonic [s].
    """

    __slots__ = ("began", "by", "new", "old", "source", "told")

    def __init__(self, source: Source, by: Origin) -> None:
        source.refresh_now()
        self.source = source
        self.by = by
        self.old = shown(source, source.value)
        self.new = ""
        self.told: set[str] = set()
        self.began = time.monotonic()

    @property
    def change(self) -> str:
        """What it changes, in words; a button has no value that is kept."""
        if getattr(self.source, "momentary", False):
            labels = self.source.meta.labels
            return "0, which does nothing" if self.new == labels[0] else "pressed"
        return f"{self.old} -> {self.new}"

    @property
    def elapsed(self) -> float:
        """Time since it arrived [s]."""
        return time.monotonic() - self.began


class Teller:
    """Makes events of what the PV server sees.

    Args:
        events: where they go.
    """

    def __init__(self, events: Events) -> None:
        self._events = events

    def put(self, put: Put, error: BaseException | None) -> None:
        """A put has ended, well or with `error`."""
        source = put.source
        result, severity = _judge(error)
        what = f"{_signal(source)}: {put.change}"
        facts: dict[str, Any] = {"pv": source.name, "old": put.old, "new": put.new}
        facts |= {"result": result, "duration": round(put.elapsed, 3)}
        if error is not None:
            what = f"{what} {result}: {error}"
            facts["reason"] = str(error)
        if isinstance(error, Exception) and not isinstance(error, DaqError):
            facts["exception"] = "".join(traceback.format_exception(error))
        if put.told:
            severity = EventSeverity.INFORMATION
            facts |= {"aside": True, "told": sorted(put.told)}
        folding = Folding(same=f"{source.name} {put.by} {result}", singly=_PUTS)
        self._tell("put", what, source, severity, folding, facts, put.by)

    def alarm(
        self, channel: Channel, old: Alarm, new: Alarm, *, is_limit: bool
    ) -> None:
        """The severity of a PV has moved.

        Args:
            channel: the PV.
            old: its alarm before.
            new: its alarm now.
            is_limit: whether a limit or a state of the record makes it, or made it;
                else a device does, and has told why.
        """
        why = new.reason or new.status.name
        how = f"{_label(new.severity)}, {why}" if new.severity else "no alarm any more"
        value = shown(channel, channel.value)
        facts: dict[str, Any] = {
            "pv": channel.name,
            "value": value,
            "old": _label(old.severity),
            "new": _label(new.severity),
            "status": new.status.name,
            "reason": new.reason,
        }
        told = is_limit and getattr(channel.group, "limits_told", True)
        if not told:
            facts["aside"] = True
        worse = told and new.severity > old.severity
        severity = EventSeverity.WARNING if worse else EventSeverity.INFORMATION
        text = f"{_signal(channel)}: {how}; it is {value}"
        folding = Folding(same=channel.name, singly=_ALARMS)
        self._tell("alarm", text, channel, severity, folding, facts)

    def cut(self, channel: Channel, text: str) -> None:
        """A text is longer than its PV holds."""
        size = len(text.encode())
        what = (
            f"{_signal(channel)} does not hold the whole text: it has {size:,} bytes, "
            f"and the PV takes {channel.form.nelm - 1:,}"
        )
        facts = {"pv": channel.name, "bytes": size}
        folding = Folding(same=f"{channel.name} cut", singly=1)
        self._tell("text cut", what, channel, EventSeverity.WARNING, folding, facts)

    def client(self, who: Origin, peer: str, what: str) -> None:
        """A client has come ("connected") or gone ("disconnected")."""
        self._events.emit(
            Event(
                time=time.time(),
                severity=EventSeverity.INFORMATION,
                name="client",
                text=f"{who} {what} from {peer}",
                fields={"aside": True, "peer": peer},
                origin=who,
                function=caller(),
            ),
            Folding(same=f"{who} {what}", singly=_CLIENTS),
        )

    def _tell(  # noqa: PLR0917, what makes an event
        self,
        name: str,
        text: str,
        source: Source,
        severity: EventSeverity,
        folding: Folding,
        facts: dict[str, Any],
        by: Origin | None = None,
    ) -> None:
        event = Event(
            time=time.time(),
            severity=severity,
            name=name,
            text=text,
            device=source.prefix,
            fields=facts,
            origin=by,
            function=caller(2),
        )
        self._events.emit(event, folding)


def shown(source: Source, value: Any) -> str:
    """A value of `source` as people write it; of an array the beginning."""
    if isinstance(source.form, Choice) and isinstance(value, int):
        labels = source.meta.labels
        return str(labels[value]) if 0 <= value < len(labels) else str(value)
    if isinstance(value, np.ndarray | tuple | list):
        return _elements(value, len(value))
    text = value if isinstance(value, str) else str(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    return text or '""'


def as_given(source: Source, dbr: int, count: int, payload: bytes | memoryview) -> str:
    """What a client wrote that is no value of the PV."""
    try:
        given = decode(dbr, min(count, _ELEMENTS), payload)
    except (RefusedError, ValueError):
        return f"{len(payload)} bytes"
    return _elements(given, count) if count > _ELEMENTS else shown(source, given)


def _elements(values: Sequence[Any] | np.ndarray[Any, Any], count: int) -> str:
    if count == 1:
        return str(values[0])
    shown = ", ".join(str(value) for value in values[:_ELEMENTS])
    more = f", ... {count} elements" if count > _ELEMENTS else ""
    return f"[{shown}{more}]"


def _signal(source: Source) -> str:
    return source.name.removeprefix(source.prefix)


def _label(severity: Severity) -> str:
    return severity.name


def _judge(error: BaseException | None) -> tuple[str, EventSeverity]:
    match error:
        case None:
            return "done", EventSeverity.INFORMATION
        case RefusedError():
            return "refused", EventSeverity.WARNING
        case AbortedError():
            return "aborted", EventSeverity.WARNING
        case _:
            return "failed", EventSeverity.ERROR

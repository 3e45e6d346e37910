"""An instrument that another process serves, as its PVs show it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from daqpv.core import Condition, Cure, Finding, Reading, Readings, Severity, Status
from daqpv.errors import counted, sentence
from daqpv.instruments.device.snapshot import InstrumentState, InstrumentStatus
from daqpv.instruments.examining.received import shown
from daqpv.instruments.settings import InstrumentSettings

_SIGNALS = (
    *("Online", "Condition", "Enable", "State", "Status", "LinesOK", "LinesBad"),
    *("LastBad", "Message", "LastSeen", "Rate"),
)
_WITHIN = 5.0  # [s] for all PVs
_LEAST = 0.2  # [s]
_SHOWN = 8  # channels


class Served:
    """Reads the PVs of an instrument.

    Args:
        prefix: of its PVs.
        settings: of it.
        readings: reads them.
    """

    def __init__(
        self, prefix: str, settings: InstrumentSettings, readings: Readings
    ) -> None:
        self._prefix, self._readings = prefix, readings
        self._units = {one.name or k: one.units for k, one in settings.channels.items()}
        self._with_words = {
            one.name or k for k, one in settings.channels.items() if one.has_words
        }
        self._found: dict[str, Reading] = {}
        self._news = asyncio.Event()

    @asynccontextmanager
    async def followed(self, *, until: float) -> AsyncIterator[None]:
        """Follow the PVs; wait until all have been read, or for some seconds."""
        ends = [
            self._readings.watch(self._prefix + one, partial(self._show, one))
            for one in (*_SIGNALS, *self._units)
        ]
        now = asyncio.get_running_loop().time()
        left = max(min(until - now - _LEAST, _WITHIN), _LEAST)
        try:
            async with asyncio.timeout(left):
                while self._unread:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        try:
            yield
        finally:
            for end in ends:
                end()

    @property
    def is_free(self) -> bool:
        """Whether the process that serves it has no connection to it."""
        if self._is_stopped:
            return True
        return bool(self._value("Condition") == Condition.OFFLINE)

    @property
    def _is_stopped(self) -> bool:
        return bool(self._value("State") == InstrumentState.STOPPED)

    @property
    def _unread(self) -> set[str]:
        """The PVs from which nothing has come; a channel may have no value."""
        return {
            one
            for one in (*_SIGNALS, *self._units)
            if one not in self._found
            or (
                self._value(one) is None
                and self._found[one].alarm.status is Status.COMM
            )
        }

    def findings(self, served_by: str) -> Iterator[Finding]:
        """What the PVs say of connection, exchanges and lines.

        Args:
            served_by: the process that serves them.
        """
        facts = {one: self._value(one) for one in _SIGNALS}
        if self._value("Online") is None:
            yield Finding(
                "served",
                False,
                f"{served_by} serves it, but its PVs do not answer.",
                cure="Does EPICS_CA_ADDR_LIST point at it? Without it: --direct.",
            )
            return
        if self.is_free:
            yield Finding("served", True, self._why_free(served_by), facts=facts)
            return
        text = f"{served_by} has it, so it is examined through its PVs"
        text += ", and not connected a second time (--direct does that)."
        yield Finding("served", True, text, facts=facts)
        if not self._value("Enable"):
            cure = f"To examine it: {Cure(self._prefix, 'State', 'Stopped')}"
            text = "It is disabled there, and may still be connected."
            yield Finding("connection", True, text, cure=cure)
            return
        message = sentence(self._value("Message") or "no message")
        if not self._value("Online"):
            yield Finding("connection", False, message)
            return
        text = f"Online, last seen {self._value('LastSeen')}."
        yield Finding("connection", True, text)
        if self._value("Condition"):
            yield Finding("exchange", False, message)
            return
        yield self._status()
        yield from self._channels()
        yield from self._lines()

    def _why_free(self, served_by: str) -> str:
        if self._is_stopped:
            why = "does not read it: it is stopped"
        else:
            why = f"cannot connect to it ({self._value('Message') or 'no message yet'})"
        return f"{served_by} serves it, and {why}. So it is examined directly."

    def _status(self) -> Finding:
        status = self._found["Status"].shown
        text = f"Status {status}, {self._value('Rate') or 0:.3g} answers per second."
        good = bool(self._value("Status") == InstrumentStatus.OK)
        return Finding("exchange", good, text)

    def _channels(self) -> Iterator[Finding]:
        """The values, and those that are none."""
        gone = {name for name in self._units if self._is_gone(name)}
        values = [
            f"{name} {shown(self._found[name], units)}"
            for name, units in self._units.items()
            if name not in gone
        ]
        more = f", and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        text = f"{len(values)} of {counted(len(self._units), 'channel')} have a value"
        if values:
            text += f": {', '.join(values[:_SHOWN])}{more}"
        yield Finding("parse", not gone, f"{text}.", facts={"missing": sorted(gone)})
        if gone:
            names = ", ".join(sorted(gone))
            yield Finding("parse", False, f"INVALID: {names}.")

    def _is_gone(self, name: str) -> bool:
        reading = self._found.get(name)
        if reading is None or reading.value is None:
            return True
        lost = [Status.COMM, Status.TIMEOUT, Status.UDF]
        if name not in self._with_words:
            lost.append(Status.READ)
        return reading.severity is Severity.INVALID and reading.alarm.status in lost

    def _lines(self) -> Iterator[Finding]:
        bad, good = self._value("LinesBad") or 0, self._value("LinesOK") or 0
        if bad:
            text = f"{counted(bad, 'line')} could not be read, {good} could. The last: "
            yield Finding(
                "parse",
                True,
                f"{text}{sentence(self._value('LastBad') or 'not known')}",
                cure="Correct the pattern, or add the text to `words`.",
            )

    def _value(self, signal: str) -> Any:
        reading = self._found.get(signal)
        return None if reading is None else reading.value

    def _show(self, signal: str, reading: Reading) -> None:
        self._found[signal] = reading
        self._news.set()

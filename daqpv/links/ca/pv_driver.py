"""The driver of instruments whose channels are PVs, of this process or another server.

A monitor sends what has changed. A value that stays the same is not stale as long as
its server is connected, so each reading gives all values again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from daqpv.core import Alarm, Pvs, Reading, Severity, Status
from daqpv.errors import (
    DaqError,
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
)
from daqpv.instruments.driver import Fault, Frame, Listener, Raw, Read, Request, Write
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings

_SEARCH = 0.05  # [s] between two looks whether a PV has been found

_NO_TIMES = (0.0, 631152000.0)  # [s]: of records that were never processed


class PvDriver:
    """Follows PVs, and puts to them.

    Args:
        name: of the instrument.
        pvs: reads and writes any PV.
        settings: of the instrument.
        places: the PV of each channel.
    """

    polls = False

    def __init__(
        self,
        name: str,
        pvs: Pvs,
        settings: InstrumentSettings,
        places: Mapping[str, str],
    ) -> None:
        self.who = name
        self.is_open = False
        self._pvs = pvs
        self._timeout = settings.timeout
        self._places = places
        self._shows_label = {
            key: _wants_label(settings.channels[key]) for key in places
        }
        self._readings: dict[str, Reading] = {}
        self._ends: list[Callable[[], None]] = []
        self._news = asyncio.Event()
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Follow the PVs; those that are not there are searched."""
        try:
            for key, pv in self._places.items():
                self._ends.append(self._pvs.watch(pv, self._show(key)))
        except LinkError:
            raise
        except DaqError as error:
            raise NotConnectedError(f"{self.who}: {error}") from error
        self.is_open = True

    async def exchange(self, request: Request) -> Frame:
        """Give all values again, or put one."""
        if isinstance(request, Write):
            await self._put(request)
        else:
            await self._answered()
            self._again(request)
        return Frame(good=0)

    def listen(self, listener: Listener) -> None:
        """Give `listener` all values."""
        self._listener = listener

    async def close(self) -> None:
        """Follow them no more."""
        self.is_open = False
        for end in self._ends:
            end()
        self._ends.clear()
        self._readings.clear()

    # -- reading

    def _show(self, key: str) -> Callable[[Reading], None]:
        def show(reading: Reading) -> None:
            self._readings[key] = reading
            self._news.set()
            # Before the first connection there is nothing to say
            if self._listener is not None and (self.is_open or _is_there(reading)):
                self._listener.heard(self._frame(key, reading, good=1))

        return show

    def _again(self, request: Read) -> None:
        if self._listener is None:
            return
        for key, reading in tuple(self._readings.items()):
            if request.channels is None or key in request.channels:
                self._listener.heard(self._frame(key, reading, good=0))

    async def _answered(self) -> None:
        """Wait until one of the PVs is there.

        Raises:
            NoAnswerError: none is.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                while self._places and not any(map(_is_there, self._readings.values())):
                    self._news.clear()
                    await self._news.wait()
                return
        pvs = list(self._places.values())
        more = f" and {len(pvs) - 1} more PVs" if len(pvs) > 1 else ""
        raise NoAnswerError(
            f"{self.who}: no answer from {pvs[0]}{more}. Does their IOC run, and is it "
            "in EPICS_CA_ADDR_LIST?",
            timed_out=True,
        )

    def _frame(self, key: str, reading: Reading, *, good: int) -> Frame:
        time = None if reading.time in _NO_TIMES else reading.time
        return Frame(values={key: self._raw(key, reading)}, time=time, good=good)

    def _raw(self, key: str, reading: Reading) -> Raw:
        value: Any = reading.value
        if reading.label and self._shows_label[key]:
            value = reading.label
        elif isinstance(value, list):
            value = _array(value)
        alarm = reading.alarm
        if value is None or alarm.severity is not Severity.NO_ALARM:
            severity = alarm.severity if value is not None else Severity.INVALID
            words = _words(self._places[key], alarm)
            return Fault(words, severity, alarm.status, value)
        raw: Raw = value
        return raw

    # -- writing

    async def _put(self, request: Write) -> None:
        pv = self._places[request.channel]
        value = request.value
        if not isinstance(value, bool | int | float | str):
            raise OperationError(
                f"{self.who}: {request.channel} was not sent: {pv} takes a number or a "
                "text"
            )
        text = str(int(value)) if isinstance(value, bool) else str(value)
        try:
            await self._sent(pv, text)
        except (LinkError, OperationError):
            raise
        except DaqError as error:
            raise OperationError(
                f"{self.who}: {request.channel} was not written: {error}"
            ) from error

    async def _sent(self, pv: str, text: str) -> None:
        """Put, as soon as the PV is found, and wait for the end of its processing."""
        absent: NotConnectedError | None = None
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    absent = None
                    try:
                        await self._pvs.put(pv, text)
                    except NotConnectedError as error:  # not sent: it is searched
                        absent = error
                        await asyncio.sleep(_SEARCH)
                    else:
                        return
        except TimeoutError as error:
            if absent is not None:
                raise absent from error
            raise NoAnswerError(
                f"{self.who}: {pv} has not confirmed {text} in {self._timeout:g} s; "
                "whether it was set is not known. Is its device busy?",
                timed_out=True,
            ) from error


def _is_there(reading: Reading) -> bool:
    """Whether it came from a server; it may be undefined there."""
    return reading.value is not None or reading.alarm.status is not Status.COMM


def _wants_label(channel: Channel) -> bool:
    """Whether a channel knows states of a PV by their text, not by their number."""
    if channel.type is ChannelType.TEXT:
        return True
    raws = [state.raw for state in channel.states]
    return any(isinstance(raw, str) and not raw.strip().isdigit() for raw in raws)


def _array(value: list[Any]) -> Any:
    try:
        return np.array(value, dtype=np.float64)
    except ValueError:  # texts
        return str(value[0]) if value else ""


def _words(pv: str, alarm: Alarm) -> str:
    reason = alarm.reason or alarm.status.name.lower().replace("_", " ")
    return reason if pv in reason else f"{pv}: {reason}"

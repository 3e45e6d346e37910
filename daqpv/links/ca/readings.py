"""Readings of any PV: directly in this process, otherwise over Channel Access.

PVs of other processes can also be written.

EPICS settings come from the standard EPICS_CA_* variables.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from daqpv.core import Alarm, Reading, Severity, Status
from daqpv.errors import DaqError

if TYPE_CHECKING:
    from daqpv.links.ca.channel import Channel, Client, Nature, Update

_log = logging.getLogger(__name__)

SEARCH = 30.0  # [s] between two searches for missing PVs; libca's own become ever rarer

ANSWER = 1.0  # [s] to wait for an answer

Show = Callable[[Reading], None]
End = Callable[[], None]


class Own(Protocol):
    """The PVs of this process."""

    def latest(self, pv: str) -> Reading | None:
        """The present reading of `pv`; None: it is not served here."""

    def watch(self, pv: str, show: Show) -> End | None:
        """Call `show` at once and after each change; None: it is not served here."""


class AnyReadings:
    """Reads any PV (daqpv.core.Readings); a PV once requested stays connected.

    libca is loaded at the first request for a PV that this process does not serve.

    Args:
        own: the PVs of this process.
    """

    def __init__(self, own: Own) -> None:
        self._own = own
        self._client: Client | None = None
        self._others: dict[str, _Other] = {}

    def latest(self, pv: str) -> Reading:
        """The present reading of `pv`."""
        reading = self._own.latest(pv)
        return self._other(pv).reading if reading is None else reading

    def watch(self, pv: str, show: Show) -> End:
        """Call `show` on the event loop, at once and after each change of `pv`."""
        end = self._own.watch(pv, show)
        if end is not None:
            return end
        other = self._other(pv)
        other.watchers.append(show)
        show(other.reading)

        def forget() -> None:
            with suppress(ValueError):
                other.watchers.remove(show)

        return forget

    async def ask(self, pv: str) -> Reading:
        """Read `pv` from its server, which is newer than the last monitor event.

        An enum of another process has no label here. Without an answer in time, or if
        `pv` is not connected yet, the reading is INVALID.
        """
        reading = self._own.latest(pv)
        return await self._other(pv).ask() if reading is None else reading

    async def put(self, pv: str, text: str) -> None:
        """Put to a PV of another process; return when the put has completed.

        Raises:
            NotConnectedError: the PV is not connected; nothing was sent.
            NoAnswerError: its server disconnected before it answered.
            RefusedError, OperationError: the text is not valid for the PV, or its
                server reported an error.
        """
        await self._other(pv).put(text)

    async def run(self) -> None:
        """Search for missing PVs, until cancelled."""
        try:
            while True:
                await asyncio.sleep(SEARCH)
                for other in tuple(self._others.values()):
                    try:
                        other.search()
                    except DaqError as error:  # libca is loaded again later
                        _log.warning("%s", error)
        finally:
            for other in self._others.values():
                other.close()
            self._others.clear()

    def _other(self, pv: str) -> _Other:
        from daqpv.links.ca.channel import Client  # noqa: PLC0415 - libca, if it is needed

        if self._client is None:
            self._client = Client()
        if pv not in self._others:
            self._others[pv] = _Other(pv, self._client)
        return self._others[pv]


class _Other:
    """A PV that this process does not serve.

    Attributes:
        reading: the present one.
        watchers: called on each change.
    """

    def __init__(self, pv: str, client: Client) -> None:
        self.watchers: list[Show] = []
        self._pv = pv
        self._client = client
        self.reading = self._missing()
        self._open()

    def search(self) -> None:
        """Search for it, if it is not connected."""
        self._channel.search()

    def close(self) -> None:
        """Close its channel."""
        self._channel.close()

    async def ask(self) -> Reading:
        """Read the present value from its server."""
        if self._nature is None:
            return self._missing()
        form, _, is_array = self._nature
        try:
            async with asyncio.timeout(ANSWER):
                return _reading(await self._channel.get(form, is_array=is_array))
        except (DaqError, TimeoutError):
            return self._missing()

    async def put(self, text: str) -> None:
        """Put, and wait for the completion."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: Exception | None) -> None:
            if ended.done():  # no caller waits any more
                return
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

        self._channel.put(text, end)
        await ended

    def _open(self) -> None:
        self._nature: Nature | None = None
        self._index: Update | None = None
        self._label: Update | None = None
        self._channel: Channel = self._client.channel(self._pv, self._connected)

    def _missing(self) -> Reading:
        why = Alarm(Severity.INVALID, Status.COMM, f"no answer from {self._pv}")
        return Reading(value=None, alarm=why, time=time.time())

    def _connected(self, up: bool) -> None:
        if not up:
            self._show(self._missing())
            return
        nature = self._channel.nature()
        if self._nature is None:
            self._follow(nature)
        elif nature != self._nature:  # a PV of another type has the name now
            self._channel.close()
            self._open()

    def _follow(self, nature: Nature) -> None:
        from daqpv.links.ca.channel import Form  # noqa: PLC0415 - already loaded

        self._nature = nature
        if nature.is_enum and not nature.is_array:
            self._channel.follow(Form.INTEGER, self._indexed)
            self._channel.follow(Form.TEXT, self._labelled)
        else:
            self._channel.follow(nature.form, self._updated, is_array=nature.is_array)

    def _indexed(self, update: Update) -> None:
        self._index = update
        self._join()

    def _labelled(self, update: Update) -> None:
        self._label = update
        self._join()

    def _join(self) -> None:
        """Join index and text of an enum: two updates with the same time stamp."""
        index, label = self._index, self._label
        if index is not None and label is not None and index.stamp == label.stamp:
            self._updated(index, label.value)

    def _updated(self, update: Update, label: str = "") -> None:
        self._show(_reading(update, label))

    def _show(self, reading: Reading) -> None:
        self.reading = reading
        for show in tuple(self.watchers):
            try:
                show(reading)
            except Exception:  # an error of one watcher must not affect the others
                _log.exception("%s: a watcher failed", self._pv)


def _reading(update: Update, label: str = "") -> Reading:
    alarm = Alarm(update.severity, update.status)
    is_known = alarm != Alarm(Severity.INVALID, Status.UDF)
    return Reading(
        value=update.value if is_known else None,
        label=label if is_known else "",
        alarm=alarm,
        time=update.time,
    )

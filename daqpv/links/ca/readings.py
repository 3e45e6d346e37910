"""Any PV, read: of this process straight away, anybody's over Channel Access.

Those of other processes can be put to as well.

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

SEARCH = 30.0  # [s] between two searches of what is missing; libca's get ever rarer

ANSWER = 1.0  # [s] until who is asked has no value

Show = Callable[[Reading], None]
End = Callable[[], None]


class Own(Protocol):
    """The PVs of this process."""

    def latest(self, pv: str) -> Reading | None:
        """What `pv` is now; None: it is not served here."""

    def watch(self, pv: str, show: Show) -> End | None:
        """Call `show` at once and after each change; None: it is not served here."""


class AnyReadings:
    """Reads any PV (daqpv.core.Readings); what was asked for once it follows for good.

    libca is loaded when a PV is first asked for that this process does not serve.

    Args:
        own: the PVs of this process.
    """

    def __init__(self, own: Own) -> None:
        self._own = own
        self._client: Client | None = None
        self._others: dict[str, _Other] = {}

    def latest(self, pv: str) -> Reading:
        """What `pv` is now."""
        reading = self._own.latest(pv)
        return self._other(pv).reading if reading is None else reading

    def watch(self, pv: str, show: Show) -> End:
        """Call `show` on the event loop, at once and whenever `pv` has changed."""
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
        """What `pv` is now: its server is asked, for its monitors come a little later.

        Of an enum of another process it has no label. If no answer comes in time, or
        `pv` is followed only since now, it is INVALID.
        """
        reading = self._own.latest(pv)
        return await self._other(pv).ask() if reading is None else reading

    async def put(self, pv: str, text: str) -> None:
        """Put to a PV of another process; return when what it starts has ended.

        Raises:
            NotConnectedError: nobody serves it; nothing was sent.
            NoAnswerError: its server went before it answered.
            RefusedError, OperationError: the PV takes no such text, or its server says
                no.
        """
        await self._other(pv).put(text)

    async def run(self) -> None:
        """Search what is missing, until cancelled."""
        try:
            while True:
                await asyncio.sleep(SEARCH)
                for other in tuple(self._others.values()):
                    try:
                        other.search()
                    except DaqError as error:  # libca is tried again later
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
        reading: what it is now.
        watchers: who wants to know of each change.
    """

    def __init__(self, pv: str, client: Client) -> None:
        self.watchers: list[Show] = []
        self._pv = pv
        self._client = client
        self.reading = self._missing()
        self._open()

    def search(self) -> None:
        """Look for it, if it is not there."""
        self._channel.search()

    def close(self) -> None:
        """Follow it no more."""
        self._channel.close()

    async def ask(self) -> Reading:
        """What its server says of it now."""
        if self._nature is None:
            return self._missing()
        form, _, is_array = self._nature
        try:
            async with asyncio.timeout(ANSWER):
                return _reading(await self._channel.get(form, is_array=is_array))
        except (DaqError, TimeoutError):
            return self._missing()

    async def put(self, text: str) -> None:
        """Put, and wait for the end of what that starts."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: Exception | None) -> None:
            if ended.done():  # nobody waits any more
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
        elif nature != self._nature:  # another sort of PV has taken the name
            self._channel.close()
            self._open()

    def _follow(self, nature: Nature) -> None:
        from daqpv.links.ca.channel import Form  # noqa: PLC0415 - it is loaded by now

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
        """An enum comes as its index and as its text: those of one moment are one."""
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
            except Exception:  # one watcher's bug must not cost the others their news
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

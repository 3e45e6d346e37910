"""Follows a device that another daqpv process serves, over Channel Access."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import IntEnum
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, get_type_hints

from daqpv.core import Condition, Device, DeviceSnapshot, Events, EventSeverity, Status
from daqpv.core.pvinfo import ShownField
from daqpv.errors import (
    AbortedError,
    BusyError,
    CommandError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
    ResultCode,
    UnknownOutcomeError,
)
from daqpv.links.ca.channel import Channel, Client, Form, Update

_log = logging.getLogger(__name__)

LAG = 1.0  # [s] maximum delay from a change in the serving process to the snapshot here
GATHER = 0.05  # [s] to wait for the rest of a snapshot, except at the end of a command
SEARCH_FIRST = 2.0  # [s] after a disconnect until a new search, at growing intervals:
SEARCH_LAST = 60.0  # [s] libca needs seconds to search for hundreds of PVs
CONNECTION_DEADLINE = 5.0  # [s] after which a device without a server counts as such

_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC ")

_ERRORS: dict[ResultCode, type[CommandError]] = {
    kind.code: kind
    for kind in (RefusedError, BusyError, AbortedError, UnknownOutcomeError)
}

S = TypeVar("S", bound=DeviceSnapshot)
Read = Callable[[Any], Any]


class _Signal(NamedTuple):
    """A PV of the device, and the field of the snapshot that it displays."""

    field: str
    form: Form
    read: Read


class RemoteDevice(Device[S], Generic[S]):
    """A device of another process.

    Monitors of its PVs update the snapshot; a command is one put-callback. All PVs of a
    snapshot have the same time stamp, by which they are put together again. After a
    command the snapshot is that of its end: monitors and callback arrive in order.

    Commands have no deadline here: the process that serves the device keeps them, and
    Channel Access detects its end (EPICS_CA_CONN_TMO).

    Args:
        name: of the device.
        prefix: of its PVs.
        client: joins Channel Access to the event loop, shared by all devices.
        shown: the fields of the PVs: `daqpv.serve.groups.shown_fields` of its group.
            PVs without a field of the snapshot are ignored.
        snapshot: the settings in the file; its class is that of the snapshots.
        events: receives events.

    Attributes:
        lag: maximum delay of the snapshot behind the serving process [s].
    """

    first: ClassVar[str] = "Online"
    """The signal that stays connected while the device is not served."""

    written: ClassVar[tuple[str, ...]] = ()
    """Signals that are put to and never read."""

    left_out: ClassVar[frozenset[str]] = frozenset({"last_seen"})
    """Fields that are not followed: those that change with every poll and matter only
    in the polling process, and settings of the file."""

    later: ClassVar[frozenset[str]] = frozenset({"ResultCode"})
    """Signals that earlier versions of daqpv do not have."""

    readers: ClassVar[Mapping[str, tuple[str, Read]]] = {}
    """By signal: the field that is computed from a PV without a field, and how."""

    def __init__(
        self,
        name: str,
        prefix: str,
        client: Client,
        shown: Iterable[ShownField],
        *,
        snapshot: S,
        events: Events,
    ) -> None:
        super().__init__(name, snapshot, events=events, prefix=prefix)
        self._client = client
        self._signals = self._table(shown, type(snapshot))
        self._needed = frozenset({*self._signals, *self.written}) - self.later
        self._channels: dict[str, Channel] = {}
        self._missing = set(self._needed)  # not received since the device connected
        self._fields: dict[str, Any] = {}  # the snapshot being assembled
        self._gathering: asyncio.TimerHandle | None = None
        self._is_lost = False
        self._gone = asyncio.Event()
        self._gone.set()
        self._stamp = (0, 0)
        self._stamped = 0.0
        self.lag = CONNECTION_DEADLINE + LAG  # until it is connected, or counts as lost

    def _table(self, shown: Iterable[ShownField], kind: type[S]) -> dict[str, _Signal]:
        """The signals to follow, the first one first."""
        types = get_type_hints(kind)
        own = kind.__dataclass_fields__.keys() - self.left_out
        table: dict[str, _Signal] = {}
        for signal, field, is_long in shown:
            if signal in self.readers:
                form = Form.LONG_TEXT if is_long else Form.TEXT
                made, read = self.readers[signal]
                table[signal] = _Signal(made, form, read)
            elif field in own and all(one.field != field for one in table.values()):
                table[signal] = _signal(field, types[field], is_long=is_long)
        return {self.first: table.pop(self.first), **table}

    async def run(self) -> None:
        """Follow the device until cancelled."""
        try:
            self._open(self.first, self._connected)
            await asyncio.sleep(CONNECTION_DEADLINE)
            if self._missing:
                self._lost()
            while True:
                await self._gone.wait()
                await self._search()
        finally:
            self._close_all_but()
            self._missing = set(self._needed)

    async def _search(self) -> None:
        """Search for the device again: libca searches at growing intervals."""
        pause = SEARCH_FIRST
        while self._gone.is_set():
            await asyncio.sleep(pause)
            self._channels[self.first].search()
            pause = min(2 * pause, SEARCH_LAST)

    # Commands

    @property
    def is_served(self) -> bool:
        """Whether all its PVs are connected."""
        return not self._missing

    async def put(self, signal: str, text: str) -> None:
        """Put, and wait for the completion.

        Raises:
            CommandError: according to `ResultCode` and `LastError` of the device.
        """
        if self._missing:
            raise RefusedError(f"{self._absence()}. Nothing was sent.")
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: Exception | None) -> None:
            self._flush()
            if ended.done():  # cancelled
                return
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(self._failure(error))

        try:
            self._channels[signal].put(text, end)
        except NotConnectedError as error:
            raise RefusedError(f"{self._absence()}. Nothing was sent.") from error
        await ended

    def begin_put(self, signal: str, text: str) -> None:
        """Put without waiting for the end; nothing if no process serves the device.

        Raises:
            DaqError: the connection was lost meanwhile.
        """
        if not self._missing:
            self._channels[signal].put(text, lambda error: None)

    def _failure(self, error: Exception) -> CommandError:
        """The error for a failed callback."""
        if isinstance(error, NoAnswerError):
            return UnknownOutcomeError(
                f"{self.name}: the process that serves it went in the middle of a "
                f"command, or the network did. What became of it shows in "
                f"{self.prefix}{self.first} when it is served again."
            )
        sentence = _STAMP.sub("", self.snapshot.last_error)
        if not self._has_failed() or not sentence:  # by the server: no write access
            return OperationError(str(error))
        return _ERRORS.get(self.snapshot.result_code, OperationError)(sentence)

    def _has_failed(self) -> bool:
        """Hook: whether the device reports a failure of its last command."""
        return True

    # News

    def _open(
        self, signal: str, connected: Callable[[bool], None] = lambda _: None
    ) -> None:
        channel = self._client.channel(self.prefix + signal, connected)
        self._channels[signal] = channel
        if signal in self._signals:
            kind = self._signals[signal]
            channel.follow(kind.form, partial(self._receive, signal, kind))

    def _close_all_but(self, *kept: str) -> None:
        for signal in self._channels.keys() - set(kept):
            self._channels.pop(signal).close()

    def _connected(self, up: bool) -> None:
        """The first PV connected or disconnected; the others share its connection.

        The others are searched only while it is connected: a device without a server
        costs one search, not twenty.
        """
        if not up:
            self._missing = set(self._needed)
            self._fields.clear()
            self._close_all_but(self.first)
            self._gone.set()
            self._lost()
        else:
            self._gone.clear()
            for signal in list(self._signals)[1:]:
                self._open(signal)
            for signal in self.written:
                self._open(signal, partial(self._came_up, signal))

    def _came_up(self, signal: str, up: bool) -> None:
        if up:
            self._came(signal)

    def _receive(self, signal: str, kind: _Signal, update: Update) -> None:
        if update.stamp != self._stamp:
            self._flush()
            self._stamp, self._stamped = update.stamp, update.time
        if not self._fields:  # the rest of this snapshot follows
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER, self._flush)
        try:
            self._fields[kind.field] = kind.read(update.value)
        except ValueError:  # served by a process of another version
            name = f"{self.prefix}{signal}"
            _log.warning("%s: %r is not a value of this PV", name, update.value)
        if signal == self.first:
            self._fields["known"] = update.status is not Status.UDF
        self._came(signal)

    def _came(self, signal: str) -> None:
        if self._missing:
            self._missing.discard(signal)
            if not self._missing:
                self._found()

    def _flush(self) -> None:
        """Publish the received values; nothing before the first complete snapshot."""
        if self._missing or not self._fields:
            return
        if self._gathering is not None:  # it would split the next one
            self._gathering.cancel()
        fields, self._fields = self._fields, {}
        self.change(self._made(fields), at=self._stamped)

    def _made(self, fields: dict[str, Any]) -> S:
        """Hook: the snapshot with `fields`, the values received so far."""
        return replace(self.snapshot, **fields)

    def _found(self) -> None:
        was_lost, self._is_lost = self._is_lost, False
        self.lag = LAG
        self._flush()
        if was_lost:
            self.emit("online", f"{self.name} is served again")

    def _lost(self) -> None:
        self.lag = LAG + SEARCH_FIRST  # other processes may have found it already
        if self._is_lost:
            return
        self._is_lost = True
        text = self._absence()
        self.change(self._unserved(text))
        self.emit("lost", text, severity=EventSeverity.ERROR)

    def _unserved(self, text: str) -> S:
        """Hook: the snapshot while no process serves the device."""
        return replace(
            self.snapshot,
            known=True,
            online=False,
            condition=Condition.OFFLINE,
            message=text,
            busy=False,
        )

    def _absence(self) -> str:
        signal = next((s for s in self._signals if s in self._missing), self.first)
        return f"{self.name} is not served: no answer from {self.prefix}{signal}"


def _signal(field: str, kind: Any, *, is_long: bool) -> _Signal:
    """The way in which the PV of a field of the type `kind` is read."""
    if isinstance(kind, type) and issubclass(kind, IntEnum | bool | int):
        return _Signal(field, Form.INTEGER, kind)
    if kind is float:
        return _Signal(field, Form.NUMBER, float)
    if kind is str:
        return _Signal(field, Form.LONG_TEXT if is_long else Form.TEXT, str)
    raise TypeError(f"{field}: a PV cannot have the type {kind}; add a reader")

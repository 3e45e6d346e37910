"""Channel Access for the event loop: monitors, gets and puts of any PV.

Callbacks in libca's threads are passed to the event loop in the order in which they
came from the server: a monitor event that was sent before a put-callback is delivered
before it.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import struct
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple, TypeVar

from daqpv.core import READ_ELEMENTS, Severity, Status
from daqpv.errors import NoAnswerError, NotConnectedError, OperationError
from daqpv.links.ca import libca
from daqpv.links.ca.description import Description, describe, form_of, size_of

from epics import dbr  # isort: skip

_log = logging.getLogger(__name__)

T = TypeVar("T")

EPICS_EPOCH = 631152000  # 1990-01-01 in Unix time [s]
_HEAD = struct.Struct("=hhII")  # status, severity, seconds and nanoseconds: DBR_TIME


class Form(Enum):
    """The data type in which a PV is read; the server converts."""

    INTEGER = dbr.TIME_LONG  # also the index of an enum
    NUMBER = dbr.TIME_DOUBLE
    TEXT = dbr.TIME_STRING  # 39 bytes; the label of an enum, a formatted number
    LONG_TEXT = dbr.TIME_CHAR  # a complete long string


class Nature(NamedTuple):
    """The type of a connected PV.

    Attributes:
        form: without loss of data; for an enum its index.
        is_enum: the text has the label in addition.
        is_array: it has several elements; a long string counts as one text.
    """

    form: Form
    is_enum: bool
    is_array: bool


class Update(NamedTuple):
    """One event of a monitor.

    Attributes:
        value: int for INTEGER, float for NUMBER, otherwise str; for an array a list of
            its first elements (READ_ELEMENTS).
        stamp: seconds since 1990 and nanoseconds, as received.
    """

    value: Any
    severity: Severity
    status: Status
    stamp: tuple[int, int]

    @property
    def time(self) -> float:
        """The time stamp, UTC [s since 1970]."""
        return EPICS_EPOCH + self.stamp[0] + self.stamp[1] * 1e-9


class Client:
    """Passes callbacks of libca's threads to one event loop."""

    def __init__(self) -> None:
        self._items: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._is_called = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def channel(
        self, name: str, connected: Callable[[bool], None] = lambda _: None
    ) -> Channel:
        """Open a channel; call it on the event loop.

        Args:
            name: of the PV.
            connected: called with True and False, as it connects and disconnects.
        """
        self._loop = asyncio.get_running_loop()
        return Channel(name, self, connected)

    def hand_over(self, call: Callable[..., None], *arguments: Any) -> None:
        """Schedule `call` on the event loop, after all earlier ones."""
        self._items.append((call, arguments))
        with self._lock:
            if self._is_called or self._loop is None:
                return
            self._is_called = True
        try:
            self._loop.call_soon_threadsafe(self._take)
        except RuntimeError:  # the loop has ended
            self._items.clear()

    def _take(self) -> None:
        with self._lock:
            self._is_called = False
        for _ in range(len(self._items)):
            call, arguments = self._items.popleft()
            try:
                call(*arguments)
            except Exception:  # an error of one receiver must not affect the others
                _log.exception("news of a PV")


Show = Callable[[Update], None]
Ended = Callable[[Exception | None], None]


class Channel:
    """A channel to a PV of any server.

    A channel that has disconnected is searched at once: libca itself waits 10 s
    (disconnectGovernorPeriod of base's cac.cpp).

    Attributes:
        name: of the PV.
        is_connected: as seen by the event loop.
    """

    def __init__(
        self, name: str, client: Client, connected: Callable[[bool], None]
    ) -> None:
        self.name = name
        self.is_connected = False
        self._client = client
        self._connected = connected
        self._follows: list[tuple[Form, Show, bool]] = []
        self._puts: dict[int, Ended] = {}
        self._numbers: list[int] = []
        self._is_open = True
        self._open()

    def nature(self) -> Nature:
        """The type of the PV; valid while it is connected."""
        kind, count = libca.nature(self._chid)
        form = _NATURES.get(kind, Form.TEXT)
        if kind == dbr.CHAR and count > 1:
            return Nature(Form.LONG_TEXT, is_enum=False, is_array=False)
        return Nature(form, is_enum=kind == dbr.ENUM, is_array=count > 1)

    @property
    def is_writable(self) -> bool:
        """Whether this client has write access; valid while it is connected."""
        return libca.is_writable(self._chid)

    def follow(self, form: Form, show: Show, *, is_array: bool = False) -> None:
        """Call `show` with the present value and each update, on every connection."""
        self._follows.append((form, show, is_array))
        self._subscribe(form, show, is_array)
        if self.is_connected:
            libca.flush()

    async def get(self, form: Form, *, is_array: bool = False) -> Update:
        """Read the value from the server; it includes all earlier changes there.

        Use a deadline: if the channel is closed or searched meanwhile, no answer comes.

        Raises:
            NotConnectedError: the PV is not connected.
            NoAnswerError: the server disconnected before it answered.
            OperationError: the server reported an error.
        """
        decode, count = _reader(form, is_array)
        read = partial(_update, form=form.value, decode=decode)
        return await self._ask(form.value, count, read)

    async def describe(self) -> Description:
        """Read units, precision and state texts; otherwise as `get`."""
        native, _ = libca.nature(self._chid)
        form = form_of(native) if self.is_connected else None
        if form is None:
            return Description()
        size = size_of(form)
        return await self._ask(
            form, 1, lambda event: describe(form, ctypes.string_at(event.data, size))
        )

    async def _ask(self, form: int, count: int, read: Callable[[Any], T]) -> T:
        if not self.is_connected:
            raise NotConnectedError(f"no answer from {self.name}")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def receive(event: Any) -> None:  # in libca's thread; the data end with it
            error = _error(self.name, event.status)
            found = None if error else read(event)
            self._client.hand_over(_settle, answer, found, error)

        number = libca.receiver(receive)
        try:
            libca.get(self.name, self._chid, form, count, number)
            return await answer
        finally:
            libca.forget(number)

    def put(self, text: str, ended: Ended) -> None:
        """Put `text`; `ended` is called on the event loop when the put has completed.

        `ended` gets None after success, OperationError if the server reports an error,
        and NoAnswerError if the server disconnected before it answered.

        Raises:
            NotConnectedError: the PV is not connected; nothing was sent.
            RefusedError: the text is not valid for the PV; nothing was sent.
            OperationError: nothing was sent, for another reason.
        """
        if not self.is_connected:
            raise NotConnectedError(f"no answer from {self.name}")

        def end(event: Any) -> None:
            self._client.hand_over(self._end, number, event.status)

        data = libca.encode(self.name, self._chid, text)
        number = libca.receiver(end)
        self._puts[number] = ended
        try:
            libca.put(self.name, self._chid, data, number)
        except OperationError:
            libca.forget(number)
            del self._puts[number]
            raise

    def search(self) -> None:
        """Search again if it is not connected: libca searches at growing intervals."""
        if self.is_connected or not self._is_open:
            return
        self._close()
        self._open()
        for follow in self._follows:
            self._subscribe(*follow)

    def close(self) -> None:
        """Close the channel; pending puts end with NoAnswerError."""
        if self._is_open:
            self._is_open = self.is_connected = False
            self._close()

    def _open(self) -> None:
        number = libca.receiver(partial(self._client.hand_over, self._connection))
        self._numbers.append(number)
        self._chid = libca.create_channel(self.name, number)

    def _subscribe(self, form: Form, show: Show, is_array: bool) -> None:
        decode, count = _reader(form, is_array)

        def receive(event: Any) -> None:  # in libca's thread; the data end with it
            if event.status == dbr.ECA_NORMAL:
                update = _update(event, form.value, decode)
                self._client.hand_over(self._show, number, show, update)

        number = libca.receiver(receive)
        self._numbers.append(number)
        libca.subscribe(self.name, self._chid, form.value, count, number)

    def _close(self) -> None:
        unanswered = list(self._puts.values())
        for number in (*self._numbers, *self._puts):
            libca.forget(number)
        self._numbers.clear()
        self._puts.clear()
        libca.clear_channel(self._chid)
        error = NoAnswerError(f"{self.name}: the server went", timed_out=False)
        for ended in unanswered:
            ended(error)

    def _connection(self, up: bool) -> None:
        if not self._is_open or up == self.is_connected:
            return
        self.is_connected = up
        if up:
            self._connected(up)
            return
        self.search()
        self._connected(up)

    def _show(self, number: int, show: Show, update: Update) -> None:
        if number in self._numbers:
            show(update)

    def _end(self, number: int, status: int) -> None:
        libca.forget(number)
        if (ended := self._puts.pop(number, None)) is not None:
            ended(_error(self.name, status))


def _error(name: str, status: int) -> Exception | None:
    if status == dbr.ECA_NORMAL:
        return None
    text = f"{name}: {libca.message(status)}"
    if status in libca.LOST:
        return NoAnswerError(text, timed_out=status == libca.UNRESPONSIVE)
    return OperationError(text)


def _update(event: Any, form: int, decode: Callable[[bytes], Any]) -> Update:
    offset = dbr.value_offset[form]
    size = offset + event.count * _SIZES[form]
    data = ctypes.string_at(event.data, size)
    status, severity, seconds, nanoseconds = _HEAD.unpack_from(data)
    return Update(
        decode(data[offset:]),
        Severity(severity & 3),
        _STATUSES.get(status, Status.SOFT),
        (seconds, nanoseconds),
    )


def _settle(answer: asyncio.Future[T], found: T, error: Exception | None) -> None:
    if answer.done():  # no caller waits any more
        return
    if error is None:
        answer.set_result(found)
    else:
        answer.set_exception(error)


def _reader(form: Form, is_array: bool) -> tuple[Callable[[bytes], Any], int]:
    """The function that parses the data of a PV, and the element count to request."""
    decode = _DECODERS[form]
    if is_array:
        decode = partial(_array, decode, _SIZES[form.value])
    whole = is_array or form is Form.LONG_TEXT
    return decode, 0 if whole else 1  # 0: all elements


def _array(decode: Callable[[bytes], Any], size: int, data: bytes) -> list[Any]:
    ends = range(size, min(len(data), READ_ELEMENTS * size) + 1, size)
    return [decode(data[end - size : end]) for end in ends]


_STATUSES = {int(status): status for status in Status}
_SIZES = {
    dbr.TIME_LONG: 4,
    dbr.TIME_DOUBLE: 8,
    dbr.TIME_STRING: libca.STRING_SIZE,
    dbr.TIME_CHAR: 1,
}
_NATURES = {
    dbr.STRING: Form.TEXT,
    dbr.SHORT: Form.INTEGER,
    dbr.FLOAT: Form.NUMBER,
    dbr.ENUM: Form.INTEGER,
    dbr.CHAR: Form.INTEGER,
    dbr.LONG: Form.INTEGER,
    dbr.DOUBLE: Form.NUMBER,
}
_DECODERS: dict[Form, Callable[[bytes], Any]] = {
    Form.INTEGER: lambda data: struct.unpack("=i", data)[0],
    Form.NUMBER: lambda data: struct.unpack("=d", data)[0],
    Form.TEXT: libca.text,
    Form.LONG_TEXT: libca.text,
}

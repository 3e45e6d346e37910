"""PVs of anybody's, over Channel Access, in the event loop: follow, get and put.

libca's threads hand over what they get, and the event loop takes it up in the order in
which it came from the server: a monitor that left before a put-callback is shown before
that callback ends the put.
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
    """How a PV is followed; the server converts."""

    INTEGER = dbr.TIME_LONG  # the index of an enum, too
    NUMBER = dbr.TIME_DOUBLE
    TEXT = dbr.TIME_STRING  # 39 bytes; the label of an enum, a number with its digits
    LONG_TEXT = dbr.TIME_CHAR  # the whole of a long string


class Nature(NamedTuple):
    """What the PV of a connected channel is.

    Attributes:
        form: in which nothing is lost; of an enum that is its index.
        is_enum: its text says more.
        is_array: it has several elements; but a long string is one text.
    """

    form: Form
    is_enum: bool
    is_array: bool


class Update(NamedTuple):
    """One event of a monitor.

    Attributes:
        value: int for INTEGER, float for NUMBER, else str; of an array a list of its
            first elements (READ_ELEMENTS).
        stamp: seconds since 1990 and nanoseconds, as they came.
    """

    value: Any
    severity: Severity
    status: Status
    stamp: tuple[int, int]

    @property
    def time(self) -> float:
        """When it was so, UTC [s since 1970]."""
        return EPICS_EPOCH + self.stamp[0] + self.stamp[1] * 1e-9


class Client:
    """The way from libca's threads to one event loop."""

    def __init__(self) -> None:
        self._items: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._is_called = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def channel(
        self, name: str, connected: Callable[[bool], None] = lambda _: None
    ) -> Channel:
        """Open a channel; to be called in the event loop.

        Args:
            name: of the PV.
            connected: called with True and False, as it comes and goes.
        """
        self._loop = asyncio.get_running_loop()
        return Channel(name, self, connected)

    def hand_over(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let the event loop call `call`, after all that was handed over before."""
        self._items.append((call, arguments))
        with self._lock:
            if self._is_called or self._loop is None:
                return
            self._is_called = True
        try:
            self._loop.call_soon_threadsafe(self._take)
        except RuntimeError:  # the loop has ended: nobody wants it any more
            self._items.clear()

    def _take(self) -> None:
        with self._lock:
            self._is_called = False
        for _ in range(len(self._items)):
            call, arguments = self._items.popleft()
            try:
                call(*arguments)
            except Exception:  # one receiver's bug must not cost the others their news
                _log.exception("news of a PV")


Show = Callable[[Update], None]
Ended = Callable[[Exception | None], None]


class Channel:
    """One PV of another server.

    A channel that is lost is searched anew at once: libca itself begins only 10 s later
    (disconnectGovernorPeriod of base's cac.cpp).

    Attributes:
        name: of the PV.
        is_connected: as the event loop knows it.
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
        """What the PV is; to be asked while it is connected."""
        kind, count = libca.nature(self._chid)
        form = _NATURES.get(kind, Form.TEXT)
        if kind == dbr.CHAR and count > 1:
            return Nature(Form.LONG_TEXT, is_enum=False, is_array=False)
        return Nature(form, is_enum=kind == dbr.ENUM, is_array=count > 1)

    @property
    def is_writable(self) -> bool:
        """Whether this client may put; to be asked while it is connected."""
        return libca.is_writable(self._chid)

    def follow(self, form: Form, show: Show, *, is_array: bool = False) -> None:
        """Call `show` with the value now and after each change, on each connection."""
        self._follows.append((form, show, is_array))
        self._subscribe(form, show, is_array)
        if self.is_connected:
            libca.flush()

    async def get(self, form: Form, *, is_array: bool = False) -> Update:
        """Ask for the value: all that its server has done until then is in it.

        To be given a deadline: who is closed or searched meanwhile hears nothing.

        Raises:
            NotConnectedError: nobody serves it.
            NoAnswerError: the server went before it answered.
            OperationError: the server says no.
        """
        decode, count = _reader(form, is_array)
        read = partial(_update, form=form.value, decode=decode)
        return await self._ask(form.value, count, read)

    async def describe(self) -> Description:
        """Ask for units, digits and the texts of states; otherwise as `get`."""
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
        """Put `text`; what it starts has ended when `ended` is called, in the loop.

        `ended` gets None after a good end, OperationError if the server says no, and
        NoAnswerError if the server went before it answered.

        Raises:
            NotConnectedError: nobody serves it; nothing was sent.
            RefusedError: the PV takes no such text; nothing was sent.
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
        """Search it anew, if it is not connected: libca searches ever less often."""
        if self.is_connected or not self._is_open:
            return
        self._close()
        self._open()
        for follow in self._follows:
            self._subscribe(*follow)

    def close(self) -> None:
        """Follow it no more; puts that have not ended do so without an answer."""
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
    if answer.done():  # nobody waits any more
        return
    if error is None:
        answer.set_result(found)
    else:
        answer.set_exception(error)


def _reader(form: Form, is_array: bool) -> tuple[Callable[[bytes], Any], int]:
    """What reads the data of a PV, and how many elements to ask for."""
    decode = _DECODERS[form]
    if is_array:
        decode = partial(_array, decode, _SIZES[form.value])
    whole = is_array or form is Form.LONG_TEXT
    return decode, 0 if whole else 1  # 0: as many as there are


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

"""Values on the wire: each packed once per DBR type, count and change, for everybody.

A `Source` is what clients connect to. A `Wire` is its value as one DBR type and count;
gets and monitors of all clients share it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from struct import Struct
from typing import TYPE_CHECKING, Any, Protocol

from daqpv.core import Alarm
from daqpv.errors import RefusedError
from daqpv.serve.arrays import LongText, Numbers
from daqpv.serve.forms import Form, converter, decode, pack_text
from daqpv.serve.meta import Meta, pack_meta
from daqpv.serve.protocol import (
    BASIC_TYPES,
    CHAR,
    CLASS_NAME,
    CTRL,
    DOUBLE,
    ELEMENT_SIZE,
    ENUM,
    EPICS_EPOCH,
    EVENT_ADD,
    EXTENSION,
    FLOAT,
    GET_FAIL,
    GR,
    INTEGER,
    LONG,
    NORMAL,
    PLAIN,
    READ_ACCESS,
    READ_NOTIFY,
    REPLY_HEAD,
    SHORT,
    STRING,
    STS,
    STSACK_STRING,
    TIME,
    WRITE_ACCESS,
)

if TYPE_CHECKING:
    from daqpv.core import Origin
    from daqpv.serve.outbox import Outbox
    from daqpv.serve.session import Subscription

NO_CONVERSION = (ValueError, TypeError, OverflowError, struct.error)
"""What packing a value as a type that it does not have raises."""

_KEPT_WIRES = 24  # a source keeps no more: clients may ask for any count

_ALARM = Struct(">HH")
_STAMP = Struct(">HHII")

# Bytes between the alarm (STS) or the time (TIME) and the value (db_access.h, "RISC
# alignment")
_STS_PAD = {STRING: 0, SHORT: 0, FLOAT: 0, ENUM: 0, CHAR: 1, INTEGER: 0, DOUBLE: 4}
_TIME_PAD = {STRING: 0, SHORT: 2, FLOAT: 0, ENUM: 2, CHAR: 3, INTEGER: 0, DOUBLE: 4}


def _scalar_struct(head: str, pad: int, code: str) -> Struct:
    exact = Struct(f">{head}{pad}x{code}")
    return Struct(f"{exact.format}{-exact.size % 8}x")


_CODES = {SHORT: "h", FLOAT: "f", ENUM: "H", CHAR: "B", INTEGER: "i", DOUBLE: "d"}
_TIME_SCALARS = {
    basic: _scalar_struct("HHII", _TIME_PAD[basic], code)
    for basic, code in _CODES.items()
}


class View(Protocol):
    """Who takes the events of a source by a way of its own: a filter, a listener."""

    def passed(self, mask: int) -> Subscription | None:
        """The source has changed, as `mask` says; whom to tell of it, if anybody."""


class Source:
    """What a client can connect to: a value with its alarm, time and meta data.

    Attributes:
        name: as clients know it.
        form: what its values are.
        value: the present one, as the form keeps it.
        alarm: of the present value.
        time: of the present value, UTC [s since 1970].
        meta: units, limits, labels.
        wires: the value as clients have asked for it.
        views: who takes its events by a way of their own.
    """

    __slots__ = (
        *("_meta", "alarm", "form", "name", "outbox", "time", "value", "views"),
        "wires",
    )

    cached = True  # the value stands ready: nobody is asked before a get

    def __init__(  # noqa: PLR0917, a value object
        self, name: str, form: Form, meta: Meta, value: Any, alarm: Alarm, time: float
    ) -> None:
        self.name = name
        self.form = form
        self.value = value
        self.alarm = alarm
        self.time = time
        self.wires: list[Wire] = []
        self.views: tuple[View, ...] = ()
        self.outbox: Outbox | None = None
        self._meta = meta

    @property
    def meta(self) -> Meta:
        """Units, limits, labels."""
        return self._meta

    @property
    def record(self) -> str:
        """The record type."""
        return ""

    @property
    def prefix(self) -> str:
        """Of the PVs of the device that it belongs to; "" if to none."""
        return ""

    @property
    def target(self) -> Source:
        """What puts go to."""
        return self

    def rights(self, user: str, host: str) -> int:
        """What a client may do: READ_ACCESS and WRITE_ACCESS."""
        return READ_ACCESS

    def parse(self, dbr: int, count: int, data: bytes | memoryview) -> Any:
        """The value that a put asks for.

        Raises:
            RefusedError: it is none for this PV.
        """
        return self.form.accept(decode(dbr, count, data), self.meta)

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put of `value`: at once, or in the coroutine that comes back.

        Raises:
            RefusedError: the put is not possible now.
        """
        raise RefusedError(f"{self.name} is read only")

    def refused(self, error: RefusedError, by: Origin) -> None:
        """A put was refused before it became a command."""

    def refresh(self) -> Coroutine[Any, Any, None] | None:
        """Before a get: bring the value up to date; mostly there is nothing to do."""
        return None

    def refresh_now(self) -> None:
        """Before the first event: bring up to date what can be without waiting."""

    def repost(self) -> None:
        """Send the value once more to those who follow it."""

    def acknowledge(self, dbr: int, value: int) -> None:
        """A put of DBR_PUT_ACKT or DBR_PUT_ACKS."""
        raise RefusedError(f"{self.name} has no alarm to acknowledge")

    def stsack(self) -> tuple[int, int]:
        """Whether transient alarms must be acknowledged; the severity that waits."""
        return 0, 0

    def wire(self, dbr: int, count: int) -> Wire:
        """The value as `dbr`; `count` elements, or 0 for as many as there are.

        Raises:
            ValueError: there is no such type, or the PV holds fewer elements.
        """
        for wire in self.wires:
            if wire.dbr == dbr and wire.count == count:
                return wire
        self.check_wire(dbr, count)
        wire = Wire(self, dbr, count)
        if len(self.wires) < _KEPT_WIRES:
            self.wires.append(wire)
        return wire

    def check_wire(self, dbr: int, count: int) -> None:
        """ValueError: there is no such type, or the PV holds fewer elements."""
        if not 0 <= dbr < 5 * BASIC_TYPES and dbr not in (STSACK_STRING, CLASS_NAME):
            raise ValueError(f"no DBR type {dbr}")
        if count > self.form.nelm:
            raise ValueError(f"{self.name} has {self.form.nelm} elements")

    def attach(self, subscription: Subscription) -> None:
        """Tell `subscription` of changes from now on."""
        wire = subscription.wire
        wire.subscriptions.append(subscription)
        if wire not in self.wires:
            self.wires.append(wire)
        self.outbox = subscription.circuit.server.outbox

    def detach(self, subscription: Subscription) -> None:
        """Tell it of none any more."""
        subscription.wire.subscriptions.remove(subscription)
        self.rest()

    def rest(self) -> None:
        """Mark no changes while nobody wants to hear of them."""
        if not (self.views or any(wire.subscriptions for wire in self.wires)):
            self.outbox = None

    def stale(self) -> None:
        """The value has changed: what was packed is worth nothing."""
        for wire in self.wires:
            wire.body = None


class Wire:
    """A source's value as one DBR type and count.

    Attributes:
        body: what follows the last parameter of a message's header; None: not packed.
        get_head: what precedes that parameter in the answer to a get.
        event_head: the same in a monitor's event.
        subscriptions: those who follow it.
    """

    __slots__ = (
        "_pack",
        "_shape",
        "body",
        "count",
        "dbr",
        "event_head",
        "get_head",
        "source",
        "subscriptions",
    )

    def __init__(self, source: Source, dbr: int, count: int) -> None:
        self.source = source
        self.dbr = dbr
        self.count = count
        self.subscriptions: list[Subscription] = []
        self.body: bytes | None = None
        self.get_head = self.event_head = b""
        self._shape = (-1, -1)
        self._pack = packer(source, dbr, count)

    def pack(self) -> bytes:
        """Pack the present value.

        Raises:
            ValueError: it cannot be had as this type.
        """
        payload, count = self._pack()
        shape = (len(payload), count)
        if shape != self._shape:  # mostly it is what it was
            self._shape = shape
            self._pack_heads(*shape)
        self.body = payload
        return payload

    def _pack_heads(self, size: int, count: int) -> None:
        if size >= LONG:  # the payload begins with the true size and count
            size, count = LONG, 0
        head = (size, self.dbr, count, NORMAL)
        self.get_head = REPLY_HEAD.pack(READ_NOTIFY, *head)
        self.event_head = REPLY_HEAD.pack(EVENT_ADD, *head)

    def failure(self) -> tuple[bytes, bytes]:
        """Head and body of an event that says that the value cannot be had.

        The body is not empty: libca takes an empty event for the end of them all.
        """
        body = bytes(16 + ELEMENT_SIZE[self.dbr % BASIC_TYPES] // 8 * 8)
        return REPLY_HEAD.pack(EVENT_ADD, len(body), self.dbr, 1, GET_FAIL), body


Pack = Callable[[], tuple[bytes, int]]


def packer(source: Source, dbr: int, count: int) -> Pack:
    """What packs the value of `source`; returns the payload and its element count.

    A payload of LONG bytes or more begins with its size and count (a long header's).
    """
    if dbr == STSACK_STRING:
        return lambda: (_stsack(source), 1)
    if dbr == CLASS_NAME:
        return lambda: (pack_text(source.record), 1)
    basic = dbr % BASIC_TYPES
    scalar = not isinstance(source.form, Numbers | LongText)
    if scalar and dbr // BASIC_TYPES == TIME and basic in _TIME_SCALARS:
        if source.form.native == basic:
            return _time_scalar(source, basic)
        if source.form.native != STRING:
            return _time_scalar_as(source, basic)
    return lambda: _any(source, dbr, count)


def _time_scalar(source: Source, basic: int) -> Pack:
    """The way of nearly all monitors, so it is short."""
    pack = _TIME_SCALARS[basic].pack

    def packed() -> tuple[bytes, int]:
        severity, status, _ = source.alarm
        time = source.time
        seconds = int(time)
        nanos = int((time - seconds) * 1e9)
        return pack(status, severity, seconds - EPICS_EPOCH, nanos, source.value), 1

    return packed


def _time_scalar_as(source: Source, basic: int) -> Pack:
    convert = converter(basic) or float
    pack = _TIME_SCALARS[basic].pack

    def packed() -> tuple[bytes, int]:
        severity, status, _ = source.alarm
        seconds, nanos = epics_time(source.time)
        return pack(status, severity, seconds, nanos, convert(source.value)), 1

    return packed


def epics_time(time: float) -> tuple[int, int]:
    """Seconds since 1990 and nanoseconds; before 1990 there was no time."""
    seconds = int(time)
    return max(seconds - EPICS_EPOCH, 0), int((time - seconds) * 1e9)


def _any(source: Source, dbr: int, count: int) -> tuple[bytes, int]:
    form, value = source.form, source.value
    basic = dbr % BASIC_TYPES
    count = count or form.length(value, basic)
    data = form.pack(value, basic, source.meta, count)
    # no element is sent as one zero: libca takes an empty event for the end of them all
    missing = max(count, 1) * ELEMENT_SIZE[basic] - len(data)
    head = _head(source, dbr)
    tail = bytes(missing + -(len(head) + len(data) + missing) % 8)
    size = len(head) + len(data) + len(tail)
    long = EXTENSION.pack(size, count) if size >= LONG else b""
    return b"".join((long, head, data, tail)), count


def _head(source: Source, dbr: int) -> bytes:
    kind, basic = divmod(dbr, BASIC_TYPES)
    if kind == PLAIN:
        return b""
    severity, status, _ = source.alarm
    if kind == STS:
        return _ALARM.pack(status, severity) + bytes(_STS_PAD[basic])
    if kind == TIME:
        stamp = _STAMP.pack(status, severity, *epics_time(source.time))
        return stamp + bytes(_TIME_PAD[basic])
    assert kind in (GR, CTRL)
    return _ALARM.pack(status, severity) + pack_meta(source.meta, basic, kind)


def _stsack(source: Source) -> bytes:
    severity, status, _ = source.alarm
    ackt, acks = source.stsack()
    value = source.form.pack(source.value, STRING, source.meta, 1)
    return Struct(">HHHH").pack(status, severity, ackt, acks) + value[:40]


ALL_ACCESS = READ_ACCESS | WRITE_ACCESS

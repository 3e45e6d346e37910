"""Values on the wire: each packed once per DBR type, count and change, for everybody.

A `Source` is what clients connect to. A `Wire` is its value as one DBR type and count;
gets and monitors of all clients share it.
"""

from __future__ import annotations

import struct
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from daqpv.core import Alarm
from daqpv.errors import RefusedError
from daqpv.serve.ca import slices
from daqpv.serve.ca.packers import joined, packed_head, packer
from daqpv.serve.ca.protocol import (
    BASIC_TYPES,
    CLASS_NAME,
    ELEMENT_SIZE,
    EVENT_ADD,
    GET_FAIL,
    LONG,
    NORMAL,
    READ_ACCESS,
    READ_NOTIFY,
    REPLY_HEAD,
    STSACK_STRING,
    WRITE_ACCESS,
)
from daqpv.serve.values.forms import Form, decode
from daqpv.serve.values.meta import Meta

if TYPE_CHECKING:
    from daqpv.core import Origin
    from daqpv.serve.ca.connected import Subscription
    from daqpv.serve.pv.outbox import Outbox

NO_CONVERSION = (ValueError, TypeError, OverflowError, struct.error)
"""What packing a value as a type that it does not have raises."""

_KEPT_WIRES = 24  # a source keeps no more: clients may ask for any count


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

    def put_ended(self, began: float, error: Exception | None) -> None:
        """A put that arrived at `began` (monotonic [s]) has ended, well or not."""

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
        late: those who get it when it is packed in slices; None: nobody waits.
    """

    __slots__ = (
        "_pack",
        "_shape",
        "body",
        "count",
        "dbr",
        "event_head",
        "get_head",
        "late",
        "source",
        "subscriptions",
    )

    def __init__(self, source: Source, dbr: int, count: int) -> None:
        self.source = source
        self.dbr = dbr
        self.count = count
        self.subscriptions: list[Subscription] = []
        self.body: bytes | None = None
        self.late: dict[Subscription, None] | None = None
        self.get_head = self.event_head = b""
        self._shape = (-1, -1)
        self._pack = packer(source, dbr, count)

    def pack(self) -> bytes:
        """Pack the present value.

        Raises:
            ValueError: it cannot be had as this type.
            TakesLong: it has many elements to convert.
        """
        payload, count = self._pack()
        if (len(payload), count) != self._shape:  # mostly it is what it was
            self._pack_heads(len(payload), count)
        self.body = payload
        return payload

    async def pack_slowly(self) -> bytes:
        """Pack the present value in slices.

        Raises:
            ValueError: it cannot be had as this type.
        """
        source, basic = self.source, self.dbr % BASIC_TYPES
        head = packed_head(source, self.dbr)
        count = self.count or source.form.length(source.value, basic)
        data = await slices.pack(source, basic, count)
        payload = joined(head, data, basic, count)
        self._pack_heads(len(payload), count)
        return payload

    def blank(self) -> bytes:
        """Zeros in place of the value; not empty, for libca ignores an empty event."""
        source, basic = self.source, self.dbr % BASIC_TYPES
        count = self.count or source.form.length(source.value, basic)
        return bytes(len(joined(packed_head(source, self.dbr), b"", basic, count)))

    def _pack_heads(self, size: int, count: int) -> None:
        self._shape = (size, count)
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


ALL_ACCESS = READ_ACCESS | WRITE_ACCESS

"""Packs values, each once per DBR type, count and change, for all clients.

An `Encoder` packs a source for the channel of one client. The result is a `Wire`: the
value as one DBR type and count, shared by the gets and monitors of all clients.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Collection, Coroutine
from typing import Any, Protocol

from daqpv.serve.ca import slices
from daqpv.serve.ca.encoding import BASIC, length
from daqpv.serve.ca.packers import joined, packed_head, packer
from daqpv.serve.ca.protocol import (
    BASIC_TYPES,
    CLASS_NAME,
    ELEMENT_SIZE,
    EVENT_ADD,
    GET_FAIL,
    LONG,
    NORMAL,
    READ_NOTIFY,
    REPLY_HEAD,
    STSACK_STRING,
)
from daqpv.serve.ca.slices import TakesLong
from daqpv.serve.pv.follower import Packed, Writer
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.pv.source import Source

_log = logging.getLogger(__name__)

NO_CONVERSION = (ValueError, TypeError, OverflowError, struct.error)
"""The errors that packing a value as an unsuitable type raises."""

_KEPT_WIRES = 24  # limit per source: clients may request any count


class Line(Protocol):
    """The destination of the events of one client."""

    out: list[bytes]
    """Data of the next write."""

    held: bool
    """Whether events are withheld: the client is slow, or has sent EVENTS_OFF."""

    def hold(self, subscription: Subscription) -> None:
        """Send the newest value when the client can take it."""

    def send_event(self, subscription: Subscription, head: bytes, body: bytes) -> None:
        """Send the packed event, or the newest value later."""

    def send(self) -> None:
        """Write all that has been collected."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task of the server."""


class Subscription:
    """One client's monitor.

    Attributes:
        wire: the value as the client requested it.
        line: destination of its events.
        mask: the changes that the client subscribed to.
        key: the client's id for it, in wire format.
    """

    __slots__ = ("key", "line", "mask", "wire")

    def __init__(self, wire: Wire, line: Line, mask: int, key: bytes) -> None:
        self.wire = wire
        self.line = line
        self.mask = mask
        self.key = key


class Wire(Packed):
    """A source's value as one DBR type and count.

    Attributes:
        body: follows the last parameter of a message's header; None: not packed.
        get_head: precedes that parameter in the answer to a get.
        event_head: the same in a monitor's event.
        subscriptions: receive its events.
        late: receive the value when it is packed in slices; None: none waits.
    """

    __slots__ = (
        *("_pack", "_shape", "count", "dbr", "event_head", "get_head", "late"),
        *("source", "subscriptions"),
    )

    def __init__(self, source: Source, dbr: int, count: int) -> None:
        super().__init__()
        self.source = source
        self.dbr = dbr
        self.count = count
        self.subscriptions: list[Subscription] = []
        self.late: dict[Subscription, None] | None = None
        self.get_head = self.event_head = b""
        self._shape = (-1, -1)
        self._pack = packer(source, dbr, count)

    # -- packing -----------------------------------------------------------------------

    def pack(self) -> bytes:
        """Pack the present value.

        Raises:
            ValueError: the value has no representation as this type.
            TakesLong: it has many elements to convert.
        """
        payload, count = self._pack()
        if (len(payload), count) != self._shape:  # usually unchanged
            self._pack_heads(len(payload), count)
        self.body = payload
        return payload

    async def pack_slowly(self) -> bytes:
        """Pack the present value in slices.

        Raises:
            ValueError: the value has no representation as this type.
        """
        head = packed_head(self.source, self.dbr)
        basic, count = self.dbr % BASIC_TYPES, self._elements()
        data = await slices.pack(self.source, basic, count)
        payload = joined(head, data, basic, count)
        self._pack_heads(len(payload), count)
        return payload

    def blank(self) -> bytes:
        """Zeros in place of the value; not empty: libca ignores an empty event."""
        head = packed_head(self.source, self.dbr)
        return bytes(len(joined(head, b"", self.dbr % BASIC_TYPES, self._elements())))

    def failure(self) -> tuple[bytes, bytes]:
        """Head and body of an event that reports an unreadable value.

        The body is not empty: libca ends the subscription at an empty event.
        """
        body = bytes(16 + ELEMENT_SIZE[self.dbr % BASIC_TYPES] // 8 * 8)
        return REPLY_HEAD.pack(EVENT_ADD, len(body), self.dbr, 1, GET_FAIL), body

    def _elements(self) -> int:
        source = self.source
        return self.count or length(source.form, source.value, self.dbr % BASIC_TYPES)

    def _pack_heads(self, size: int, count: int) -> None:
        self._shape = (size, count)
        if size >= LONG:  # the payload begins with the real size and count
            size, count = LONG, 0
        head = (size, self.dbr, count, NORMAL)
        self.get_head = REPLY_HEAD.pack(READ_NOTIFY, *head)
        self.event_head = REPLY_HEAD.pack(EVENT_ADD, *head)

    # -- monitors ----------------------------------------------------------------------

    def subscribe(
        self, line: Line, mask: int, key: bytes, outbox: Outbox
    ) -> Subscription:
        """Send further events of `mask` to `line`."""
        subscription = Subscription(self, line, mask, key)
        self.subscriptions.append(subscription)
        if len(self.subscriptions) == 1:
            if self not in self.source.packed:
                self.source.packed.append(self)
            self.source.follow(self, outbox)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Cancel a subscription."""
        self.subscriptions.remove(subscription)
        if not self.subscriptions:
            self.source.unfollow(self)

    def changed(self, mask: int, writers: set[Writer]) -> int:
        """Send the value to all subscriptions for `mask`; returns their number."""
        try:
            body = self.body or self.pack()
        except TakesLong:
            self.send_slowly([s for s in self.subscriptions if s.mask & mask])
            return 0
        except NO_CONVERSION as error:
            _log.debug("%s: %s", self.source.name, error)
            return 0
        head, events = self.event_head, 0
        for subscription in self.subscriptions:
            if subscription.mask & mask:
                line = subscription.line
                events += 1
                if line.held:
                    line.hold(subscription)
                else:
                    line.out += (head, subscription.key, body)
                    writers.add(line)
        return events

    def send_slowly(self, subscriptions: Collection[Subscription]) -> None:
        """Send the present value when it is packed in slices.

        Changes in the meantime are combined into one event.
        """
        running = self.late is not None
        self.late = (self.late or {}) | dict.fromkeys(subscriptions)
        if not running:
            for subscription in self.late:
                subscription.line.spawn(self._send_late())
                break

    async def _send_late(self) -> None:
        while self.late:
            waiting, self.late = self.late, {}
            try:
                body = await self.pack_slowly()
                head = self.event_head
            except ValueError:
                head, body = self.failure()
            for subscription in waiting:
                if subscription in self.subscriptions:
                    subscription.line.send_event(subscription, head, body)
        self.late = None


class Encoder:
    """Packs a source as any DBR type and count, for the channel of one client.

    Attributes:
        basic: the DBR type of its elements.
        nelm: maximum number of elements.
    """

    __slots__ = ("basic", "nelm", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.basic = BASIC[source.form.native]
        self.nelm = source.form.nelm

    def wire(self, dbr: int, count: int, mask: int = 0) -> Wire:
        """The value as `dbr`, with `count` elements, or 0 for all.

        Args:
            dbr: the DBR type.
            count: at most the number of elements without filters; the elements that
                filters remove are zeros.
            mask: the events that a subscription is for; 0: it is for a get.

        Raises:
            ValueError: unknown type, or more elements than the PV holds.
        """
        for wire in self.source.packed:
            if isinstance(wire, Wire) and wire.dbr == dbr and wire.count == count:
                return wire
        if not 0 <= dbr < 5 * BASIC_TYPES and dbr not in (STSACK_STRING, CLASS_NAME):
            raise ValueError(f"no DBR type {dbr}")
        whole = self.source.target
        if count > whole.form.nelm:
            raise ValueError(f"{whole.name} has {whole.form.nelm} elements")
        source = self.source.view(mask)
        wire = Wire(source, dbr, count)
        if len(source.packed) < _KEPT_WIRES:
            source.packed.append(wire)
        return wire

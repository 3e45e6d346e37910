"""The outbox: what has changed in this loop turn, and the one flush that sends it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from daqpv.serve.ca.slices import TakesLong, send
from daqpv.serve.ca.wire import NO_CONVERSION

if TYPE_CHECKING:
    from daqpv.serve.ca.circuit import Circuit
    from daqpv.serve.ca.wire import Source

_log = logging.getLogger(__name__)

_MANY = 128  # changes: sent at once, for the client may as well begin to read (0.2 ms)


class Outbox:
    """Gathers changes; sends them at the end of the loop turn, or when they are many.

    A change is packed when it is drained, once per wire. A source that changes twice
    in one turn is drained in between: each change is one event.

    Attributes:
        events: monitor events handed to circuits so far.
        dirty: what has changed and is not drained yet, with masks.
    """

    def __init__(self) -> None:
        self.events = 0
        self.dirty: dict[Source, int] = {}
        self._writers: set[Circuit] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed = False

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to send; changes before that reach listeners alone."""
        self._loop = loop
        if self.dirty:
            self._arm()

    def mark(self, source: Source, mask: int) -> None:
        """`source` has changed, and `mask` says what of it.

        Call `due` first if it may be here already.
        """
        self.dirty[source] = mask
        if len(self.dirty) >= _MANY and self._loop is not None:
            self.flush()
        elif not self._armed:
            self._arm()

    def due(self, source: Source) -> bool:
        """Whether an earlier change of `source` has not been drained yet."""
        return source in self.dirty

    def write_later(self, circuit: Circuit) -> None:
        """`circuit` has something to send at the end of this turn."""
        self._writers.add(circuit)
        if not self._armed:
            self._arm()

    def _arm(self) -> None:
        if self._loop is not None:
            self._armed = True
            self._loop.call_soon(self.flush)

    def drain(self) -> None:
        """Hand all changes to the circuits, in the order in which they came."""
        if not self.dirty:
            return
        dirty, self.dirty = self.dirty, {}
        writers, events = self._writers, 0
        for source, mask in dirty.items():
            for wire in source.wires:
                if not wire.subscriptions:
                    continue
                try:
                    body = wire.body or wire.pack()
                except TakesLong:
                    send(wire, [s for s in wire.subscriptions if s.mask & mask])
                    continue
                except NO_CONVERSION as error:
                    _log.debug("%s: %s", source.name, error)
                    continue
                head = wire.event_head
                for subscription in wire.subscriptions:
                    if subscription.mask & mask:
                        circuit = subscription.circuit
                        events += 1
                        if circuit.held:
                            circuit.hold(subscription)
                        else:
                            circuit.out += (head, subscription.key, body)
                            writers.add(circuit)
            for view in source.views:
                follower = view.passed(mask)
                if follower is not None:
                    events += 1
                    follower.circuit.tell(follower)
                    writers.add(follower.circuit)
        self.events += events

    def flush(self) -> None:
        """Drain, and let each circuit write once."""
        self._armed = False
        self.drain()
        writers, self._writers = self._writers, set()
        for circuit in writers:
            circuit.send()

"""Outgoing data of one client: answers and events, collected and written at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from daqpv.serve.ca.desk import Desk
from daqpv.serve.ca.slices import TakesLong
from daqpv.serve.ca.wire import NO_CONVERSION, Subscription

HIGH = 256 * 1024  # [bytes] unsent beyond which a client counts as slow


class Outgoing:
    """The send side of a circuit.

    For a client that does not read, only the newest value of each subscription is kept.

    Attributes:
        out: data of the next write.
        held: whether events are withheld: the client is slow, or has sent EVENTS_OFF.
        is_slow: whether the client does not read.
    """

    def __init__(self, desk: Desk, transport: asyncio.Transport) -> None:
        self.out: list[bytes] = []
        self.held = False
        self.is_slow = False
        self._desk = desk
        self._transport = transport
        self._late: dict[Subscription, None] = {}
        self._after: list[bytes] = []
        self._silent = False

    def reply(self, data: bytes) -> None:
        """Answer a slow request; events from before are sent before."""
        if self._transport.is_closing():
            return
        self._desk.outbox.drain()
        late = self.is_slow or (self._late and not self._silent)
        (self._after if late else self.out).append(data)
        self.write_later()

    def write_later(self) -> None:
        """Write at the end of this turn of the loop."""
        self._desk.outbox.write_later(self)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task of the server."""
        self._desk.tasks.start(work)

    def send(self) -> None:
        """Write all that has been collected."""
        out = self.out
        if not out or self.is_slow:
            return
        if self._transport.is_closing():
            out.clear()
            return
        data = b"".join(out)
        out.clear()
        if len(data) > HIGH:  # asyncio slices what the socket does not take
            self._transport.write(memoryview(data))
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send nothing more."""
        self._late.clear()
        self.out.clear()

    # -- events ------------------------------------------------------------------------

    def send_present(self, subscription: Subscription) -> None:
        """Send the present value to `subscription`, or withhold it if necessary."""
        if self.held:
            self.hold(subscription)
        else:
            self._event(subscription)

    def hold(self, subscription: Subscription) -> None:
        """Send the newest value of `subscription` when the client can take it."""
        if subscription in self._late:
            self._desk.clients.conflated += 1
        self._late[subscription] = None

    def send_event(self, subscription: Subscription, head: bytes, body: bytes) -> None:
        """Send the packed event to `subscription`, or the newest value later."""
        if self.held:
            self.hold(subscription)
        else:
            self.out += (head, subscription.key, body)
            self.write_later()

    def forget(self, subscription: Subscription) -> None:
        """Send no more events to `subscription`."""
        self._late.pop(subscription, None)
        subscription.wire.unsubscribe(subscription)

    def _event(self, subscription: Subscription) -> int:
        """Send the present value to `subscription`; returns the size in bytes."""
        wire = subscription.wire
        try:
            body = wire.body or wire.pack()
        except TakesLong:
            wire.send_slowly((subscription,))
            return 0
        except NO_CONVERSION:
            head, body = wire.failure()
            self.out += (head, subscription.key, body)
        else:
            self.out += (wire.event_head, subscription.key, body)
        return len(body)

    # -- EVENTS_OFF and slow clients ---------------------------------------------------

    def silence(self) -> None:
        """Withhold events: the client has sent EVENTS_OFF."""
        self._silent = self.held = True

    def speak(self) -> None:
        """Send events again (EVENTS_ON), first the newest of each that was withheld."""
        self._silent = False
        self._release()

    def pause(self) -> None:
        """The client does not read: keep the newest values only."""
        self.is_slow = self.held = True

    def resume(self) -> None:
        """The client reads again."""
        self.is_slow = False
        self._release()
        self.send()

    def _release(self) -> None:
        """Send the newest withheld values, then the answers that wait behind them.

        As many as the client can take at once; the rest in the next turn.
        """
        if self.is_slow or self._transport.is_closing():
            return
        size = 0
        while self._late and not self._silent and size < HIGH:
            subscription = next(iter(self._late))
            del self._late[subscription]
            size += self._event(subscription)
        self.held = self._silent or bool(self._late)
        if self.held and not self._silent:
            asyncio.get_running_loop().call_soon(self._release)
        else:
            self.out += self._after
            self._after.clear()
        self.write_later()

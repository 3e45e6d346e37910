"""One client's TCP connection: parsed in place, answers gathered, written at once."""

from __future__ import annotations

import asyncio
import logging
import socket
from time import monotonic
from typing import TYPE_CHECKING, cast

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.connected import Request, Subscription
from daqpv.serve.ca.session import Session
from daqpv.serve.ca.slices import TakesLong, send
from daqpv.serve.ca.wire import NO_CONVERSION

if TYPE_CHECKING:
    from daqpv.serve.server import Server

_log = logging.getLogger(__name__)

_HIGH = 256 * 1024  # [bytes] unsent beyond which a client counts as slow
_LOW = 64 * 1024
_KEEP_ALIVE = 30  # [s] of silence after which TCP asks if the client lives
_PROBES = 6  # in the same time again: none answered, and the client has gone
_BUDGET = 0.01  # [s] that the requests of one client may take of a turn of the loop


class Circuit(asyncio.Protocol):
    """One client's connection.

    A client that does not read is *held*: of each subscription only the newest value
    is kept for it, its further requests wait in its own socket, and after
    `Server.slow_client` seconds without progress it is dropped.

    Requests are acted on in their order. A request that needs time, and more requests
    than one turn of the loop has time for, make those behind them wait.

    Attributes:
        out: what goes out with the next write.
        held: whether events are withheld: the client is slow, or asked for silence.
        origin: the user and the host that the client names.
        peer: its address.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.out: list[bytes] = []
        self.held = False
        self.peer = ""
        self.session = Session(self, "")
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._late: dict[Subscription, None] = {}
        self._after: list[bytes] = []
        self._slow = self._silent = False
        self._waits = 0  # for so many things: requests that take long, or a turn
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 0
        self._skip = 0

    # -- connection --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH, low=_LOW)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.session = Session(self, str(host))
        sock = transport.get_extra_info("socket")
        # asyncio does so only for sockets that name their protocol; ours name none
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE)
        interval = max(1, _KEEP_ALIVE // _PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
        # while data are on the way TCP asks nothing, and goes on for 15 minutes
        longest = int(1000 * max(2 * _KEEP_ALIVE, self.server.slow_client))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, longest)
        self.server.circuits.add(self)
        self.out.append(ca.message(ca.VERSION, 0, ca.MINOR, 0, 0))
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; its puts go on."""
        self.server.circuits.discard(self)
        self.server.slow.discard(self)
        self.session.end()
        self._late.clear()
        self.out.clear()
        self._chunks.clear()

    def close(self, reason: str = "") -> None:
        """End the connection; what is unsent is lost."""
        if reason:
            _log.warning("client %s is dropped: %s", self.peer, reason)
        self._transport.abort()

    # -- receiving ---------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Answer all whole requests in `data`, and keep the rest."""
        if self._skip:
            data = self._skipped(data)
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need or self._slow or self._waits:
                return
            data = b"".join(self._chunks)
            self._chunks.clear()
        self._consume(data)
        self.send()

    def wait(self) -> None:
        """Act on no further request before as many calls of `go_on`."""
        self._waits += 1
        self._transport.pause_reading()

    def wait_a_turn(self) -> None:
        """Act on the further requests when what is ready to run now has run."""
        self.wait()
        asyncio.get_running_loop().call_soon(self.go_on)

    def go_on(self) -> None:
        """Act on the requests that have waited, if nothing else holds them up."""
        self._waits -= 1
        self._read_on()

    def _read_on(self) -> None:
        if self._waits or self._slow or self._transport.is_closing():
            return
        if self._chunks and self._have >= self._need:
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._consume(data)
            self.send()
        if not (self._slow or self._waits):
            self._transport.resume_reading()

    def _skipped(self, data: bytes) -> bytes:
        rest = data[self._skip :]
        self._skip -= min(self._skip, len(data))
        return rest

    def _consume(self, data: bytes) -> None:
        try:
            done = self._parse(data)
        except Exception:  # a hostile request ends its own circuit, nobody else's
            _log.exception("client %s sent what we cannot handle", self.peer)
            self.close("see above")
            return
        if done < len(data):
            rest = data[done:] if done else data
            self._chunks.append(rest)
            self._have = len(rest)

    def _parse(self, data: bytes) -> int:
        """Act on the whole requests in `data`; returns how many bytes they have."""
        i, end = 0, len(data)
        gets, out = self.session.gets, self.out
        size = 0
        deadline = monotonic() + _BUDGET
        while end - i >= ca.HEADER_SIZE:
            wire = gets.get(data[i : i + 12])  # a get as this client has sent it before
            if wire is not None and (body := wire.body) is not None:
                out += (wire.get_head, data[i + 12 : i + 16], body)
                i += 16
                size += len(body)
            else:
                step = self._request(data, i, end)
                if step == 0:
                    return i
                i += step
                size += 4096
            if size > _HIGH:
                size = 0
                self.send()
                if not self._slow and monotonic() > deadline:
                    self.wait_a_turn()
            if self._slow or self._waits:
                self._need = 0
                return i
        self._need = ca.HEADER_SIZE
        return min(i, end)

    def _request(self, data: bytes, i: int, end: int) -> int:
        """Act on the request at `i`; returns its length, 0 if it is not all here."""
        command, size, dbr, count, p1, p2 = ca.HEADER.unpack_from(data, i)
        start = i + ca.HEADER_SIZE
        if size == ca.LONG and count == 0:
            if end - i < ca.EXTENDED_SIZE:
                self._need = ca.EXTENDED_SIZE
                return 0
            start = i + ca.EXTENDED_SIZE
            size, count = ca.EXTENSION.unpack_from(data, start - 8)
        if not self.session.knows(command):
            self.close(f"it sent command {command}, which does not exist")
            return end - i
        if start + size > end:
            if size > self.session.longest(command, p1):
                request = Request(command, dbr, count, p1, p2)
                return self._refuse(request, size, start + size - i, end - i)
            self._need = start + size - i
            return 0
        if size > _HIGH:  # a large array is not copied to be looked at
            payload: bytes | memoryview = memoryview(data)[start : start + size]
        else:
            payload = data[start : start + size]
        self.session.act(Request(command, dbr, count, p1, p2, payload))
        return int(start + size - i)

    def _refuse(self, request: Request, size: int, whole: int, here: int) -> int:
        """A request longer than any that makes sense: answer it, read past it."""
        if not self.session.too_long(request, size):
            self.close(f"it sent command {request.command} with {size} bytes")
        self._skip = whole - here
        return here

    # -- sending -----------------------------------------------------------------------

    def reply(self, data: bytes) -> None:
        """Answer a request that took its time; events that came before leave before."""
        if self._transport.is_closing():
            return
        self.server.outbox.drain()
        late = self._slow or (self._late and not self._silent)
        (self._after if late else self.out).append(data)
        self.server.outbox.write_later(self)

    def send(self) -> None:
        """Write all that has gathered."""
        out = self.out
        if not out or self._slow:
            return
        if self._transport.is_closing():
            out.clear()
            return
        data = b"".join(out)
        out.clear()
        if len(data) > _HIGH:  # asyncio slices what the socket does not take
            self._transport.write(memoryview(data))
        else:
            self._transport.write(data)

    def tell(self, subscription: Subscription) -> None:
        """Send the present value to `subscription`, or hold it back if it must be."""
        if self.held:
            self.hold(subscription)
        else:
            self.event(subscription)

    def hold(self, subscription: Subscription) -> None:
        """Send the newest value of `subscription` when the client can take it."""
        if subscription in self._late:
            self.server.conflated += 1
        self._late[subscription] = None

    def send_event(self, subscription: Subscription, head: bytes, body: bytes) -> None:
        """Send what was packed for `subscription`, or the newest value later."""
        if self.held:
            self.hold(subscription)
        else:
            self.out += (head, subscription.key, body)
            self.server.outbox.write_later(self)

    def forget(self, subscription: Subscription) -> None:
        """Send nothing more of `subscription`."""
        self._late.pop(subscription, None)

    def silence(self) -> None:
        """The client wants no events for a while."""
        self._silent = self.held = True

    def speak(self) -> None:
        """The client wants events again: first the newest of each that it missed."""
        self._silent = False
        self._release()

    def pause_writing(self) -> None:
        """The client does not read: keep the newest values only, read nothing more."""
        self._slow = self.held = True
        self._transport.pause_reading()
        self.server.slow.add(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._slow = False
        self.server.slow.discard(self)
        self._release()
        self.send()
        self._read_on()

    def _release(self) -> None:
        """Send the newest values that were held, then the answers behind them.

        As much as a client can take at once; the rest in the next turn.
        """
        if self._slow or self._transport.is_closing():
            return
        size = 0
        while self._late and not self._silent and size < _HIGH:
            subscription = next(iter(self._late))
            del self._late[subscription]
            size += self.event(subscription)
        self.held = self._silent or bool(self._late)
        if self.held and not self._silent:
            asyncio.get_running_loop().call_soon(self._release)
        else:
            self.out += self._after
            self._after.clear()
        self.server.outbox.write_later(self)

    def event(self, subscription: Subscription) -> int:
        """Send the present value to `subscription`; returns how many bytes that is."""
        wire = subscription.wire
        try:
            body = wire.body or wire.pack()
        except TakesLong:
            send(wire, (subscription,))
            return 0
        except NO_CONVERSION:
            head, body = wire.failure()
            self.out += (head, subscription.key, body)
        else:
            self.out += (wire.event_head, subscription.key, body)
        return len(body)

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

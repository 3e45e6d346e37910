"""One client's TCP connection: parsed in place, answers gathered, written at once."""

from __future__ import annotations

import asyncio
import logging
import socket
from time import monotonic
from typing import cast

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.client import Client
from daqpv.serve.ca.connected import Request
from daqpv.serve.ca.desk import Desk
from daqpv.serve.ca.outgoing import HIGH, Outgoing
from daqpv.serve.ca.session import Session

_log = logging.getLogger(__name__)

_LOW = 64 * 1024
_KEEP_ALIVE = 30  # [s] of silence after which TCP asks if the client lives
_PROBES = 6  # in the same time again: none answered, and the client has gone
_BUDGET = 0.01  # [s] that the requests of one client may take of a turn of the loop


class Circuit(asyncio.Protocol):
    """One client's connection.

    A client that does not read is *slow*: its further requests wait in its own socket,
    and after `Clients.patience` seconds without progress it is dropped.

    Requests are acted on in their order. A request that needs time, and more requests
    than one turn of the loop has time for, make those behind them wait.

    Args:
        desk: of the server.

    Attributes:
        peer: the client's address and port.
        session: what its requests do, once it is connected.
        outgoing: what leaves to it, likewise.
    """

    session: Session
    outgoing: Outgoing

    def __init__(self, desk: Desk) -> None:
        self.peer = ""
        self._desk = desk
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._waits = 0  # for so many things: requests that take long, or a turn
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 0
        self._skip = 0

    # -- connection --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH, low=_LOW)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.outgoing = Outgoing(self._desk, self._transport)
        client = Client(self._desk, self.outgoing, self, str(host))
        self.session = Session(client, self.peer)
        _set_options(transport.get_extra_info("socket"), self._desk.clients.patience)
        self._desk.clients.circuits.add(self)
        self.outgoing.out.append(ca.message(ca.VERSION, 0, ca.MINOR, 0, 0))
        self.outgoing.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; its puts go on."""
        self._desk.clients.circuits.discard(self)
        self._desk.clients.slow.discard(self)
        self.session.end()
        self.outgoing.close()
        self._chunks.clear()

    def close(self, reason: str = "") -> None:
        """End the connection; what is unsent is lost."""
        if reason:
            _log.warning("client %s is dropped: %s", self.peer, reason)
        self._transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def pause_writing(self) -> None:
        """The client does not read: read nothing more of it."""
        self.outgoing.pause()
        self._transport.pause_reading()
        self._desk.clients.slow.add(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._desk.clients.slow.discard(self)
        self.outgoing.resume()
        self._read_on()

    # -- receiving ---------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Answer all whole requests in `data`, and keep the rest."""
        if self._skip:
            data = self._skipped(data)
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need or self.outgoing.is_slow or self._waits:
                return
            data = b"".join(self._chunks)
            self._chunks.clear()
        self._consume(data)
        self.outgoing.send()

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
        if self._waits or self.outgoing.is_slow or self._transport.is_closing():
            return
        if self._chunks and self._have >= self._need:
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._consume(data)
            self.outgoing.send()
        if not (self.outgoing.is_slow or self._waits):
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
        gets, out = self.session.gets, self.outgoing.out
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
            if size > HIGH:
                size = 0
                self.outgoing.send()
                if not self.outgoing.is_slow and monotonic() > deadline:
                    self.wait_a_turn()
            if self.outgoing.is_slow or self._waits:
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
        act = self.session.acts.get(command)
        if act is None:
            self.close(f"it sent command {command}, which does not exist")
            return end - i
        if start + size > end:
            if size > self.session.longest(command, p1):
                request = Request(command, dbr, count, p1, p2)
                return self._refuse(request, size, start + size - i, end - i)
            self._need = start + size - i
            return 0
        if size > HIGH:  # a large array is not copied to be looked at
            payload: bytes | memoryview = memoryview(data)[start : start + size]
        else:
            payload = data[start : start + size]
        act(Request(command, dbr, count, p1, p2, payload))
        return int(start + size - i)

    def _refuse(self, request: Request, size: int, whole: int, here: int) -> int:
        """A request longer than any that makes sense: answer it, read past it."""
        if not self.session.too_long(request, size):
            self.close(f"it sent command {request.command} with {size} bytes")
        self._skip = whole - here
        return here


def _set_options(sock: socket.socket, patience: float) -> None:
    """Send at once, and find out when the client has gone; `patience` in s."""
    # asyncio does so only for sockets that name their protocol; ours name none
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE)
    interval = max(1, _KEEP_ALIVE // _PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    # while data are on the way TCP asks nothing, and goes on for 15 minutes
    longest = int(1000 * max(2 * _KEEP_ALIVE, patience))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, longest)

"""One client's TCP connection: parses requests in place, sends answers in one write."""

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
_KEEP_ALIVE = 30  # [s] of silence after which TCP checks whether the client is alive
_PROBES = 6  # in the same time again: if none is answered, the client is lost
_BUDGET = 0.01  # [s] of one loop turn for the requests of one client


class Circuit(asyncio.Protocol):
    """One client's connection.

    A client that does not read is *slow*: its further requests stay in its own socket,
    and after `Clients.patience` seconds without progress it is dropped.

    Requests are processed in order. A request that takes time delays those behind it;
    so does a number of requests that exceeds the time budget of a loop turn.

    Args:
        desk: of the server.

    Attributes:
        peer: the client's address and port.
        session: processes its requests, once it is connected.
        outgoing: collects its outgoing data, likewise.
    """

    session: Session
    outgoing: Outgoing

    def __init__(self, desk: Desk) -> None:
        self.peer = ""
        self._desk = desk
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._waits = 0  # number of open waits: slow requests, or a loop turn
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 0
        self._skip = 0

    # -- connection --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set up the session of a new client."""
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
        """Remove the client; its puts go on."""
        self._desk.clients.circuits.discard(self)
        self._desk.clients.slow.discard(self)
        self.session.end()
        self.outgoing.close()
        self._chunks.clear()

    def close(self, reason: str = "") -> None:
        """Close the connection; unsent data are lost."""
        if reason:
            _log.warning("client %s is dropped: %s", self.peer, reason)
        self._transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes that are not sent to the client yet."""
        return self._transport.get_write_buffer_size()

    def pause_writing(self) -> None:
        """The client does not read: stop reading from it."""
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
        """Process all complete requests in `data`, and keep the rest."""
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
        """Process no further request before as many calls of `go_on`."""
        self._waits += 1
        self._transport.pause_reading()

    def wait_a_turn(self) -> None:
        """Process further requests after all callbacks that are ready now."""
        self.wait()
        asyncio.get_running_loop().call_soon(self.go_on)

    def go_on(self) -> None:
        """Process the waiting requests, if no other wait is left."""
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
        except Exception:  # an invalid request ends its own circuit only
            _log.exception("client %s sent what we cannot handle", self.peer)
            self.close("see above")
            return
        if done < len(data):
            rest = data[done:] if done else data
            self._chunks.append(rest)
            self._have = len(rest)

    def _parse(self, data: bytes) -> int:
        """Process the complete requests in `data`; returns their length in bytes."""
        i, end = 0, len(data)
        gets, out = self.session.gets, self.outgoing.out
        size = 0
        deadline = monotonic() + _BUDGET
        while end - i >= ca.HEADER_SIZE:
            wire = gets.get(data[i : i + 12])  # the client has sent the same get before
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
        """Process the request at `i`; returns its length, 0 if it is not complete."""
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
        if size > HIGH:  # a large array is not copied for the size check
            payload: bytes | memoryview = memoryview(data)[start : start + size]
        else:
            payload = data[start : start + size]
        act(Request(command, dbr, count, p1, p2, payload))
        return int(start + size - i)

    def _refuse(self, request: Request, size: int, whole: int, here: int) -> int:
        """Answer a request beyond the size limit, and skip its payload."""
        if not self.session.too_long(request, size):
            self.close(f"it sent command {request.command} with {size} bytes")
        self._skip = whole - here
        return here


def _set_options(sock: socket.socket, patience: float) -> None:
    """Send without delay, and detect a lost client; `patience` in s."""
    # asyncio does so only for sockets with an explicit protocol; ours has none
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE)
    interval = max(1, _KEEP_ALIVE // _PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    # while data are unacknowledged TCP sends no probes, and retries for 15 minutes
    longest = int(1000 * max(2 * _KEEP_ALIVE, patience))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, longest)

"""A Channel Access client on raw sockets, with the least cost per operation.

libca in Python takes more time per get and event than a good server. Only the
operations of the benchmarks are here: search, connect, get, put, subscribe.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple, Self

from daqpv.errors import NoAnswerError, NotConnectedError, OperationError
from daqpv.serve.ca import protocol as ca
from daqpv.serve.pv.masks import DBE_ALARM, DBE_VALUE

TIMEOUT = 10.0  # [s] for each answer
_CHUNK = 256 * 1024  # [bytes] read at once
_MASK = Struct(">fffHH")


class Message(NamedTuple):
    """One message; the meaning of `p1` and `p2` depends on the command."""

    command: int
    dbr: int
    elements: int
    p1: int
    p2: int
    payload: bytes


class Channel(NamedTuple):
    """A connected PV.

    Attributes:
        name: of the PV.
        native: its basic DBR type.
        nelm: its maximum number of elements.
        sid: the server's id for it.
    """

    name: str
    native: int
    nelm: int
    sid: int

    def get(self, dbr: int, *, ioid: int = 0, count: int = 1) -> bytes:
        """The bytes of a get request."""
        return ca.message(ca.READ_NOTIFY, dbr, count, self.sid, ioid)

    def put(self, dbr: int, payload: bytes, *, ioid: int = 0, count: int = 1) -> bytes:
        """The bytes of a put request with callback."""
        return ca.message(ca.WRITE_NOTIFY, dbr, count, self.sid, ioid, payload)

    def subscribe(self, dbr: int, *, key: int) -> bytes:
        """The bytes of a request for a monitor of values and alarms."""
        mask = _MASK.pack(0, 0, 0, DBE_VALUE | DBE_ALARM, 0)
        return ca.message(ca.EVENT_ADD, dbr, 1, self.sid, key, mask)


def find(name: str, host: str, port: int, *, timeout: float = TIMEOUT) -> int:
    """The TCP port of the server of `name`, by a UDP search to that address.

    Raises:
        NotConnectedError: no answer.
    """
    data = name.encode() + b"\0"
    version = ca.message(ca.VERSION, 0, ca.MINOR, 0, 0)
    request = version + ca.message(ca.SEARCH, 5, ca.MINOR, 1, 1, data)
    end = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, port))
        while time.monotonic() < end:
            sock.settimeout(0.02)
            try:
                sock.send(request)
                answer = sock.recv(2048)
            except OSError:  # no answer, or no server listens yet
                time.sleep(0.002)
                continue
            for message, _ in messages(answer):
                if message.command == ca.SEARCH:
                    return message.dbr
    raise NotConnectedError(f"{name}: no server at {host}:{port} has it")


def messages(data: bytes, at: int = 0) -> Iterator[tuple[Message, int]]:
    """The complete messages in `data` from `at` on, each with the start of the next."""
    while at + ca.HEADER_SIZE <= len(data):
        command, size, dbr, count, p1, p2 = ca.HEADER.unpack_from(data, at)
        start = at + ca.HEADER_SIZE
        if size == ca.LONG and count == 0:
            if at + ca.EXTENDED_SIZE > len(data):
                return
            size, count = ca.EXTENSION.unpack_from(data, start)
            start += 8
        if start + size > len(data):
            return
        at = start + size
        yield Message(command, dbr, count, p1, p2, data[start:at]), at


class Circuit:
    """A connection to a server; use it as a context manager.

    Raises:
        OSError: the connection failed, or was lost.
    """

    def __init__(self, host: str, port: int) -> None:
        self.sock = socket.create_connection((host, port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._last_cid = 0
        self.send(
            ca.message(ca.VERSION, 0, ca.MINOR, 0, 0),
            ca.message(ca.CLIENT_NAME, 0, 0, 0, 0, b"bench\0"),
            ca.message(ca.HOST_NAME, 0, 0, 0, 0, b"localhost\0"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *requests: bytes) -> None:
        """Send requests."""
        self.sock.sendall(b"".join(requests))

    def recv(self) -> bytes:
        """Receive data, after the rest of earlier ones.

        Raises:
            NoAnswerError: no data in time.
            NotConnectedError: the server has closed the connection.
        """
        try:
            data = self.sock.recv(_CHUNK)
        except TimeoutError:
            raise NoAnswerError("no answer within 10 s", timed_out=True) from None
        if not data:
            raise NotConnectedError("the server has closed the connection")
        rest, self._rest = self._rest, b""
        return rest + data

    def read(self, command: int) -> list[Message]:
        """Wait for messages of one command; others are ignored."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            data, at, found = self.recv(), 0, []
            for message, at in messages(data):  # noqa: B007, the end of the last one
                if message.command == command:
                    found.append(message)
            self._rest = data[at:]
            if found:
                return found
        raise NoAnswerError("no answer within 10 s", timed_out=True)

    def read_exactly(self, size: int) -> bytearray:
        """Wait for exactly `size` bytes: for large data that are not parsed.

        Raises:
            NotConnectedError: the server has closed the connection.
        """
        data = bytearray(size)
        view, have = memoryview(data), 0
        while have < size:
            count = self.sock.recv_into(view[have:])
            if not count:
                raise NotConnectedError("the server has closed the connection")
            have += count
        return data

    def create(self, names: Iterable[str]) -> list[Channel]:
        """Connect to PVs.

        Raises:
            NotConnectedError: the server does not have one of them.
        """
        wanted = {self._last_cid + i: name for i, name in enumerate(names, 1)}
        self._last_cid += len(wanted)
        requests = [
            ca.message(ca.CREATE_CHANNEL, 0, 0, cid, ca.MINOR, name.encode() + b"\0")
            for cid, name in wanted.items()
        ]
        found: list[Channel] = []
        for i in range(0, len(requests), 500):
            self.send(*requests[i : i + 500])
            expected = min(i + 500, len(requests))
            while len(found) < expected:
                found += self._created(wanted)
        return found

    def _created(self, wanted: dict[int, str]) -> Iterator[Channel]:
        data = self.recv()
        at = 0
        for message, at in messages(data):  # noqa: B007, the end of the last one
            if message.command == ca.CREATE_FAILED:
                name = wanted[message.p1]
                raise NotConnectedError(f"{name}: the server does not have it")
            if message.command == ca.CREATE_CHANNEL:
                name = wanted[message.p1]
                yield Channel(name, message.dbr, message.elements, message.p2)
        self._rest = data[at:]

    def get(self, channel: Channel, dbr: int, *, count: int = 1) -> bytes:
        """Get, and wait for the answer.

        Raises:
            OperationError: the get failed.
        """
        self.send(channel.get(dbr, count=count))
        answer = self.read(ca.READ_NOTIFY)[0]
        if answer.p1 != ca.NORMAL:
            raise OperationError(f"{channel.name}: a get fails, status {answer.p1}")
        return answer.payload

    def put(self, channel: Channel, dbr: int, payload: bytes, count: int = 1) -> None:
        """Put with callback, and wait for the answer.

        Raises:
            OperationError: the put failed.
        """
        self.send(channel.put(dbr, payload, count=count))
        answer = self.read(ca.WRITE_NOTIFY)[0]
        if answer.p1 != ca.NORMAL:
            raise OperationError(f"{channel.name}: a put fails, status {answer.p1}")


def names_of(prefix: str, signal: str, count: int) -> Sequence[str]:
    """The names of `count` numbered PVs."""
    return [f"{prefix}{signal}{i}" for i in range(count)]


def host_and_port(address: str) -> tuple[str, int]:
    """Parse an address of EPICS_CA_ADDR_LIST; default port: EPICS_CA_SERVER_PORT.

    Raises:
        ValueError: the address is not valid.
    """
    host, _, port = address.partition(":")
    number = int(port or os.environ.get("EPICS_CA_SERVER_PORT") or 5064)
    return socket.gethostbyname(host), number

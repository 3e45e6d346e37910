"""HTTP as a gSOAP server speaks it: one POST, one answer, one connection.

The server closes the connection after each answer, so there is nothing to keep alive:
a call is to connect, send, receive, close. This module does just that, at a quarter of
what a general client costs (benchmarks/soap_cpu.py).

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError

MAX_ANSWER = 16 * 2**20  # [bytes] head and body; a Configure answer holds 100s of kB
MAX_HEAD = 64 * 2**10  # [bytes] of the head, and of any line

_PIECE = 2**16  # [bytes] received at a time

_HTTP = b"HTTP/1."
_HEAD = re.compile(
    rb"HTTP/1\.\d ([1-9]\d\d)(?: ([^\r\n]*))?\r\n"  # status, reason
    rb"((?:[^\s:]+:[^\r\n]*\r\n)*)\r\n"  # header fields
)
_FIELD = re.compile(rb"([^:]+):([^\r\n]*)\r\n")
_LENGTH = re.compile(rb"\d{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")

_lookups = ThreadPoolExecutor(4, "lookup")
"""Looking up a name blocks its thread for many seconds when DNS is down; these cannot
take the threads that others need."""

_Address = tuple[socket.AddressFamily, Any]
_T = TypeVar("_T")
_Reading = Generator[None, bytes, _T]
"""A reading that asks for more bytes by its yield; b"" says that there are no more."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: status code, its words, and the body."""

    status: int
    reason: str
    body: bytes


class HttpPeer:
    """A server at one address: it takes POSTs, or shows a page.

    Attributes:
        who: the server and its address, for the sentences of errors.
    """

    def __init__(self, name: str, url: str) -> None:
        """Take the address apart; nothing is sent.

        Raises:
            ValueError: `url` is not http://host[:port][/path].
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError as error:
            raise ValueError(f"{name}: {url!r} is no address: {error}") from error
        if parts.scheme != "http" or not parts.hostname or "@" in parts.netloc:
            raise ValueError(f"{name}: {url!r} is not http://host[:port][/path]")
        self._host, self._port = parts.hostname, port
        self._numeric = _numeric(self._host, self._port)
        self._addresses = self._numeric
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.who = f"{name} at {shown}:{self._port}"
        target = _target(parts.path, parts.query)
        place = f"Host: {quote(shown, safe='[]:%')}:{self._port}\r\n"
        self._get = (
            f"GET {target} HTTP/1.1\r\n{place}Connection: close\r\n\r\n"
        ).encode("ascii")
        self._head = (
            f"POST {target} HTTP/1.1\r\n{place}"
            "Content-Type: text/xml; charset=utf-8\r\n"
            'SOAPAction: ""\r\n'
            "Connection: close\r\n"
            "Content-Length: "
        ).encode("ascii")

    async def post(
        self, body: bytes, *, what: str, timeout: float, most: int = MAX_ANSWER
    ) -> HttpAnswer:
        """Send `body`, and return the whole answer, of whatever status.

        Args:
            body: the request, XML in UTF-8.
            what: the name of the request, for the sentences of errors.
            timeout: for all of it, from the look-up of the name on [s].
            most: the longest answer that is taken [bytes].

        Raises:
            NotConnectedError: no connection came about; nothing was sent.
            NoAnswerError: sent, perhaps in part, and no whole answer in time.
            ProtocolError: what came is not HTTP, or too long.
        """
        request = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        doubt = "; whether it did what it was asked is not known"
        exchange = _Exchange(request, most)
        return await self._answer(exchange, what, doubt, timeout)

    async def get(
        self, *, what: str, timeout: float, most: int = MAX_ANSWER
    ) -> HttpAnswer:
        """Read the page; arguments and errors are those of `post`."""
        return await self._answer(_Exchange(self._get, most), what, "", timeout)

    async def _answer(
        self, exchange: _Exchange, what: str, doubt: str, timeout: float
    ) -> HttpAnswer:
        try:
            async with asyncio.timeout(timeout) as deadline:
                return await self._first(exchange)
        except (EOFError, OSError) as error:  # a TimeoutError is an OSError
            if deadline.expired():
                raise self._too_late(what, doubt, timeout, exchange) from error
            raise NoAnswerError(
                f"{self.who}: the connection was cut before the answer to {what} was "
                f"whole ({_reason(error)}). Did the server end?{_sentence(doubt)}",
                timed_out=False,
            ) from error
        except ValueError as error:
            raise ProtocolError(
                f"{self.who}: the answer to {what} cannot be used: {error}. Is this "
                "the server's port?"
            ) from error

    async def _first(self, exchange: _Exchange) -> HttpAnswer:
        """Have the exchange with the first address that takes the connection.

        The addresses of a name are kept until a connection fails: a running experiment
        needs no DNS.
        """
        addresses = self._addresses or await self._look_up()
        failures: list[OSError] = []
        try:
            for family, address in addresses:
                try:
                    return await exchange.run(family, address)
                except OSError as error:
                    if exchange.is_connected:
                        raise
                    failures.append(error)
        finally:
            self._addresses = addresses if exchange.is_connected else self._numeric
        raise self._not_connected(failures[0]) from failures[0]

    async def _look_up(self) -> list[_Address]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(_lookups, _found, self._host, self._port)
        except (OSError, UnicodeError) as error:
            raise NotConnectedError(
                f"{self.who}: no such name ({_reason(error)}). Correct the url, or "
                "give the address in numbers"
            ) from error

    def _not_connected(self, failure: OSError) -> NotConnectedError:
        if isinstance(failure, ConnectionRefusedError):
            cure = "connection refused. Nothing listens there: start the server"
        else:
            cure = f"{_reason(failure)}. Is the computer on, and on the network?"
        return NotConnectedError(f"{self.who}: {cure}")

    def _too_late(
        self, what: str, doubt: str, timeout: float, exchange: _Exchange
    ) -> NotConnectedError | NoAnswerError:
        if exchange.is_connected:
            return NoAnswerError(
                f"{self.who}: no answer to {what} in {timeout:g} s. The server is busy "
                f"or hangs{doubt}",
                timed_out=True,
            )
        if exchange.is_tried:
            return NotConnectedError(
                f"{self.who}: no connection in {timeout:g} s. Is the computer on, and "
                "on the network?"
            )
        return NotConnectedError(
            f"{self.who}: the name was not found in {timeout:g} s. Is the name service "
            "(DNS) up? The address in numbers needs none"
        )


def _sentence(doubt: str) -> str:
    return doubt.replace("; w", " W")


def _target(path: str, query: str) -> str:
    asked = quote(path or "/", safe="/%:@!$&'()*+,;=~")
    return asked + ("?" + quote(query, safe="/?%:@!$&'()*+,;=~") if query else "")


def _found(host: str, port: int, flags: int = 0) -> list[_Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    # IPv4 first: the GET server listens on nothing else
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return [(family, address) for family, _, _, _, address in found]


def _numeric(host: str, port: int) -> list[_Address]:
    """The address that `host` gives in numbers; nothing if it is a name."""
    try:
        return _found(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


class _Exchange:
    """One request and its answer over one connection, in callbacks of the event loop.

    Written with a coroutine for each step (`sock_connect`, `sock_recv`) a call passes
    the loop once more and costs a seventh more.

    Attributes:
        is_tried: whether there was an address to connect to.
        is_connected: whether a connection came about, so that something may have left.
    """

    def __init__(self, request: bytes, most: int) -> None:
        self.is_tried = False
        self.is_connected = False
        self._rest = memoryview(request)
        self._reader = AnswerReader(most)
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[HttpAnswer | Exception]
        self._socket: socket.socket
        self._fd = -1

    async def run(self, family: socket.AddressFamily, address: Any) -> HttpAnswer:
        """Connect, send, receive, close.

        Raises:
            OSError: no connection, or it broke.
            EOFError: the server closed it before its answer was whole.
            ValueError: the answer is not HTTP, or too long.
        """
        self.is_tried = True
        self._outcome = self._loop.create_future()
        with socket.socket(family, socket.SOCK_STREAM) as self._socket:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._fd = self._socket.fileno()
            _check(self._socket.connect_ex(address))
            self._loop.add_writer(self._fd, self._on_writable)
            try:
                outcome = await self._outcome
            finally:
                self._loop.remove_writer(self._fd)
                self._loop.remove_reader(self._fd)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _on_writable(self) -> None:
        if self._outcome.done():
            return  # cancelled, or failed: `run` is about to clean up
        try:
            if not self.is_connected:
                _check(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                self.is_connected = True
            self._rest = self._rest[self._socket.send(self._rest) :]
        except BlockingIOError:
            return  # not yet, after all
        except OSError as error:
            self._outcome.set_result(error)
        if not self._rest:
            self._loop.remove_writer(self._fd)
            self._loop.add_reader(self._fd, self._on_readable)

    def _on_readable(self) -> None:
        if self._outcome.done():
            return
        try:
            answer = self._reader.feed(self._socket.recv(_PIECE))
        except BlockingIOError:
            return
        except (OSError, EOFError, ValueError) as error:
            self._outcome.set_result(error)
        else:
            if answer:
                self._outcome.set_result(answer)


def _check(code: int) -> None:
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))


@lru_cache(maxsize=64)  # a server at rest sends the same head for hours
def _head(head: bytes) -> tuple[int, str, Mapping[bytes, bytes]]:
    """Status, reason and fields."""
    match = _HEAD.fullmatch(head)
    if not match:
        raise ValueError(f"it begins with {head[:60]!r}")
    fields = {name.lower(): value.strip() for name, value in _FIELD.findall(match[3])}
    return int(match[1]), (match[2] or b"").decode("latin-1"), fields


class AnswerReader:
    """Makes an answer of bytes as they come.

    Args:
        most: the longest answer that is taken, with its head [bytes].
    """

    def __init__(self, most: int = MAX_ANSWER) -> None:
        self._most = most
        self._buffer = bytearray()
        self._at = 0  # what is before has been understood
        self._reading = self._answer()
        next(self._reading)

    def feed(self, piece: bytes) -> HttpAnswer | None:
        """Take a piece, b"" for the end; return the answer when it is whole.

        Raises:
            ValueError: that is not HTTP, or too long.
            EOFError: the end comes too early.
        """
        try:
            self._reading.send(piece)
        except StopIteration as end:
            return cast(HttpAnswer, end.value)
        if not self._buffer.startswith(_HTTP[: len(self._buffer)]):
            raise ValueError(f"it begins with {bytes(self._buffer[:60])!r}")
        return None

    def _answer(self) -> _Reading[HttpAnswer]:
        status = 100
        while status < 200 and status != 101:  # "100 Continue" is no answer yet
            status, reason, fields = _head((yield from self._until(b"\r\n\r\n")))
        body = b"" if status in (204, 304) else (yield from self._body(fields))
        return HttpAnswer(status, reason, body)

    def _body(self, headers: Mapping[bytes, bytes]) -> _Reading[bytes]:
        coding = headers.get(b"transfer-encoding", b"identity").lower()
        length = headers.get(b"content-length", b"")
        if coding == b"chunked":
            return (yield from self._chunks())
        if coding != b"identity":
            raise ValueError(f"its transfer encoding is {coding!r}")
        if _LENGTH.fullmatch(length):
            return (yield from self._exactly(int(length)))
        if length:
            raise ValueError(f"its Content-Length is {length[:60]!r}")
        return (yield from self._to_the_end())

    def _chunks(self) -> _Reading[bytes]:
        body = bytearray()
        while True:
            line = yield from self._until(b"\r\n")
            match = _CHUNK.fullmatch(line)
            if not match:
                raise ValueError(f"it has a chunk of size {line[:60]!r}")
            size = int(match[1], 16)
            if not size:
                break
            body += yield from self._exactly(size)
            if (yield from self._exactly(2)) != b"\r\n":
                raise ValueError("it has a chunk that is longer than it says")
        while (yield from self._until(b"\r\n")) != b"\r\n":
            pass  # the trailer
        return bytes(body)

    def _until(self, mark: bytes) -> _Reading[bytes]:
        """What comes, up to and with `mark`."""
        seen = self._at
        while (end := self._buffer.find(mark, seen)) < 0:
            if len(self._buffer) - self._at > MAX_HEAD:
                raise ValueError(f"it has a head of more than {MAX_HEAD} bytes")
            seen = max(self._at, len(self._buffer) - len(mark) + 1)
            self._append((yield))
        return self._take(end + len(mark))

    def _exactly(self, size: int) -> _Reading[bytes]:
        if size > self._most:
            raise ValueError(f"it is {size} bytes long, at most {self._most} are taken")
        while len(self._buffer) < self._at + size:
            self._append((yield))
        return self._take(self._at + size)

    def _to_the_end(self) -> _Reading[bytes]:
        while piece := (yield):
            self._append(piece)
        return self._take(len(self._buffer))

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[self._at : end])
        self._at = end
        return taken

    def _append(self, piece: bytes) -> None:
        if not piece:
            raise EOFError(f"closed after {len(self._buffer)} bytes")
        self._buffer += piece
        if len(self._buffer) > self._most:
            raise ValueError(f"it is longer than the {self._most} bytes that are taken")

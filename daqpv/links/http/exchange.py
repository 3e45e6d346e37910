"""HTTP exchanges with a gSOAP server: one POST, one answer, one connection.

The server closes the connection after each answer, so none is kept alive: a call
connects, sends, receives and closes. Only that is implemented, at a quarter of the cost
of a general client (benchmarks/soap_cpu.py).

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Any
from urllib.parse import quote, urlsplit

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.endpoint import Endpoint, reason
from daqpv.links.http.answer import MAX_ANSWER, AnswerReader, HttpAnswer

_PIECE = 2**16  # [bytes] received at a time


class HttpPeer:
    """A server at one address that accepts POSTs, or has a page.

    Attributes:
        who: the server and its address, for error messages.
    """

    def __init__(self, name: str, url: str) -> None:
        """Parse the address; nothing is sent.

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
        self._endpoint = Endpoint(name, parts.hostname, port)
        self.who = self._endpoint.who
        target = _target(parts.path, parts.query)
        place = f"Host: {quote(self._endpoint.shown, safe='[]:%')}\r\n"
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
        """Send `body`, and return the complete answer, whatever its status.

        Args:
            body: the request, XML in UTF-8.
            what: the name of the request, for error messages.
            timeout: for all of it, including the look-up of the name [s].
            most: size limit of the answer [bytes].

        Raises:
            NotConnectedError: the connection failed; nothing was sent.
            NoAnswerError: sent, perhaps in part, without a complete answer in time.
            ProtocolError: the answer is not HTTP, or too long.
        """
        request = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        doubt = "; whether it did what it was asked is not known"
        exchange = _Exchange(request, most)
        return await self._answer(exchange, what, doubt, timeout)

    async def get(
        self, *, what: str, timeout: float, most: int = MAX_ANSWER
    ) -> HttpAnswer:
        """Read the page; arguments and errors as of `post`."""
        return await self._answer(_Exchange(self._get, most), what, "", timeout)

    async def _answer(
        self, exchange: _Exchange, what: str, doubt: str, timeout: float
    ) -> HttpAnswer:
        try:
            async with asyncio.timeout(timeout) as deadline:
                return await self._first(exchange, timeout)
        except (EOFError, OSError) as error:  # also TimeoutError
            if deadline.expired():
                raise self._too_late(what, doubt, timeout, exchange) from error
            raise NoAnswerError(
                f"{self.who}: the connection was cut before the answer to {what} was "
                f"whole ({reason(error)}). Did the server end?{_sentence(doubt)}",
                timed_out=False,
            ) from error
        except ValueError as error:
            raise ProtocolError(
                f"{self.who}: the answer to {what} cannot be used: {error}. Is this "
                "the server's port?"
            ) from error

    async def _first(self, exchange: _Exchange, timeout: float) -> HttpAnswer:
        """Perform the exchange with the first address that accepts the connection."""
        failures: list[OSError] = []
        try:
            for family, address in await self._endpoint.addresses(timeout):
                try:
                    return await exchange.run(family, address)
                except OSError as error:
                    if exchange.is_connected:
                        raise
                    failures.append(error)
        finally:
            if not exchange.is_connected:
                self._endpoint.forget()
        raise self._endpoint.not_connected(failures[0]) from failures[0]

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
            return self._endpoint.no_connection(timeout)
        return self._endpoint.not_found(timeout)


def _sentence(doubt: str) -> str:
    return doubt.replace("; w", " W")


def _target(path: str, query: str) -> str:
    asked = quote(path or "/", safe="/%:@!$&'()*+,;=~")
    return asked + ("?" + quote(query, safe="/?%:@!$&'()*+,;=~") if query else "")


class _Exchange:
    """One request and its answer over one connection, by callbacks of the event loop.

    With a coroutine for each step (`sock_connect`, `sock_recv`) a call takes one more
    turn of the loop and costs a seventh more.

    Attributes:
        is_tried: whether there was an address to connect to.
        is_connected: whether the connection was made, so that data may have been sent.
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
            OSError: no connection, or it was lost.
            EOFError: the server closed it before its answer was complete.
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
            return  # not yet
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

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
import socket
from typing import Any
from urllib.parse import quote, urlsplit

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.endpoint import Endpoint, reason
from daqpv.links.http.answer import MAX_ANSWER, AnswerReader, HttpAnswer

_PIECE = 2**16  # [bytes] received at a time


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
                return await self._first(exchange, timeout)
        except (EOFError, OSError) as error:  # a TimeoutError is an OSError
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
        """Have the exchange with the first address that takes the connection."""
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

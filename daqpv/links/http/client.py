"""HTTP with a connection that is kept between requests, also through TLS.

Source: RFC 9112 (HTTP/1.1), sections 9.3 and 9.6.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    ProtocolError,
)
from daqpv.links.endpoint import Endpoint, reason
from daqpv.links.http.answer import AnswerReader, HttpAnswer


class HttpClient:
    """Asks one server, one request at a time.

    Args:
        endpoint: its address.
        origin: ``https://HOST:PORT``, as the URL has it.
        tls: None: plain HTTP.
        most: the longest answer [bytes].

    Attributes:
        who: the server and its address, for messages.
        origin: as above.
        host: HOST:PORT of it, as the field Host has it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        origin: str,
        *,
        tls: ssl.SSLContext | None = None,
        most: int,
    ) -> None:
        self._endpoint = endpoint
        self.who = endpoint.who
        self.origin = origin
        self.host = urlsplit(origin).netloc
        self._tls = tls
        self._most = most
        self._kept: _Kept | None = None

    async def ask(
        self, request: bytes, *, what: str, timeout: float, may_repeat: bool
    ) -> HttpAnswer:
        """Send a request, and return the whole answer, whatever its status.

        Args:
            request: head and body.
            what: it is, for messages: "GET /status".
            timeout: for all of it [s].
            may_repeat: whether it may be sent again. A server may close a kept
                connection at any moment; what must not be sent twice gets a new one.

        Raises:
            NotConnectedError: no connection; nothing was sent.
            NoAnswerError: sent, and no whole answer came in time.
            ProtocolError: the answer is not HTTP, or too long.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._asked(request, may_repeat=may_repeat)
        except TimeoutError as error:
            raise self._too_late(what, timeout, may_repeat=may_repeat) from error
        except (EOFError, OSError) as error:
            raise NoAnswerError(
                f"{self.who}: the connection was cut before the answer to {what} was "
                f"whole ({reason(error)}). Did its program end?",
                timed_out=False,
            ) from error
        except ValueError as error:
            is_long = "are taken" in str(error)
            cure = "Is its limit too low?" if is_long else "Is this the right port?"
            raise ProtocolError(
                f"{self.who}: the answer to {what} cannot be used: {error}. {cure}"
            ) from error
        finally:
            if self._kept is not None and not self._kept.is_idle:
                self.close()

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    async def _asked(self, request: bytes, *, may_repeat: bool) -> HttpAnswer:
        if self._kept is not None:
            if may_repeat and self._kept.is_idle:
                try:
                    return await self._kept.ask(request, self._most)
                except (EOFError, OSError):
                    if self._kept.has_answered:
                        raise
            self.close()
        self._kept = await self._connected()
        return await self._kept.ask(request, self._most)

    async def _connected(self) -> _Kept:
        failures: list[OSError] = []
        timeout = 60.0  # that of the whole request ends it earlier
        for family, address in await self._endpoint.addresses(timeout):
            try:
                _, kept = await asyncio.get_running_loop().create_connection(
                    _Kept,
                    *address[:2],
                    family=family,
                    ssl=self._tls,
                    server_hostname=urlsplit(self.origin).hostname
                    if self._tls
                    else None,
                )
            except OSError as error:
                failures.append(error)
            else:
                return kept
        self._endpoint.forget()
        raise self._not_connected(failures[0]) from failures[0]

    def _not_connected(self, error: OSError) -> NotConnectedError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return NotConnectedError(
                f"{self.who}: its certificate is not trusted: {error.verify_message}. "
                "Give the file of its authority (option ca), or verify: false"
            )
        if isinstance(error, ssl.SSLError):
            return NotConnectedError(
                f"{self.who}: no TLS: {error.reason}. Does it speak http:// there?"
            )
        return self._endpoint.not_connected(error)

    def _too_late(self, what: str, timeout: float, *, may_repeat: bool) -> LinkError:
        if self._kept is None:
            self._endpoint.forget()
            if self._tls is None:
                return self._endpoint.no_connection(timeout)
            return NotConnectedError(
                f"{self.who}: no TLS connection in {timeout:g} s. Is the computer on, "
                "and does it speak https:// there?"
            )
        doubt = "" if may_repeat else "; whether it was done is not known"
        return NoAnswerError(
            f"{self.who}: no whole answer to {what} in {timeout:g} s{doubt}. Is it "
            "busy, or does it hang?",
            timed_out=True,
        )


class _Kept(asyncio.Protocol):
    """A connection.

    Attributes:
        has_answered: whether any byte has come since the last request.
    """

    def __init__(self) -> None:
        self.has_answered = False
        self._is_closed = False
        self._reader: AnswerReader | None = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._transport: asyncio.Transport

    @property
    def is_idle(self) -> bool:
        """Whether a request may be sent."""
        return self._reader is None and not self._is_closed

    async def ask(self, request: bytes, most: int) -> HttpAnswer:
        """Send a request; return its answer.

        Raises:
            EOFError: the server closed the connection before.
            OSError: the connection was lost.
            ValueError: the answer is not HTTP, or too long.
        """
        self.has_answered = False
        self._reader = AnswerReader(most)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close it at once."""
        self._is_closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self.has_answered = True
        self._feed(data)

    def eof_received(self) -> None:
        """The server has closed: that may be the end of the answer."""
        self._feed(b"")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._is_closed = True
        self._end(error or EOFError("closed"))

    def _feed(self, data: bytes) -> None:
        if self._reader is None:  # nobody has asked: the server is out of step
            self.close()
            return
        try:
            answer = self._reader.feed(data)
        except (ValueError, EOFError) as error:
            self._end(error)
            self.close()
            return
        if answer is not None:
            self._reader = None
            self._end(answer)
            if answer.is_last:
                self.close()

    def _end(self, outcome: HttpAnswer | Exception) -> None:
        if self._answer is None or self._answer.done():
            return
        if isinstance(outcome, Exception):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)

"""Instruments that speak in lines over TCP: a question, an answer, each with its end.

The connection stays open between exchanges and is made anew when one has failed, so an
answer that comes too late is never taken for the answer to the next question.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from daqpv.errors import NoAnswerError, ProtocolError, quoted
from daqpv.links.endpoint import Endpoint

LONGEST = 64 * 2**10  # [bytes] of an answer, its end included


class _Received(asyncio.Protocol):
    """What has come over one connection and was not read yet."""

    def __init__(self, end: bytes, longest: int) -> None:
        self._end, self._longest = end, longest
        self._data = bytearray()
        self._is_over = False
        self._news = asyncio.Event()

    def __bool__(self) -> bool:
        """Whether anything has come, or the peer has closed."""
        return self._is_over or bool(self._data)

    def data_received(self, data: bytes) -> None:
        """Keep what has come; it is bounded by what one reading takes."""
        self._data += data
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that nothing more will come."""
        self._is_over = True
        self._news.set()

    async def line(self) -> bytes:
        """The next line, without its end.

        Raises:
            EOFError: the peer has closed before its end.
            ValueError: it is too long.
        """
        while (length := self._data.find(self._end)) < 0:
            if len(self._data) > self._longest:
                raise ValueError
            if self._is_over:
                raise EOFError
            self._news.clear()
            await self._news.wait()
        line = bytes(self._data[:length])
        del self._data[: length + len(self._end)]
        return line


class LineLink:
    """One instrument at a TCP address; one exchange at a time.

    Args:
        name: of the device, for the sentences of errors.
        address: ``tcp://HOST:PORT``.
        end: what ends a question and an answer.
        timeout: for the connection, and for each exchange [s].
        longest: the longest answer that is taken [bytes].

    Raises:
        ValueError: `address` is not of that form, or `end` is empty.

    Attributes:
        who: the device and its address, for the sentences of errors.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        end: str = "\r\n",
        timeout: float = 3.0,
        longest: int = LONGEST,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "tcp" or not parts.hostname or not parts.port or parts.path:
            raise ValueError(f"{name}: {address!r} is not tcp://HOST:PORT")
        if not end:
            raise ValueError(f"{name}: a line needs an end")
        self._endpoint = Endpoint(name, parts.hostname, parts.port)
        self.who = self._endpoint.who
        self._end = end.encode("ascii")
        self._timeout = timeout
        self._longest = longest
        self._turn = asyncio.Lock()
        self._connection: tuple[asyncio.Transport, _Received] | None = None

    @property
    def has_input(self) -> bool:
        """Whether the peer has closed, or has sent what is not read yet."""
        return self._connection is not None and bool(self._connection[1])

    async def ask(self, question: str) -> str:
        """Send `question` and return the answer, without its end.

        Raises:
            NotConnectedError: no connection came about; nothing was sent.
            NoAnswerError: sent, and no whole answer in time, or the connection was cut.
            ProtocolError: the answer is no ASCII text, or too long.
        """
        return self._text(await self._exchange(question, answered=True))

    async def tell(self, command: str) -> None:
        """Send `command`, to which the instrument does not answer.

        Raises:
            NotConnectedError: no connection came about; nothing was sent.
            NoAnswerError: it could not be sent in time, or the connection was cut.
        """
        await self._exchange(command, answered=False)

    def close(self) -> None:
        """Close the connection; the next exchange opens another one."""
        if self._connection is not None:
            (transport, _), self._connection = self._connection, None
            transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _exchange(self, line: str, *, answered: bool) -> bytes:
        data = line.encode("ascii") + self._end
        if data.count(self._end) > 1:
            raise ValueError(f"{self.who}: {line!r} is more than one line")
        async with self._turn:
            try:
                return await self._sent(data, answered=answered)
            except BaseException:  # also cancelled: its answer must not be read later
                self.close()
                raise

    async def _sent(self, data: bytes, *, answered: bool) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                transport, received = await self._connected()
        except TimeoutError as error:
            raise self._endpoint.no_connection(self._timeout) from error
        try:
            async with asyncio.timeout(self._timeout):
                transport.write(data)
                return await received.line() if answered else b""
        except ValueError as error:
            raise ProtocolError(
                f"{self.who} sent more than {self._longest} bytes without the end of a "
                "line. Is the terminator right?"
            ) from error
        except (TimeoutError, EOFError) as error:
            raise self._no_answer(data, late=isinstance(error, TimeoutError)) from error

    async def _connected(self) -> tuple[asyncio.Transport, _Received]:
        if self.has_input:  # a late answer, or the end: not the answer to come
            self.close()
        if self._connection is None:
            self._connection = await self._connect()
        return self._connection

    async def _connect(self) -> tuple[asyncio.Transport, _Received]:
        failures: list[OSError] = []
        for family, address in await self._endpoint.addresses(self._timeout):
            try:
                return await asyncio.get_running_loop().create_connection(
                    lambda: _Received(self._end, self._longest),
                    *address[:2],
                    family=family,
                )
            except OSError as error:
                failures.append(error)
        self._endpoint.forget()
        raise self._endpoint.not_connected(failures[0]) from failures[0]

    def _no_answer(self, data: bytes, *, late: bool) -> NoAnswerError:
        question = quoted(data.removesuffix(self._end).decode("ascii"))
        if late:
            why = f"has not answered {question} in {self._timeout:g} s"
        else:
            why = f"closed the connection instead of answering {question}"
        return NoAnswerError(f"{self.who} {why}", timed_out=late)

    def _text(self, line: bytes) -> str:
        try:
            return line.decode("ascii")
        except UnicodeDecodeError as error:
            start = quoted(line.decode("ascii", "backslashreplace"))
            raise ProtocolError(
                f"{self.who} answered what is no ASCII text: {start}"
            ) from error

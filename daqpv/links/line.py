"""Link to instruments with a line protocol over TCP: one answer per question.

The connection stays open between exchanges and is reopened after a failed one, so a
late answer is never taken for the answer to the next question.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from daqpv.errors import NoAnswerError, ProtocolError, quoted
from daqpv.links.endpoint import Endpoint

LONGEST = 64 * 2**10  # [bytes] of an answer, including its end


class _Received(asyncio.Protocol):
    """Data that have arrived and are not read yet."""

    def __init__(self, end: bytes, longest: int) -> None:
        self._end, self._longest = end, longest
        self._data = bytearray()
        self._is_over = False
        self._news = asyncio.Event()

    def __bool__(self) -> bool:
        """Whether data have arrived, or the peer has closed."""
        return self._is_over or bool(self._data)

    def data_received(self, data: bytes) -> None:
        """Keep the data; the amount is limited by the size of one read."""
        self._data += data
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that no more data will arrive."""
        self._is_over = True
        self._news.set()

    async def line(self) -> bytes:
        """Return the next line, without its end.

        Raises:
            EOFError: the peer closed before the end of the line.
            ValueError: the line is too long.
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
        name: of the device, for error messages.
        address: ``tcp://HOST:PORT``.
        end: terminator of questions and answers.
        timeout: for the connection, and for each exchange [s].
        longest: size limit of an answer [bytes].

    Raises:
        ValueError: `address` is not of that form, or `end` is empty.

    Attributes:
        who: the device and its address, for error messages.
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
        """Whether the peer has closed, or has sent data that are not read yet."""
        return self._connection is not None and bool(self._connection[1])

    async def ask(self, question: str) -> str:
        """Send `question` and return the answer, without its end.

        Raises:
            NotConnectedError: the connection failed; nothing was sent.
            NoAnswerError: sent, without a complete answer in time or before a close.
            ProtocolError: the answer is not ASCII, or too long.
        """
        return self._text(await self._exchange(question, answered=True))

    async def tell(self, command: str) -> None:
        """Send `command`, to which the instrument does not answer.

        Raises:
            NotConnectedError: the connection failed; nothing was sent.
            NoAnswerError: not sent in time, or the connection was closed.
        """
        await self._exchange(command, answered=False)

    def close(self) -> None:
        """Close the connection; the next exchange opens a new one."""
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
            except BaseException:  # also cancellation: no late answer must remain
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
        if self.has_input:  # a late answer, or a close: not the answer to this question
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
                f"{self.who} sent an answer that is not ASCII text: {start}"
            ) from error

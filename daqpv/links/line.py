"""Link to instruments with a line protocol over TCP: one answer per question.

The connection stays open between exchanges and is reopened after a failed one, so a
late answer is never taken for the answer to the next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from daqpv.errors import LinkError, ProtocolError, quoted
from daqpv.instruments.lines.framing import Framing
from daqpv.instruments.lines.inbox import Exchange, Inbox
from daqpv.instruments.settings import Talk
from daqpv.links.endpoint import Endpoint
from daqpv.links.stream.line import StreamLine
from daqpv.links.stream.tcp import TcpWire

LONGEST = 64 * 2**10  # [bytes] of an answer, including its end


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

    hears = False

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
        endpoint = Endpoint(name, parts.hostname, parts.port)
        self.who = endpoint.who
        self._framing = Framing(Talk(terminator=end, encoding="ascii"))
        self.inbox = Inbox(self._framing, self._unasked, self.who, longest=longest)
        self._wire = TcpWire(endpoint, timeout)
        self._line = StreamLine(self._wire)
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._has_stray = False  # an answer that nobody has asked for has come
        self._is_open = False

    @property
    def has_input(self) -> bool:
        """Whether the peer has closed, or has sent data that nobody has asked for."""
        is_cut = self._is_open and not self._wire.is_open
        return is_cut or self._has_stray or self.inbox.is_midway

    async def ask(self, question: str) -> str:
        """Send `question` and return the answer, without its end.

        Raises:
            NotConnectedError: the connection failed; nothing was sent.
            NoAnswerError: sent, without a complete answer in time or before a close.
            ProtocolError: the answer is not ASCII, or too long.
        """
        exchange = Exchange(question, self._packed(question), _first_message())
        return self._text(await self._exchange(exchange))

    async def tell(self, command: str) -> None:
        """Send `command`, to which the instrument does not answer.

        Raises:
            NotConnectedError: the connection failed; nothing was sent.
            NoAnswerError: not sent in time, or the connection was closed.
        """
        await self._exchange(Exchange(command, self._packed(command)))

    def close(self) -> None:
        """Close the connection; the next exchange opens a new one."""
        self._wire.close()
        self.inbox.reset()
        self._is_open = self._has_stray = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def lost(self, error: LinkError) -> None:
        """The peer has closed the connection; the next exchange opens a new one."""

    async def _exchange(self, exchange: Exchange) -> bytes:
        async with self._turn:
            if self.has_input:  # it is not the answer to this question
                self.close()
            try:
                if not self._wire.is_open:
                    await self._line.open(self)
                    self._is_open = True
                answer = await self._line.talk(
                    self, exchange, timeout=self._timeout, gap=0.0
                )
            except BaseException:  # also cancellation: no late answer must remain
                self.close()
                raise
        return answer or b""

    def _packed(self, line: str) -> bytes:
        try:
            return self._framing.packed(line)
        except UnicodeEncodeError:
            raise
        except ValueError as error:
            raise ValueError(f"{self.who}: {error}") from error

    def _unasked(self, message: bytes) -> None:
        self._has_stray = True

    def _text(self, line: bytes) -> str:
        try:
            return line.decode("ascii")
        except UnicodeDecodeError as error:
            start = quoted(line.decode("ascii", "backslashreplace"))
            raise ProtocolError(
                f"{self.who} sent an answer that is not ASCII text: {start}"
            ) from error


def _first_message() -> Generator[bytes, bytes, bytes]:
    """The steps of an answer: any message."""
    return (yield b"")

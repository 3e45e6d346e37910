"""Reads and writes HTTP/1.x as a gSOAP server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from daqpv.sim.ecc.soap import SilentError

REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}
_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and headers; names of headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def length(self) -> int | None:
        """Content-Length; of one that is no number, as gSOAP, 0."""
        text = self.headers.get("content-length")
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            return 0

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.headers.get("transfer-encoding", "").lower() == "chunked"


class Reader:
    """Reads one request; each wait for more of it ends after `timeout` [s].

    All methods raise SilentError when the connection ends or the timeout has passed,
    except where they say otherwise.
    """

    def __init__(self, stream: asyncio.StreamReader, timeout: float) -> None:
        self._stream = stream
        self._timeout = timeout

    async def head(self) -> Head:
        """Read up to the blank line."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._head()
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise SilentError("the head is not complete") from error

    async def pieces(self, head: Head) -> AsyncIterator[bytes]:
        """The body as it arrives, until the other end closes or the last chunk.

        Raises:
            TimeoutError: no more came in time.
        """
        while size := await self._chunk_size() if head.is_chunked else _PIECE:
            left = size
            while left:
                piece = await self._read(left)
                if not piece:
                    return
                yield piece
                left = left - len(piece) if head.is_chunked else 0
            if head.is_chunked:
                await self._read(2)

    async def exactly(self, size: int) -> bytes:
        """Read `size` bytes."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._stream.readexactly(size)
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise SilentError("the body is not complete") from error

    async def _head(self) -> Head:
        words = (await self._line()).split()
        if len(words) != 3 or not words[2].startswith("HTTP/"):
            raise SilentError("not HTTP")
        headers: dict[str, str] = {}
        while line := await self._line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return Head(words[0], words[1], headers)

    async def _chunk_size(self) -> int:
        try:
            async with asyncio.timeout(self._timeout):
                return int((await self._line()).partition(";")[0], 16)
        except (ValueError, asyncio.IncompleteReadError) as error:
            raise SilentError("not a chunk") from error

    async def _read(self, size: int) -> bytes:
        async with asyncio.timeout(self._timeout):
            return await self._stream.read(min(size, _PIECE))

    async def _line(self) -> str:
        try:
            line = await self._stream.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise SilentError("header line too long") from error
        return line.decode("latin-1").rstrip("\r\n")


def answer(
    status: int,
    content_type: str,
    body: bytes,
    *,
    server: str = "gSOAP/2.8",
    length: int | None = None,
) -> bytes:
    """A whole answer; the server always closes the connection after it.

    `length` is the Content-Length if more than `body` follows.
    """
    frame = "X-Frame-Options: SAMEORIGIN\r\n" if server == "gSOAP/2.8" else ""
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nServer: {server}\r\n{frame}"
        f"Content-Type: {content_type}\r\nContent-Length: {size}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body

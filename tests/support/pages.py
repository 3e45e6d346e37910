"""A server of pages that answers with just the bytes that a test wants."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Answer = bytes | None


def page(body: str | bytes, *fields: str, status: str = "200 OK") -> bytes:
    """An answer with its length."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Pages:
    """A server.

    Attributes:
        answers: by "GET /path"; None: silence; a function gets head and body.
        requests: what was asked: method and path.
        heads: of the requests, whole.
        bodies: of the requests.
        connections: how many were made.
        is_closing: it closes the connection after each answer, without saying so.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[str, bytes], Answer]] = {}
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.is_closing = False
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def drop(self) -> None:
        """Close all connections, as a server does with idle ones."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        if task := asyncio.current_task():
            self.tasks.add(task)
        self._writers.append(writer)
        try:
            while await self._answer(reader, writer) and not self.is_closing:
                pass
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(
            line.lower().split(": ", 1) for line in head.splitlines()[1:] if line
        )
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        asked = head.rpartition(" HTTP/1.1")[0].split("\r\n")[0].split(" HTTP/")[0]
        self.requests.append(asked)
        self.heads.append(head)
        self.bodies.append(body)
        answer = self.answers.get(asked, page("gone", status="404 Not Found"))
        if callable(answer):
            answer = answer(head, body)
        if answer is None:
            await reader.read()
            return False
        writer.write(answer)
        await writer.drain()
        return True


@asynccontextmanager
async def pages(tls: ssl.SSLContext | None = None) -> AsyncIterator[Pages]:
    """A server on a free port of loopback."""
    site = Pages()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        site.drop()
        await asyncio.gather(*site.tasks, return_exceptions=True)

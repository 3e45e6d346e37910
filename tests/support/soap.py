"""A server on a real socket that answers literal bytes, one connection a request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from daqpv.links.soap.ecc import EccSoapLink

Script = Callable[[socket.socket], Awaitable[None]]
"""What to do with a connection after its request; it is closed at the end."""


class Peer:
    """A listening server. It keeps each request, and counts those who left it."""

    def __init__(self, answer: Script | bytes | list[bytes]) -> None:
        self.requests: list[bytes] = []
        self.has_request = asyncio.Event()
        self.was_left = asyncio.Event()
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def link(self) -> EccSoapLink:
        return EccSoapLink("CoBo0", self.url)

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as connections:
            while True:
                connection, _ = await self._loop.sock_accept(self.listener)
                connections.create_task(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError):  # they may leave
            if not await self._take(connection):
                return
            if callable(self._answer):
                await self._answer(connection)
            else:
                answer = self._answer
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    await self._loop.sock_sendall(connection, piece)
                connection.shutdown(socket.SHUT_WR)
            if connection.fileno() >= 0:
                await self._loop.sock_recv(connection, 1)
                self.was_left.set()

    async def _take(self, connection: socket.socket) -> bool:
        """Take one whole request; False if they left before."""
        request, size = b"", -1
        while len(request) != size:
            piece = await self._loop.sock_recv(connection, 2**16)
            if not piece:
                return False
            request += piece
            head, gap, _ = request.partition(b"\r\n\r\n")
            if gap:
                size = len(head + gap) + int(head.rpartition(b"Content-Length: ")[2])
        self.requests.append(request)
        self.has_request.set()
        return True


Serving = Callable[[Script | bytes | list[bytes]], AbstractAsyncContextManager[Peer]]

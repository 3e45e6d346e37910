"""A real server on loopback, and a client that can say what libca never says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daqpv.serve import Server
from tests.support.ports import free_port

DEADLINE = 10.0
HEADER = struct.Struct(">HHHHII")


def loopback(port: int) -> dict[str, str]:
    return {
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": str(port),
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_BEACON_PORT": str(port),
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
    }


@dataclass(frozen=True, slots=True)
class Message:
    command: int
    dbr: int
    count: int
    p1: int
    p2: int
    payload: bytes


class Raw:
    """One circuit, message by message."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer
        self.cid = 0
        self.messages: list[Message] = []

    @classmethod
    async def connect(cls, port: int) -> Raw:
        raw = cls(*await asyncio.open_connection("127.0.0.1", port))
        raw.send(0, 0, 13)
        raw.send(20, payload=b"shift\0")
        raw.send(21, payload=b"console\0")
        await raw.expect(0)
        return raw

    def send(  # noqa: PLR0917, the fields of a header
        self,
        command: int,
        dbr: int = 0,
        count: int = 0,
        p1: int = 0,
        p2: int = 0,
        payload: bytes = b"",
    ) -> None:
        payload += bytes(-len(payload) % 8)
        if len(payload) < 0xFFFF and count < 0xFFFF:
            head = HEADER.pack(command, len(payload), dbr, count, p1, p2)
        else:
            head = HEADER.pack(command, 0xFFFF, dbr, 0, p1, p2)
            head += struct.pack(">II", len(payload), count)
        self.writer.write(head + payload)

    async def recv(self) -> Message:
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readexactly(16)
            command, size, dbr, count, p1, p2 = HEADER.unpack(head)
            if size == 0xFFFF and count == 0:
                size, count = struct.unpack(">II", await self.reader.readexactly(8))
            payload = await self.reader.readexactly(size)
        return Message(command, dbr, count, p1, p2, payload)

    async def expect(self, command: int) -> Message:
        """The next message of this sort; those before it are kept in `messages`."""
        while (message := await self.recv()).command != command:
            self.messages.append(message)
        return message

    async def create(self, name: str) -> Message:
        """Connect to a PV; returns the CREATE_CHAN answer (or its failure)."""
        self.cid += 1
        self.send(18, 0, 0, self.cid, 13, name.encode() + b"\0")
        while (message := await self.recv()).command not in (18, 26):
            self.messages.append(message)
        return message

    async def get(self, sid: int, dbr: int, count: int = 0) -> Message:
        self.send(15, dbr, count, sid, 77)
        return await self.expect(15)

    def subscribe(self, sid: int, dbr: int, mask: int = 5, count: int = 0) -> None:
        payload = struct.pack(">fffHH", 0, 0, 0, mask, 0)
        self.send(1, dbr, count, sid, 1000 + sid, payload)

    async def put(self, sid: int, dbr: int, payload: bytes, count: int = 1) -> int:
        """Put with callback; returns its status."""
        self.send(19, dbr, count, sid, 99, payload)
        return (await self.expect(19)).p1

    async def synchronise(self) -> list[Message]:
        """All messages that had left before an echo came back."""
        seen = len(self.messages)
        self.send(23)
        await self.expect(23)
        return self.messages[seen:]

    async def is_closed(self) -> bool:
        async with asyncio.timeout(DEADLINE):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Bench:
    """Servers and clients of one test."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()

    async def serve(
        self, *groups: Any, environ: dict[str, str] | None = None, **options: Any
    ) -> Server:
        """Serve `groups` until the test ends."""
        server = Server(environ=loopback(free_port()) | (environ or {}), **options)
        for group in groups:
            server.add(group)
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.run(ready.set_result))
        self._stack.push_async_callback(self._stop, task)
        either: set[asyncio.Future[Any]] = {ready, task}
        done, _ = await asyncio.wait(
            either, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED
        )
        if task in done:
            ready.cancel()
            task.result()
        return server

    @staticmethod
    async def _stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=DEADLINE)
        assert task.done()

    async def serve_in_c(self, records: str, folder: Path) -> Raw:
        """Serve the database `records` by a C IOC until the test ends.

        Returns:
            a circuit to it.
        """
        database = folder / "records.db"
        database.write_text(records)
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "epicscorelibs.ioc", "-d", str(database)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | loopback(port),
        )
        self._stack.push_async_callback(process.wait)
        self._stack.callback(process.kill)
        async with asyncio.timeout(2 * DEADLINE):
            while True:
                try:
                    raw = await Raw.connect(port)
                except ConnectionError:
                    await asyncio.sleep(0.02)
                else:
                    self._stack.push_async_callback(raw.close)
                    return raw

    async def client(self, server: Server) -> Raw:
        raw = await Raw.connect(server.tcp_port)
        self._stack.push_async_callback(raw.close)
        return raw

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds."""
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110, anything may change it
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        await self._stack.aclose()

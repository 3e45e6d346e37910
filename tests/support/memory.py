"""Connections in memory: what a server writes is kept, and nothing is ever slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from daqpv.core import Events
from daqpv.serve import Group
from daqpv.serve.ca.circuit import Circuit
from daqpv.serve.ca.clients import Clients
from daqpv.serve.ca.desk import Desk
from daqpv.serve.directory import Directory
from daqpv.serve.putlog import AlarmLog, PutLog
from tests.support.serve import HEADER, Message


class Socket:
    """Takes every option."""

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Nothing hangs on it here."""


class Transport(asyncio.Transport):
    """A client that reads at once.

    Attributes:
        written: what was written, in bytes.
        closed: whether the connection was ended.
    """

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "socket": Socket()})
        self.written = bytearray()
        self.closed = False

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        """There is no buffer."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """What comes is handed over by the test."""

    def resume_reading(self) -> None:
        """Likewise."""


class Served:
    """A desk for some groups, and circuits to it without sockets."""

    def __init__(self, *groups: Group[Any], events: Events | None = None) -> None:
        events = Events() if events is None else events
        self.directory = Directory(dict)
        self.directory.add(*groups, alarm_log=AlarmLog(events))
        self.clients = Clients(30.0)
        self.desk = Desk(self.directory, PutLog(events), self.clients, 2**20)
        self.desk.tasks.open()
        self.desk.outbox.open(asyncio.get_running_loop())
        self.directory.open()

    def connect(self) -> Memory:
        """One more client."""
        return Memory(Circuit(self.desk))


class Memory:
    """A client of a circuit in memory."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.transport = Transport()
        circuit.connection_made(self.transport)
        self.send(0, count=13)
        self._cid = 0

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
        head = HEADER.pack(command, len(payload), dbr, count, p1, p2)
        self.circuit.data_received(head + payload)

    def received(self) -> list[Message]:
        """All messages that came since this was asked last."""
        data, found = bytes(self.transport.written), []
        self.transport.written.clear()
        while data:
            command, size, dbr, count, p1, p2 = HEADER.unpack_from(data)
            found.append(Message(command, dbr, count, p1, p2, data[16 : 16 + size]))
            data = data[16 + size :]
        return found

    def create(self, name: str) -> int:
        """Connect to a PV; returns the server's id of the channel."""
        self._cid += 1
        self.send(18, 0, 0, self._cid, 13, name.encode() + b"\0")
        return next(m.p2 for m in self.received() if m.command == 18)


async def turns(condition: Callable[[], object]) -> None:
    """Let the event loop turn until `condition` holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110, anything may change it
            await asyncio.sleep(0)

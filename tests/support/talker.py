"""Instruments that speak in lines, on real sockets and in memory, and their drivers."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from daqpv.errors import LinkError
from daqpv.instruments.driver import Block, DriverKind, Frame
from daqpv.instruments.lines.driver import LineDriver
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.stream.kinds import TCP

T = TypeVar("T")

Answer = Callable[[bytes], bytes | None]
"""The answer to a line, with its end; None: it is silent."""


class Site:
    """A site that shares what is shared."""

    def __init__(self) -> None:
        self._made: dict[object, Any] = {}

    def shared(self, make: Callable[[Any], T]) -> T:
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]  # type: ignore[no-any-return]


class Heard:
    """Notes all that comes unasked."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.losses: list[LinkError] = []

    def heard(self, frame: Frame | Block) -> None:
        assert isinstance(frame, Frame)
        self.frames.append(frame)

    def broken(self, error: LinkError) -> None:
        self.losses.append(error)


class Talker(asyncio.Protocol):
    """One client of an instrument on TCP, which answers line by line."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.device.clients.append(self)
        if self.device.greeting:
            transport.write(self.device.greeting)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (at := self.buffer.find(self.device.end)) >= 0:
            line = self.buffer[:at]
            self.buffer = self.buffer[at + len(self.device.end) :]
            self.device.asked.append(line)
            answer = self.device.answer(line)
            if answer is not None:
                self.transport.write(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.device.clients.remove(self)


class Device:
    """An instrument on TCP.

    Attributes:
        asked: the lines that came.
        clients: that are connected.
        greeting: sent to each client at once.
        end: of the lines that come.
        port: where it listens.
    """

    def __init__(self, answer: Answer, *, end: bytes = b"\r\n") -> None:
        self.answer = answer
        self.end = end
        self.asked: list[bytes] = []
        self.clients: list[Talker] = []
        self.greeting = b""
        self.port = 0

    def send(self, data: bytes) -> None:
        """Send to all clients, unasked."""
        for client in self.clients:
            client.transport.write(data)

    def hang_up(self) -> None:
        """Close all connections."""
        for client in self.clients:
            client.transport.abort()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Device]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Talker(self), "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.hang_up()
            await asyncio.sleep(0)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"


def settings(connection: str, **keys: Any) -> InstrumentSettings:
    """The settings of an instrument; channels are numbers if nothing else is said."""
    return InstrumentSettings.model_validate({"connection": connection, **keys})


def driver(
    connection: str, *, kind: DriverKind = TCP, site: Site | None = None, **keys: Any
) -> LineDriver:
    """The driver of an instrument."""
    made = kind.make("gauge", settings(connection, **keys), site or Site())  # type: ignore[arg-type]
    assert isinstance(made, LineDriver)
    return made


@asynccontextmanager
async def opened(driver: LineDriver) -> AsyncIterator[LineDriver]:
    """`driver`, open, and closed at the end."""
    try:
        await driver.open()
        yield driver
    finally:
        await driver.close()


class Pty:
    """An instrument on a pseudo terminal: ``serial://`` with `path`.

    Attributes:
        path: a link to the terminal; it stays when the instrument is unplugged.
        asked: the messages that came.
        answer: gives the answers.
    """

    def __init__(self, path: Path, answer: Answer, *, end: bytes = b"\r\n") -> None:
        self.path = path
        self.answer = answer
        self.end = end
        self.asked: list[bytes] = []
        self._buffer = b""
        self._master = self._slave = -1

    @property
    def address(self) -> str:
        return f"serial://{self.path}"

    @property
    def terminal(self) -> int:
        """The file descriptor of the side that the driver opens."""
        return self._slave

    def __enter__(self) -> Pty:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def plug(self) -> None:
        """Plug it in."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def unplug(self) -> None:
        """Unplug it."""
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self.path.unlink(missing_ok=True)
            self._master = self._slave = -1

    def send(self, data: bytes) -> None:
        """Send, unasked."""
        os.write(self._master, data)

    def _read(self) -> None:
        self._buffer += os.read(self._master, 4096)
        while (at := self._buffer.find(self.end)) >= 0:
            line = self._buffer[:at]
            self._buffer = self._buffer[at + len(self.end) :]
            self.asked.append(line)
            answer = self.answer(line)
            if answer is not None:
                self.send(answer)

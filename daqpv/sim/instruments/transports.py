"""Where simulated instruments are reached: TCP and UDP on loopback, serial lines."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import struct
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from daqpv.errors import SimulatorError
from daqpv.sim.instruments.speech import Sent

SILENCE = 0.03  # [s] that ends a line without a terminator
UNREAD = 1024  # [bytes] of a serial line that nobody reads; then they are lost

_log = logging.getLogger(__name__)


class Says(Protocol):
    """What an instrument says to one client: `Speech`, or that of another protocol."""

    @property
    def by_silence(self) -> bool:
        """Whether a silence ends what comes."""

    def come(self, data: bytes) -> list[Sent]:
        """The answers to what has come."""

    def silence(self) -> list[Sent]:
        """The answers to what has come, if a silence ends it."""

    def datagram(self, data: bytes) -> list[Sent]:
        """The answers to a datagram."""

    def streamed(self) -> Sent | None:
        """What it sends unasked now."""


MakeSpeech = Callable[[], Says]


class Conversation:
    """Answers what comes from one client.

    Args:
        speech: what it answers.
        write: sends bytes to the client.
    """

    def __init__(self, speech: Says, write: Callable[[bytes], None]) -> None:
        self._speech, self._write = speech, write
        self._loop = asyncio.get_running_loop()
        self._silence: asyncio.TimerHandle | None = None
        self._later: set[asyncio.TimerHandle] = set()

    def come(self, data: bytes) -> None:
        """Take what has come; what the simulator cannot answer is logged."""
        self._answer(self._speech.come, data)
        if self._speech.by_silence:
            if self._silence is not None:
                self._silence.cancel()
            self._silence = self._loop.call_later(SILENCE, self._ended)

    def stream(self) -> None:
        """Send what it sends unasked."""
        if sent := self._speech.streamed():
            self.send(sent)

    def send(self, *answers: Sent) -> None:
        """Send answers, each at its time."""
        for data, after in answers:
            if not after:
                self._write(data)
                continue
            self._later = {one for one in self._later if one.when() > self._loop.time()}
            self._later.add(self._loop.call_later(after, self._write, data))

    def end(self) -> None:
        """The client has gone."""
        for handle in (self._silence, *self._later):
            if handle is not None:
                handle.cancel()

    def datagram(self, data: bytes) -> None:
        """Take a datagram."""
        self._answer(self._speech.datagram, data)

    def _ended(self) -> None:
        self._answer(self._speech.silence)

    def _answer(self, taken: Callable[..., list[Sent]], *come: bytes) -> None:
        try:
            self.send(*taken(*come))
        except SimulatorError as error:
            _log.error("%s", error)


class TcpPlace:
    """An instrument at a TCP port of this computer.

    Args:
        name: of the instrument, for messages.
        speech: makes the conversation with each client.
        host: a loopback address.
        port: 0: any free one.
    """

    def __init__(
        self, name: str, speech: MakeSpeech, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._name, self._make, self.host, self.port = name, speech, host, port
        self._server: asyncio.Server | None = None
        self._clients: dict[_TcpClient, Conversation] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"tcp://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            SimulatorError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _TcpClient(self), self.host, self.port
            )
        except OSError as error:
            raise _taken(self._name, self.host, self.port, error) from error
        self.port = self._server.sockets[0].getsockname()[1]

    def stream(self) -> None:
        """Send what it sends unasked to all clients."""
        for conversation in self._clients.values():
            conversation.stream()

    def hang_up(self) -> None:
        """Cut all connections, as an instrument that is switched off and on."""
        for client in list(self._clients):
            client.abort()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        self.hang_up()

    def begun(self, client: _TcpClient, transport: asyncio.Transport) -> Conversation:
        """A client has come."""
        self._clients[client] = Conversation(self._make(), transport.write)
        return self._clients[client]

    def ended(self, client: _TcpClient) -> None:
        """A client has gone."""
        if conversation := self._clients.pop(client, None):
            conversation.end()


class _TcpClient(asyncio.Protocol):
    """A connection to a simulated instrument."""

    def __init__(self, place: TcpPlace) -> None:
        self._place = place

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._conversation = self._place.begun(self, transport)

    def data_received(self, data: bytes) -> None:
        self._conversation.come(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._place.ended(self)

    def abort(self) -> None:
        self._transport.abort()


class UdpPlace(asyncio.DatagramProtocol):
    """An instrument at a UDP port of this computer: as `TcpPlace`."""

    def __init__(
        self,
        name: str,
        speech: MakeSpeech,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._name, self._make, self.host, self.port = name, speech, host, port
        self._transport: asyncio.DatagramTransport | None = None
        self._speech = speech()
        self._clients: dict[Any, Conversation] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"udp://{self.host}:{self.port}"

    async def start(self) -> None:
        """Take the port.

        Raises:
            SimulatorError: it is taken.
        """
        loop = asyncio.get_running_loop()
        try:
            made = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(self.host, self.port)
            )
        except OSError as error:
            raise _taken(self._name, self.host, self.port, error) from error
        self._transport = made[0]
        self.port = self._transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer a datagram; the client gets what is sent unasked from now on."""
        assert self._transport is not None
        if addr not in self._clients:
            self.hang_up()  # the newest client alone
            transport = self._transport
            self._clients[addr] = Conversation(
                self._speech, lambda sent: transport.sendto(sent, addr)
            )
        self._clients[addr].datagram(data)

    def stream(self) -> None:
        """Send what it sends unasked to the client."""
        for conversation in self._clients.values():
            conversation.stream()

    def hang_up(self) -> None:
        """Forget the client."""
        for conversation in self._clients.values():
            conversation.end()
        self._clients.clear()

    def close(self) -> None:
        """Give the port back."""
        self.hang_up()
        if self._transport is not None:
            self._transport.abort()


class SerialPlace:
    """An instrument on a serial line: a pseudo terminal.

    What it sends while nobody reads is lost after a while, as on a true line.

    Args:
        name: of the instrument, for messages.
        speech: makes the conversation.
        path: a link that is made to the pseudo terminal; "": none.
    """

    def __init__(self, name: str, speech: MakeSpeech, *, path: str = "") -> None:
        self._name, self._make, self._link = name, speech, path
        self._master = self._slave = -1
        self._conversation: Conversation | None = None
        self.path = path

    @property
    def url(self) -> str:
        """Where it is."""
        return f"serial://{self.path}"

    async def start(self) -> None:
        """Open the pseudo terminal.

        Raises:
            SimulatorError: the computer has none left, or the link cannot be made.
        """
        try:
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            if self._link:
                os.symlink(os.ttyname(self._slave), self._link)
        except OSError as error:
            self.close()
            raise SimulatorError(
                f"{self._name}: a serial line {self._link} cannot be made: "
                f"{error.strerror}"
            ) from error
        os.set_blocking(self._master, False)
        self.path = self._link or os.ttyname(self._slave)
        self._conversation = Conversation(self._make(), self._write)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def stream(self) -> None:
        """Send what it sends unasked."""
        if self._conversation is not None:
            self._conversation.stream()

    def hang_up(self) -> None:
        """Forget what is on the line."""
        termios.tcflush(self._slave, termios.TCIOFLUSH)

    def close(self) -> None:
        """Close it; a client sees that the line is gone."""
        if self._conversation is not None:
            self._conversation.end()
            asyncio.get_running_loop().remove_reader(self._master)
            self._conversation = None
            if self._link:
                os.unlink(self._link)
        for number in (self._master, self._slave):
            if number >= 0:
                os.close(number)
        self._master = self._slave = -1

    def _read(self) -> None:
        assert self._conversation is not None
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        self._conversation.come(data)

    def _write(self, data: bytes) -> None:
        waiting = fcntl.ioctl(self._slave, termios.FIONREAD, b"\0" * 4)
        if struct.unpack("i", waiting)[0] > UNREAD:
            termios.tcflush(self._slave, termios.TCIFLUSH)
        with suppress(BlockingIOError):  # nobody reads: it is lost
            os.write(self._master, data)


def _taken(name: str, host: str, port: int, error: OSError) -> SimulatorError:
    reason = error.strerror or errno.errorcode.get(error.errno or 0, "")
    return SimulatorError(
        f"{name}: cannot use port {port} of {host} ({reason}); is another simulator or "
        "instrument server running there?"
    )

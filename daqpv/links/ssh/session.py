"""Runs one command on another computer, through the connection of an ssh process.

That process listens at a socket of this computer, as for `ssh -S`. This module speaks
its protocol itself: starting an ssh process for each exchange takes six times as long.

Source: OpenSSH, PROTOCOL.mux: version 4, unchanged since OpenSSH 5.4 (2010).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from pathlib import Path

MAX_ANSWER = 16 * 2**20  # [bytes]; a list of 100,000 files has 5 MB

_VERSION = 4
_HELLO = 0x00000001
_NEW_SESSION = 0x10000002
_PERMISSION_DENIED = 0x80000002
_FAILURE = 0x80000003
_EXIT_MESSAGE = 0x80000004
_SESSION_OPENED = 0x80000006

_NO_ESCAPE = 0xFFFFFFFF
_MAX_PACKET = 2**18  # [bytes], as in OpenSSH
_CHUNK = 2**16  # [bytes]


class CrowdedError(Exception):
    """The other computer accepts no further session now."""


class TooLongError(Exception):
    """The output of the command is longer than `MAX_ANSWER`."""


class Session:
    """A remote command.

    Attributes:
        output: received so far; `errors` likewise.
        sent: when its input was sent, UTC [s since 1970].
        begun: when its output began; 0 before.
    """

    def __init__(self, control: _Control) -> None:
        self.output = bytearray()
        self.errors = bytearray()
        self.sent = 0.0
        self.begun = 0.0
        self._control = control
        self._writers: list[asyncio.StreamWriter] = []
        self._readers: list[asyncio.StreamReader] = []

    @classmethod
    async def begin(cls, path: Path, command: str) -> Session:
        """Begin `command`.

        Args:
            path: of the socket at which the ssh process listens.
            command: for the remote login shell.

        Raises:
            CrowdedError: no session is free there.
            OSError: there is no connection; nothing was sent.
        """
        control = await _Control.connect(path)
        session = cls(control)
        theirs: list[socket.socket] = []
        try:
            for _ in range(2):  # one for input and output, one for errors
                ours, other = socket.socketpair()
                theirs.append(other)
                await session._take(ours)
            both, errors = theirs
            await control.open(command, both, both, errors)
        except BaseException:
            session.close()
            raise
        finally:
            for end in theirs:
                end.close()
        return session

    async def _take(self, ours: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        self._readers.append(reader)
        self._writers.append(writer)

    async def run(self, text: bytes) -> int | None:
        """Send `text` as the input of the command; return its exit code at its end.

        None: the session was cut, so there is no exit code.

        Raises:
            TooLongError: the output is too long.
            OSError: the connection was lost.
        """
        self.sent = time.time()
        self._writers[0].write(text)
        self._writers[0].write_eof()
        reading = [
            asyncio.ensure_future(self._read(self._readers[0], self.output)),
            asyncio.ensure_future(self._read(self._readers[1], self.errors)),
        ]
        ending = asyncio.ensure_future(self._control.exit_code())
        try:
            await asyncio.gather(*reading)
            return await ending
        finally:
            for task in (*reading, ending):
                task.cancel()
            await asyncio.wait((*reading, ending))

    async def _read(self, reader: asyncio.StreamReader, into: bytearray) -> None:
        while data := await reader.read(_CHUNK):
            self.begun = self.begun or time.time()
            into += data
            if len(into) > MAX_ANSWER:
                raise TooLongError

    def close(self) -> None:
        """Close the session; further output is lost."""
        self._control.close()
        for writer in self._writers:
            writer.transport.abort()


class _Control:
    """Exchanges packets with the ssh process that holds the connection."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def connect(cls, path: Path) -> _Control:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.setblocking(False)
            control = cls(link)
            await control._loop.sock_connect(link, str(path))
            await control._send(_HELLO, _VERSION)
            kind, version, _ = await control._receive()
            if (kind, version) != (_HELLO, _VERSION):
                raise ConnectionError("ssh speaks another mux protocol than version 4")
        except BaseException:
            link.close()
            raise
        return control

    async def open(self, command: str, *streams: socket.socket) -> None:
        """Request `command`, with its input, output and errors."""
        no_tty_no_x11_no_agent_no_subsystem = (0, 0, 0, 0)
        await self._send(
            _NEW_SESSION,
            0,  # number of the request
            b"",
            *no_tty_no_x11_no_agent_no_subsystem,
            _NO_ESCAPE,
            b"",  # kind of terminal
            command.encode(),
        )
        for stream in streams:
            socket.send_fds(self._link, [b"\0"], [stream.fileno()])
        kind, *_ = await self._receive()
        if kind in {_FAILURE, _PERMISSION_DENIED}:
            raise CrowdedError
        if kind != _SESSION_OPENED:
            raise ConnectionError(f"ssh answers {kind:#x} to a new session")

    async def exit_code(self) -> int | None:
        """Wait for the exit code; None: the session was cut."""
        try:
            while True:
                kind, _session, code = await self._receive()
                if kind == _EXIT_MESSAGE:
                    return code
        except ConnectionError:
            return None

    def close(self) -> None:
        self._link.close()

    async def _send(self, *fields: int | bytes) -> None:
        body = b"".join(
            struct.pack(">I", field)
            if isinstance(field, int)
            else struct.pack(">I", len(field)) + field
            for field in fields
        )
        await self._loop.sock_sendall(self._link, struct.pack(">I", len(body)) + body)

    async def _receive(self) -> tuple[int, int, int]:
        """Receive a packet: its kind, and the first two numbers after it."""
        (length,) = struct.unpack(">I", await self._exactly(4))
        if not 4 <= length <= _MAX_PACKET:
            raise ConnectionError(f"ssh sends a packet of {length} bytes")
        body = await self._exactly(length)
        kind, first, second = struct.unpack(">3I", body[:12].ljust(12, b"\0"))
        return kind, first, second

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self._loop.sock_recv(self._link, size - len(data))
            if not more:
                raise ConnectionError("ssh has closed the connection")
            data += more
        return data

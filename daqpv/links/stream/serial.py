"""Bytes over a serial line."""

from __future__ import annotations

import asyncio
import os

from daqpv.core.threads import Crew
from daqpv.errors import NoAnswerError, NotConnectedError
from daqpv.links.endpoint import reason
from daqpv.links.stream.options import SerialOptions
from daqpv.links.stream.port import Port, opened
from daqpv.links.stream.wire import Receiver

_CHUNK = 4096  # bytes of one read
_OPENING = 5.0  # [s]
_CLOSING = 1.0  # [s]
_ADAPTER = 0.03  # [s]: adapters for USB keep bytes back for 16 ms


class _Opening:
    """Opens a port in a thread, whose caller may leave it meanwhile."""

    def __init__(self, path: str, options: SerialOptions) -> None:
        self._how = path, options
        self._port: Port | None = None

    def open(self) -> Port:
        """Open it."""
        self._port = opened(*self._how)
        return self._port

    def abandon(self) -> None:
        """Close it again, if it was opened."""
        if self._port is not None:
            self._port.close()


class SerialWire:
    """A serial port of this computer. It implements `Wire`.

    Args:
        path: of the device: ``/dev/serial/by-id/...``.
        options: baud rate and the like.
    """

    is_fresh = is_relayed = False
    joins_midway = True
    longest_opening = _OPENING + _CLOSING

    def __init__(self, path: str, options: SerialOptions) -> None:
        self.who = path
        self.quiet = max(10 * options.character_time, _ADAPTER)
        self._options = options
        self._crew = Crew(f"the serial port {path}")
        self._port: Port | None = None
        self._receiver: Receiver | None = None
        self._unsent = bytearray()
        self._closing: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._port is not None

    @property
    def is_connected(self) -> bool:
        """The same."""
        return self.is_open

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._unsent)

    async def open(self, receiver: Receiver) -> None:
        """Open the port, and lock it.

        Raises:
            NotConnectedError: it is not there, or another program has it.
        """
        await self.closed()
        opening = _Opening(self.who, self._options)
        try:
            port = await self._crew.call(opening.open, timeout=_OPENING)
        except BaseException as error:
            self._crew.submit(opening.abandon)  # the thread's next call
            if isinstance(error, NoAnswerError):
                text = f"{error}. Unplug the adapter and plug it in"
                raise NotConnectedError(text) from error
            raise
        self._port, self._receiver = port, receiver
        asyncio.get_running_loop().add_reader(port.file, self._read)
        receiver.joined()

    def write(self, data: bytes) -> None:
        """Send; what the port does not take now is sent when it can."""
        if self._port is None:
            return
        if not self._unsent:
            sent = self._sent(data)
            data = data[sent:]
            if data and self._port is not None:
                loop = asyncio.get_running_loop()
                loop.add_writer(self._port.file, self._flush)
        self._unsent += data

    def close(self) -> None:
        """Close; a thread waits for the driver of the system."""
        port, self._port, self._receiver = self._port, None, None
        self._unsent.clear()
        if port is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(port.file)
            loop.remove_writer(port.file)
            self._closing = asyncio.wrap_future(self._crew.submit(port.close))

    async def closed(self) -> None:
        """Wait until it is closed, for a short time."""
        if self._closing is not None:
            closing, self._closing = self._closing, None
            await asyncio.wait([closing], timeout=_CLOSING)

    def _read(self) -> None:
        assert self._port is not None
        try:
            data = os.read(self._port.file, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(reason(error))
            return
        if not data:
            self._gone("it hangs up")
        elif self._receiver is not None:
            self._receiver.received(data)

    def _sent(self, data: bytes | bytearray) -> int:
        """Send, and say how many bytes went."""
        assert self._port is not None
        try:
            return os.write(self._port.file, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._gone(reason(error))
            return len(data)

    def _flush(self) -> None:
        del self._unsent[: self._sent(self._unsent)]
        if not self._unsent and self._port is not None:
            asyncio.get_running_loop().remove_writer(self._port.file)

    def _gone(self, why: str) -> None:
        receiver = self._receiver
        self.close()
        if receiver is not None:
            receiver.lost(
                NotConnectedError(
                    f"{self.who}: the serial port is gone: {why}. Is the adapter "
                    "plugged in? It is opened again by itself"
                )
            )

"""What carries the bytes of Modbus frames: a serial line."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import termios
from collections.abc import Callable
from typing import Any

from daqpv.core.threads import Crew
from daqpv.errors import LinkError, NotConnectedError
from daqpv.links.endpoint import reason


class SerialWire:
    """A serial line, which no other program can open meanwhile.

    Args:
        path: of its device file.
        baud: bits per second.
        parity: N, E or O.
        stop: stop bits.
    """

    is_network = False

    def __init__(
        self, path: str, *, baud: int, parity: str = "N", stop: int = 1
    ) -> None:
        self.place = path
        # frames are 3.5 characters of 11 bits apart; from 19200 baud on, 1.75 ms
        self.gap = max(38.5 / baud, 0.00175)
        self._settings = {"baudrate": baud, "parity": parity, "stopbits": stop}
        self._crew = Crew(f"the serial line {path}")  # the opening may block
        self._port: Any = None
        self.received: Callable[[bytes], None] = lambda _: None
        self.lost: Callable[[str], None] = lambda _: None

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""
        return self._port is not None

    async def open(self, name: str, timeout: float) -> None:
        """Open it, for the instrument `name`; no more than `timeout` [s]."""
        try:
            port = await self._crew.call(self._opened, timeout=timeout)
        except LinkError as error:
            raise NotConnectedError(f"{name}: {error}") from error
        except (OSError, ValueError) as error:
            raise NotConnectedError(f"{name}: {self._why_not(error)}") from error
        self._port = port
        asyncio.get_running_loop().add_reader(port.fileno(), self._readable)

    def write(self, data: bytes) -> None:
        """Send `data`: a frame fits into the buffer of the system."""
        if self._port is None:
            return
        try:
            if os.write(self._port.fileno(), data) < len(data):
                raise BlockingIOError(errno.EAGAIN, "it takes no more bytes")
        except OSError as error:
            self._fail(f"cannot be written: {reason(error)}")

    def close(self) -> None:
        """Close at once."""
        if self._port is not None:
            port, self._port = self._port, None
            asyncio.get_running_loop().remove_reader(port.fileno())
            port.close()

    def _opened(self) -> Any:
        import serial  # noqa: PLC0415 (only where there is a line)

        port = serial.Serial(self.place, timeout=0, exclusive=True, **self._settings)
        try:  # the lock of `exclusive` is only seen by those who ask for it
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
            os.set_blocking(port.fileno(), False)
            port.reset_input_buffer()
        except BaseException:
            port.close()
            raise
        return port

    def _why_not(self, error: OSError | ValueError) -> str:
        number = getattr(error, "errno", None)
        if number == errno.ENOENT:
            return f"there is no {self.place}. Is the adapter plugged in?"
        if number == errno.EACCES:
            return (
                f"no permission for {self.place}. Add the user to its group (dialout)"
            )
        if number in (errno.EBUSY, errno.EAGAIN):
            return f"another program uses {self.place}. End it"
        return f"{self.place} cannot be opened: {reason(error)}"

    def _readable(self) -> None:
        try:
            data = os.read(self._port.fileno(), 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(f"has lost its serial line: {reason(error)}")
            return
        if data:
            self.received(data)
        else:
            self._fail("has lost its serial line. Is the adapter unplugged?")

    def _fail(self, why: str) -> None:
        self.close()
        self.lost(why)

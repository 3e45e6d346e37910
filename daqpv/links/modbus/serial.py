"""What carries the bytes of Modbus frames: a serial line."""

from __future__ import annotations

from collections.abc import Callable

from daqpv.errors import LinkError, NotConnectedError
from daqpv.instruments.modbus.settings import SerialOptions
from daqpv.links.stream import options as stream
from daqpv.links.stream.serial import SerialWire as Port


class SerialWire:
    """A serial line, which no other program can open meanwhile.

    Args:
        path: of its device file.
        options: baud rate and the like.
    """

    is_network = False

    def __init__(self, path: str, options: SerialOptions) -> None:
        settings = stream.SerialOptions(
            baud=options.baud, parity=options.parity, stop=options.stop
        )
        self.place = path
        # frames are 3.5 characters apart; from 19200 baud on, 1.75 ms
        self.gap = max(3.5 * settings.character_time, 0.00175)
        self._port = Port(path, settings)
        self.longest_opening = self._port.longest_opening
        self.received: Callable[[bytes], None] = lambda _: None
        self.lost: Callable[[str], None] = lambda _: None

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""
        return self._port.is_open

    async def open(self, name: str, timeout: float) -> None:
        """Open it, for the instrument `name`; it has a deadline of its own."""
        try:
            await self._port.open(_Ends(self))
        except LinkError as error:
            raise NotConnectedError(f"{name}: {error}") from error

    def write(self, data: bytes) -> None:
        """Send `data`."""
        self._port.write(data)

    def close(self) -> None:
        """Close; a thread waits for the driver of the system."""
        self._port.close()


class _Ends:
    """Takes what comes from a port."""

    def __init__(self, wire: SerialWire) -> None:
        self._wire = wire

    def received(self, data: bytes) -> None:
        self._wire.received(data)

    def joined(self) -> None:
        pass

    def boundary(self) -> None:
        pass

    def lost(self, error: LinkError) -> None:
        self._wire.lost(f"is lost: {error}")

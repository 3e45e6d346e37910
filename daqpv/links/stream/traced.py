"""A wire that shows its bytes."""

from __future__ import annotations

from daqpv.errors import LinkError
from daqpv.instruments.driver.trace import Show
from daqpv.links.stream.wire import Receiver, Wire


class TracedWire:
    """Carries bytes as another wire, and shows them. It implements `Wire`.

    Args:
        wire: carries the bytes.
        show: sees them.
    """

    def __init__(self, wire: Wire, show: Show) -> None:
        self.who, self.quiet = wire.who, wire.quiet
        self.is_fresh, self.joins_midway = wire.is_fresh, wire.joins_midway
        self.is_relayed = wire.is_relayed
        self.longest_opening = wire.longest_opening
        self._wire, self._show = wire, show

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._wire.is_open

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._wire.is_connected

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._wire.unsent

    async def open(self, receiver: Receiver) -> None:
        """Connect."""
        await self._wire.open(_TracedReceiver(receiver, self._show))

    def write(self, data: bytes) -> None:
        """Send."""
        if data:
            self._show(True, data)
        self._wire.write(data)

    def close(self) -> None:
        """Close."""
        self._wire.close()

    async def closed(self) -> None:
        """Wait until it is closed."""
        await self._wire.closed()


class _TracedReceiver:
    """Takes what comes, and shows it."""

    def __init__(self, receiver: Receiver, show: Show) -> None:
        self._receiver, self._show = receiver, show

    def received(self, data: bytes) -> None:
        self._show(False, data)
        self._receiver.received(data)

    def joined(self) -> None:
        self._receiver.joined()

    def boundary(self) -> None:
        self._receiver.boundary()

    def lost(self, error: LinkError) -> None:
        self._receiver.lost(error)

"""An instrument in memory, whose answers come when and how a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daqpv.links.stream.wire import Receiver

Piece = tuple[float, bytes]
"""Bytes, and how long after the question they come [s]."""


@dataclass
class MemoryWire:
    """A `Wire` without a socket.

    Attributes:
        answer: what comes for bytes that were sent.
        is_fresh: what is on its way is lost when the connection closes.
        is_relayed: it is not lost, as from a converter of a serial line.
        sent: all that was sent.
    """

    answer: Callable[[bytes], Iterable[Piece]]
    is_fresh: bool = True
    is_relayed: bool = False
    who: str = "memory"
    quiet: float = 0.02
    joins_midway: bool = False
    longest_opening: float = 1.0
    is_open: bool = False
    unsent: int = 0

    def __post_init__(self) -> None:
        self.sent: list[bytes] = []
        self.opened = 0
        self._receiver: Receiver | None = None
        self._last = 0.0  # bytes do not overtake each other

    @property
    def _loses(self) -> bool:
        """Whether what is on its way is lost when the connection closes."""
        return self.is_fresh and not self.is_relayed

    @property
    def is_connected(self) -> bool:
        return self.is_open

    async def open(self, receiver: Receiver) -> None:
        self.is_open = True
        self.opened += 1
        self._receiver = receiver
        if self._loses:
            self._last = 0.0
        receiver.joined()

    def write(self, data: bytes) -> None:
        self.sent.append(data)
        self.send(self.answer(data))

    def send(self, pieces: Iterable[Piece]) -> None:
        """Send to the other side."""
        loop = asyncio.get_running_loop()
        for delay, data in pieces:
            self._last = max(self._last + 1e-6, loop.time() + delay)  # in order
            loop.call_at(self._last, self._come, data, self.opened)

    def close(self) -> None:
        self.is_open = False
        self._receiver = None

    async def closed(self) -> None:
        """At once."""

    def _come(self, data: bytes, connection: int) -> None:
        is_lost = self._loses and connection != self.opened
        if self._receiver is not None and not is_lost:
            self._receiver.received(data)

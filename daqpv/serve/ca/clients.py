"""The clients of a server: their number, and the slow ones among them."""

from __future__ import annotations

import asyncio
from typing import Protocol

_TICK = 0.5  # [s] between two checks of slow clients


class Connection(Protocol):
    """A client's connection."""

    @property
    def unsent(self) -> int:
        """Bytes that are not sent to the client yet."""

    def close(self, reason: str = "") -> None:
        """Close it; unsent data are lost."""


class Clients:
    """The open circuits.

    Args:
        patience: time without reading after which a client is dropped [s].

    Attributes:
        patience: as the argument.
        circuits: of the present clients.
        slow: clients that do not read.
        channels: number of open channels.
        conflated: events that slow clients did not get: newer ones replaced them.
        dropped: number of clients that were dropped because they did not read.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.circuits: set[Connection] = set()
        self.slow: set[Connection] = set()
        self.channels = 0
        self.conflated = 0
        self.dropped = 0

    async def watch(self) -> None:
        """Drop clients that do not read, until cancelled."""
        loop = asyncio.get_running_loop()
        progress: dict[Connection, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            progress = {one: progress.get(one, (0, now)) for one in self.slow}
            for circuit, (unsent, since) in progress.items():
                if circuit.unsent != unsent:
                    progress[circuit] = (circuit.unsent, now)
                elif now - since > self.patience:
                    self.dropped += 1
                    circuit.close(f"it has read nothing for {self.patience:g} s")

    def close(self) -> None:
        """Close all connections."""
        for circuit in tuple(self.circuits):
            circuit.close()

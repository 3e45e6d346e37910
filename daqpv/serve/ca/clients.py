"""The clients of a server: how many they are, and which of them do not read."""

from __future__ import annotations

import asyncio
from typing import Protocol

_TICK = 0.5  # [s] between two looks at slow clients


class Connection(Protocol):
    """A client's connection."""

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""

    def close(self, reason: str = "") -> None:
        """End it; what is unsent is lost."""


class Clients:
    """The open circuits.

    Args:
        patience: how long a client may read nothing before it is dropped [s].

    Attributes:
        patience: see there.
        circuits: the clients now.
        slow: those that do not read.
        channels: PVs that they are connected to.
        conflated: events that slow clients got no more, for there was a newer one.
        dropped: clients that were dropped because they read nothing.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.circuits: set[Connection] = set()
        self.slow: set[Connection] = set()
        self.channels = 0
        self.conflated = 0
        self.dropped = 0

    async def watch(self) -> None:
        """Drop clients that read nothing, until cancelled."""
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
        """End all connections."""
        for circuit in tuple(self.circuits):
            circuit.close()

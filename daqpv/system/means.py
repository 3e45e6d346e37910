"""What a command of the system goes by."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from daqpv.core import Cure, Interlock, Tasks
from daqpv.ecc import Server
from daqpv.system.plan import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a walk goes by.

    Attributes:
        servers: all of the experiment.
        interlock: whether anything may go up.
        table: the order.
        tasks: owns what is on the wire: an abort does not end that.
        news: set whenever a snapshot of a server has changed.
        prefix: of the PVs of the system, for the cure.
        patience: how long the way down waits for what others have on the wire [s].
    """

    servers: Sequence[Server]
    interlock: Interlock
    table: Table
    tasks: Tasks
    news: asyncio.Event
    prefix: str
    patience: float

    def cure(self, signal: str, value: object) -> Cure:
        """A put to a PV of the system."""
        return Cure(self.prefix, signal, value)

"""Groups the servers, the order and the settings that a command of the system needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from daqpv.core import Cure, Interlock, Tasks
from daqpv.ecc import Server
from daqpv.system.plan import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The servers, order and settings of a walk.

    Attributes:
        servers: all of the experiment.
        interlock: whether servers may be brought up.
        table: the order.
        tasks: own running operations, which an abort does not end.
        news: set whenever a snapshot of a server has changed.
        prefix: of the PVs of the system, for the cure.
        patience: how long the way down waits for operations of others [s].
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

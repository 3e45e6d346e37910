"""Events: everything that happens, said once, with who did it.

A device emits; sinks (a log file, later the store) receive. A sink is called on the
event loop and must not block it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

_log = logging.getLogger(__name__)


class EventSeverity(StrEnum):
    """How much an event matters to the shift."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for something: a user on a host, as the client says."""

    user: str
    host: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Read ``user@host`` as it was written; None if it is empty: nobody."""
        user, _, host = text.rpartition("@")
        return cls(user, host) if text else None


origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
"""Who the running code acts for: the PV server sets it round each put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        time: UTC, seconds since 1970.
        name: a short constant by which events of one sort are found again.
        text: one sentence for people.
        device: PV name part of the device, e.g. ``ECC:CoBo0``; empty for the process.
        fields: the facts of the sentence, for machines.
        origin: who did it; None when nobody did.
        process: ``name@host`` of the daqpv process in which it happened.
        function: where in the program: ``module.function``.
        count: how often it happened: repeated ones are folded into one.
    """

    time: float
    severity: EventSeverity
    name: str
    text: str
    device: str = ""
    fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    origin: Origin | None = None
    process: str = ""
    function: str = ""
    count: int = 1


Sink = Callable[[Event], None]


class Events:
    """The way from those who emit events to those who keep them."""

    def __init__(self) -> None:
        self._sinks: list[Sink] = []

    def add(self, sink: Sink) -> None:
        """Send all further events to `sink` as well."""
        self._sinks.append(sink)

    def emit(self, event: Event) -> None:
        """Hand `event` to every sink; a sink that raises harms nobody else."""
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:  # a sink is a plugin: its failure is logged, not ours
                _log.exception("event sink failed")

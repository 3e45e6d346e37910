"""Defines events: what happened, when, and which client or process caused it.

A device emits; sinks (console, file, store, PVs) receive. A sink is called on the event
loop and must not block it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class EventSeverity(StrEnum):
    """How much an event matters to the shift.

    Information is normal. A warning is an exception that interrupts nothing: a request
    was refused, and what runs goes on. An error interrupts something.
    """

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"

    @property
    def label(self) -> str:
        """The text of a PV."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Origin:
    """The author of a request: a user on a host, as the client says."""

    user: str
    host: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Read ``user@host`` as it was written; None if it is empty."""
        user, _, host = text.rpartition("@")
        return cls(user, host) if text else None


origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
"""The client for which the running code acts; the PV server sets it for each put."""

reported: ContextVar[set[str] | None] = ContextVar("reported", default=None)
"""Names of the events that devices have emitted because of the running put.

The PV server sets it for each put, so that it does not report again what the device
has reported.
"""


NO_FIELDS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        time: UTC, seconds since 1970.
        name: a short constant by which events of one sort are found again.
        text: one sentence for people.
        device: PV name part of the device, e.g. ``ECC:CoBo0``; empty for the process.
            The emitter gives the prefix of its PVs.
        fields: the facts of the sentence, for machines.
        origin: the client that caused it; None if no client did.
        process: ``name@host`` of the daqpv process in which it happened; stamped.
        function: where in the program: ``module.function``.
        count: how often it happened: repeated ones are folded into one.
    """

    time: float
    severity: EventSeverity
    name: str
    text: str
    device: str = ""
    fields: Mapping[str, object] = field(default_factory=lambda: NO_FIELDS)
    origin: Origin | None = None
    process: str = ""
    function: str = ""
    count: int = 1

    @property
    def is_aside(self) -> bool:
        """Whether only file and store keep it: its facts say so (``aside``).

        Another event reports the same, or operators do not need it: a put that the
        device reports as its command, clients that connect and disconnect.
        """
        return bool(self.fields.get("aside"))


@dataclass(frozen=True, slots=True)
class Folding:
    """How often an event is emitted singly.

    Attributes:
        same: what, besides device and name, makes two events the same.
        singly: how often the same is emitted singly within a minute.
        kinds: so many different ones of one device and name are counted separately;
            None: `same` is a text of people, and each different one is emitted.
    """

    same: str = ""
    singly: int = 100
    kinds: int | None = 1000


STORM = Folding()
"""The default: only a storm of equal events is folded."""


def caller(depth: int = 1) -> str:
    """The function that called the caller, for `Event.function`."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001
    return f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"

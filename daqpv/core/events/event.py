"""Events: everything that happens, said once, with who did it.

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

    Information is normal; a warning is an exception that breaks nothing off: what was
    requested was refused, what is there goes on; an error breaks something off.
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

told: ContextVar[set[str] | None] = ContextVar("told", default=None)
"""Names of the events that devices have emitted because of the running put.

The PV server sets it round each put: what a device has said need not be said again.
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
            Who emits gives the prefix of its PVs.
        fields: the facts of the sentence, for machines.
        origin: who did it; None when nobody did.
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
        """Whether it is for the record alone: its facts say so (``aside``).

        People hear the same from another event, or need not hear it: a put that a
        device tells as its command, clients that come and go. File and store have it.
        """
        return bool(self.fields.get("aside"))


@dataclass(frozen=True, slots=True)
class Folding:
    """How often an event is emitted singly.

    Attributes:
        same: what, besides device and name, makes two events the same.
        singly: how often the same is emitted singly within a minute.
        kinds: so many different ones of one device and name are kept apart; None:
            `same` is what people wrote, and each different one is emitted.
    """

    same: str = ""
    singly: int = 100
    kinds: int | None = 1000


STORM = Folding()
"""Of all that says nothing else: a storm of them is folded, and nothing short of it."""


def caller(depth: int = 1) -> str:
    """The function that called the caller, for `Event.function`."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001
    return f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"

"""Events: everything that happens, said once, with who did it.

A device emits; sinks (console, file, store, PVs) receive. A sink is called on the event
loop and must not block it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from daqpv.core.events.folder import STORM, Folder, Folding

_log = logging.getLogger(__name__)

_LOOK = 1.0  # [s] between two looks at what was counted
_WAITING = 10_000  # events of other threads that may wait for the loop


class EventSeverity(StrEnum):
    """How much an event matters to the shift.

    Information is normal; a warning is an exception that breaks nothing off: what was
    wished was refused, what is there goes on; an error breaks something off.
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
    fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
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


def caller(depth: int = 1) -> str:
    """The function that called the caller, for `Event.function`."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001
    return f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"


Sink = Callable[[Event], None]


class Events:
    """The way from those who emit events to those who keep them.

    All sinks receive the same events in the same order: that in which they were
    emitted. What a sink emits itself comes after the event that it received.

    Args:
        process: ``name@host``, stamped on each event.
        prefix: of all PVs: cut off from the devices' prefixes.
        clock: that never jumps [s].

    Attributes:
        process: ``name@host``.
    """

    def __init__(
        self,
        *,
        process: str = "",
        prefix: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process = process
        self._prefix = prefix
        self._sinks: list[Sink] = []
        self._folder = Folder(clock)
        self._due: deque[Event] = deque()
        self._delivers = False
        self._thread = threading.get_ident()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._foreign: deque[tuple[Event, Folding]] = deque()
        self._woken = False
        self._left_out = 0

    def add(self, sink: Sink) -> None:
        """Send all further events to `sink` as well."""
        self._sinks.append(sink)

    def emit(self, event: Event, folding: Folding = STORM) -> None:
        """Hand `event` to every sink; a sink that raises harms nobody else.

        From another thread than that of the loop: soon. What happens again and again
        is counted and told later.

        Args:
            event: what happened.
            folding: how often such an event is told singly.
        """
        if threading.get_ident() != self._thread:
            self._emit_later(event, folding)
            return
        if self._folder.tells(event, folding):
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        device = event.device.removeprefix(self._prefix).removesuffix(":")
        event = replace(event, device=device, process=event.process or self.process)
        self._due.append(event)
        if self._delivers:
            return
        self._delivers = True
        try:
            while self._due:
                self._hand_out(self._due.popleft())
        finally:
            self._delivers = False

    def _hand_out(self, event: Event) -> None:
        for sink in tuple(self._sinks):
            try:
                sink(event)
            except Exception:  # a sink is a plugin: its failure is logged, not ours
                _log.exception("event sink failed")

    # -- other threads -----------------------------------------------------------------

    def _emit_later(self, event: Event, folding: Folding) -> None:
        if len(self._foreign) >= _WAITING:
            self._left_out += 1
            return
        self._foreign.append((event, folding))
        loop = self._loop
        if loop is not None and not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop has ended: close() will find it
                loop.call_soon_threadsafe(self._emit_foreign)

    def _emit_foreign(self) -> None:
        self._woken = False
        while self._foreign:
            self.emit(*self._foreign.popleft())
        left_out, self._left_out = self._left_out, 0
        if left_out:
            _log.warning("%d events of other threads were too many", left_out)

    # -- folding -----------------------------------------------------------------------

    async def run(self) -> None:
        """Tell what was counted when its minute is over, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._emit_foreign()
            for event in self._folder.due():
                self._deliver(event)
            await asyncio.sleep(_LOOK)

    def close(self) -> None:
        """Tell what was counted: the process ends."""
        self._loop = None
        self._emit_foreign()
        for event in self._folder.rest():
            self._deliver(event)

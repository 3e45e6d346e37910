"""Hands events from their emitters to the sinks that keep them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from daqpv.core.events.event import (
    NO_FIELDS,
    STORM,
    Event,
    EventSeverity,
    Folding,
    Origin,
    caller,
)
from daqpv.core.events.folder import Folder
from daqpv.core.names import Names

_log = logging.getLogger(__name__)

_LOOK = 1.0  # [s] between two checks of the counted events
_WAITING = 10_000  # events of other threads that may wait for the loop

Sink = Callable[[Event], None]


class Events:
    """Hands events from their emitters to all sinks.

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
        """Hand `event` to every sink; a sink that raises does not affect the others.

        From another thread than that of the loop: soon. Repeated events are counted
        and emitted later.

        Args:
            event: what happened.
            folding: how often such an event is emitted singly.
        """
        if threading.get_ident() != self._thread:
            self._emit_later(event, folding)
            return
        if self._folder.emits(event, folding):
            self._deliver(event)

    def report(
        self,
        name: str,
        text: str,
        *,
        severity: EventSeverity = EventSeverity.INFORMATION,
        device: str = "",
        fields: Mapping[str, object] = NO_FIELDS,
        by: Origin | None = None,
        folding: Folding = STORM,
    ) -> None:
        """Emit an event that happens now, in the function that calls this.

        Args:
            name: a short constant by which events of one sort are found again.
            text: one sentence for people.
            severity: how much it matters to the shift.
            device: prefix of its PVs, or the part of it that names the device.
            fields: the facts of the sentence, for machines.
            by: the client that caused it.
            folding: how often such an event is emitted singly.
        """
        event = Event(
            time=time.time(),
            severity=severity,
            name=name,
            text=text,
            device=device,
            fields=fields,
            origin=by,
            function=caller(),
        )
        self.emit(event, folding)

    def _deliver(self, event: Event) -> None:
        device = Names(self._prefix).short(event.device)
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
        """Emit counted events when their minute is over, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._emit_foreign()
            for event in self._folder.due():
                self._deliver(event)
            await asyncio.sleep(_LOOK)

    def close(self) -> None:
        """Emit all counted events: the process ends."""
        self._loop = None
        self._emit_foreign()
        for event in self._folder.rest():
            self._deliver(event)

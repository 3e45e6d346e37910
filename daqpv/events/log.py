"""The log as a device: last events of the whole experiment, notes of the shift."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from daqpv.core import (
    AHEAD,
    CLOCK,
    Clock,
    Clocks,
    Cure,
    Event,
    Events,
    EventSeverity,
    Folding,
    Shown,
    Snapshot,
)
from daqpv.core.timing.schedule import ScheduledTask, after
from daqpv.errors import RefusedError, StoreError
from daqpv.events.lines import long_line, newest_lines, short_line

_log = logging.getLogger(__name__)

LAST = 20  # events that are shown
SHOW_PERIOD = 0.1  # [s] at least between two changes of the PVs
LOOK_PERIOD = 1.0  # [s] between two queries for events of other processes
FORGET_PERIOD = 3600.0  # [s] between two queries for old events
FORGET_PAUSE = 0.2  # [s] between two pieces: other processes write, too


class History(Protocol):
    """The kept events of all processes of the experiment.

    Raises:
        StoreError: the store is away.
    """

    async def last(self, count: int) -> Sequence[Event]:
        """The last `count` events that are not aside, oldest first."""

    async def news(self) -> Sequence[Event]:
        """Events since `last` or the last call, in the order of arrival."""

    async def forget(self, before: float) -> int:
        """Delete some of the events before `before`; returns how many, 0: none."""


@dataclass(frozen=True, kw_only=True)
class LogSnapshot(Snapshot):
    """The last events, and how many there were since the start of the process.

    It has no alarm: a fault is an alarm of the PV that it concerns. With one here as
    well, an alarm server would sound twice, and again for each event.

    Attributes:
        last: the last event, a line.
        last_severity: of that.
        text: the last 20 events, a line each, the newest last.
        recent: the same, short, the newest first.
        infos: informations; a folded event counts as often as it happened.
        warnings: warnings.
        error_count: errors.
        note: the last note of the shift.
    """

    last: str = ""
    last_severity: EventSeverity = EventSeverity.INFORMATION
    text: str = ""
    recent: tuple[str, ...] = ()
    infos: int = 0
    warnings: int = 0
    error_count: int = 0
    note: str = ""


class Log(Shown[LogSnapshot]):
    """The last events of the experiment.

    Those of this process come at once, those of others from the store, within a second.

    Args:
        events: of this process.
        prefix: of the PVs.
        history: the events of all processes; None: no store.
        keep: how old they may get [s].
        clock: gives all its times.
    """

    def __init__(
        self,
        events: Events,
        *,
        prefix: str = "",
        history: History | None = None,
        keep: float = float("inf"),
        clock: Clock = CLOCK,
    ) -> None:
        super().__init__(
            "Log", LogSnapshot(), events=events, prefix=prefix, clock=clock
        )
        self._process = events.process
        self._history = history
        self._keep = keep
        self._began = self.clock.time()
        self._clocks = Clocks(clock)
        self._age = 0.0  # [s]
        self._has_begun = False
        self._last: deque[Event] = deque(maxlen=LAST)
        self._counts: Counter[EventSeverity] = Counter()
        self._news = asyncio.Event()
        events.add(self.take)

    def take(self, event: Event) -> None:
        """Show `event`, soon, and count it, unless it is for the record alone."""
        if not event.is_aside:
            self._counts[event.severity] += event.count
            self._last.append(event)
            self._news.set()

    def write(self, note: str) -> None:
        """Record a note of the shift, as an event of its client.

        Raises:
            RefusedError: there is nothing to write.
        """
        note = note.strip()
        if not note:
            raise RefusedError(
                "an empty note.",
                cure=Cure(self.prefix, "Note", "what was done", is_long=True),
            )
        self.change(replace(self.snapshot, note=note))
        self.emit("note", note, folding=Folding(same=note, kinds=None))

    async def run(self) -> None:
        """Show events until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._show_news())
            if self._history is not None:
                look = partial(self._look, self._history)
                looks = ScheduledTask(look, after(LOOK_PERIOD), clock=self.clock)
                looks.soon()
                tasks.create_task(looks.run())
                forget = partial(self._forget, self._history)
                forgets = ScheduledTask(forget, after(FORGET_PERIOD), clock=self.clock)
                tasks.create_task(forgets.run())

    async def _show_news(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            self._show_last()
            await asyncio.sleep(SHOW_PERIOD)

    def _show_last(self) -> None:
        if not self._last:
            return
        newest = self._last[-1]
        self.change(
            replace(
                self.snapshot,
                last=long_line(newest),
                last_severity=newest.severity,
                text=newest_lines(map(long_line, self._last)),
                recent=tuple(map(short_line, reversed(self._last))),
                infos=self._counts[EventSeverity.INFORMATION],
                warnings=self._counts[EventSeverity.WARNING],
                error_count=self._counts[EventSeverity.ERROR],
            )
        )

    # -- the store ---------------------------------------------------------------------

    async def _look(self, history: History) -> None:
        """Read new events from the store."""
        try:
            if self._has_begun:
                self._take_kept(await history.news())
            else:
                self._take_kept(await history.last(LAST))
                self._has_begun = True
        except StoreError as error:  # which reports that itself
            _log.debug("%s", error)

    def _take_kept(self, kept: Iterable[Event]) -> None:
        """Show events of other processes, and of this one before its restart.

        They are sorted in by time; events of this process keep their order.
        """
        last = list(self._last)
        self._age += self._clocks.look().seconds
        now = self.clock.time()
        began = min(self._began, now - self._age)  # our clock may have been set back
        for event in kept:
            since_start = event.time >= began
            if event.is_aside or (event.process == self._process and since_start):
                continue
            if since_start:
                self._counts[event.severity] += event.count
            place = len(last)
            # events ahead of our clock were emitted before it was set back
            while place and event.time < last[place - 1].time <= now + AHEAD:
                place -= 1
            last.insert(place, event)
            self._news.set()
        self._last = deque(last, maxlen=LAST)

    async def _forget(self, history: History) -> None:
        """Delete old events, a piece at a time."""
        before, count = self.clock.time() - self._keep, 0
        try:
            while piece := await history.forget(before):
                count += piece
                await asyncio.sleep(FORGET_PAUSE)
        except StoreError as error:
            _log.debug("%s", error)
        if count:
            days = self._keep / 86_400
            self.emit("forgotten", f"{count} events older than {days:g} d deleted")

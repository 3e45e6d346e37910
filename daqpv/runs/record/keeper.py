"""Writes the record of the open run to the store, the settings and the pulse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from daqpv.core import CLOCK, Clock, Device, Events, EventSeverity, Pulse, Store, origin
from daqpv.runs import attendance
from daqpv.runs.record.fields import RunField, formatted
from daqpv.runs.record.last_seen import facts
from daqpv.runs.record.records import RunChange, RunRecord, RunSize
from daqpv.runs.snapshot import RunSnapshot
from daqpv.runs.states import RunClass, RunEvent

KEPT = 3.0  # [s] for what was written to be on the disk
LONG_NOTE = 4000  # characters of a note; nothing more is noted of clock and process

Kept = Callable[..., Awaitable[bool]]

Observer = Callable[[RunRecord, RunEvent], None]


class RecordKeeper(Device[RunSnapshot]):
    """Writes the record of the open run, and reports its begin and end to observers.

    Args:
        snapshot: what it was before a restart.
        events: where events go.
        prefix: of its PVs.
        store: keeps the records; None: they are not kept.
        pulse: notes each second that the open run is seen; None: it is not noted.
        kept: waits until what was written so far would survive a kill, at most for
            `timeout` [s], and says whether it would.
        sorts: whether the files of a run are to be moved when it has ended.
        clock: gives all its times.
    """

    def __init__(  # noqa: PLR0913 - all places that a record is written to
        self,
        snapshot: RunSnapshot,
        *,
        events: Events,
        prefix: str,
        store: Store | None,
        sorts: bool,
        pulse: Pulse | None = None,
        kept: Kept | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        super().__init__("Run", snapshot, events=events, prefix=prefix, clock=clock)
        self._store = store
        self._sorts = sorts
        self._pulse = pulse
        self._kept = kept
        self._recorded = 0.0  # when the open run was written last [loop]
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> None:
        """Call `observer(record, event)` when a run begins (STARTED) and ends.

        It is also called when a run goes on after a restart; the entry is OPEN then.
        It is called on the event loop, before the end of the command. Records that it
        keeps at the end of a run come to the store before the record that closes it: if
        a kill prevents that, it is called again after the restart.
        """
        self._observers.append(observer)

    def keep(self, record: Any) -> None:
        """Write a record to the store, if there is one."""
        if self._store is not None:
            self._store.add(record)

    async def settled(self, *, timeout: float = KEPT) -> None:
        """Wait until what was written would survive a kill, at most `timeout` [s].

        If neither the store nor the disk takes it, they report that; it returns then.
        """
        if self._kept is not None:
            await self._kept(timeout=timeout)

    async def write(self, fact: RunField, value: str | RunClass) -> None:
        """Write a fact of the open run, else of the next."""
        old = getattr(self.snapshot, fact.name)
        if value == old:
            return
        written: dict[str, Any] = {fact.name: value}
        self.change(replace(self.snapshot, **written))
        record = self.snapshot.open_run
        if record is None:
            return
        self._record(record, **{fact.name: formatted(value)})
        self.keep(
            RunChange(
                number=record.number,
                time=self.clock.time(),
                field=fact.public_name,
                old=formatted(old),
                new=formatted(value),
                origin=origin.get(),
            )
        )

    def say(self, name: str, text: str, *, is_good: bool, **facts: Any) -> None:
        """Report on the run, in its Message and as an event."""
        severity = EventSeverity.INFORMATION if is_good else EventSeverity.WARNING
        self.change(replace(self.snapshot, message=text))
        self.emit(name, text, severity=severity, **facts)

    def _leave(self, closed: RunRecord) -> None:
        """Close the open run; its files have yet to be moved."""
        numbers = (*self.snapshot.unsorted, closed.number) if self._sorts else ()
        self.change(replace(self.snapshot, unsorted=tuple(dict.fromkeys(numbers))))
        assert closed.stop is not None
        duration = max(closed.stop - closed.start, 0.0)
        self.change(
            replace(
                self.snapshot,
                open_run=None,
                stop=closed.stop,
                duration=duration,
                writers=attendance.routers(self.snapshot.taking),
                taking=(),
                gaps=(),
            )
        )

    def weighed(self, number: int, size: int) -> None:
        """Record the size of the files of the last run [bytes]."""
        record = self.snapshot.closed_run
        if record is not None and record.number == number and size >= record.data:
            record = replace(record, data=size)
            self.change(replace(self.snapshot, closed_run=record))
            self.keep(RunSize(number=number, data=size))

    def _record(self, record: RunRecord, **fields: Any) -> None:
        """Write the present record of the open run."""
        record = self._as_known(record, **fields)
        self._recorded = asyncio.get_running_loop().time()
        self.change(replace(self.snapshot, open_run=record))
        self.keep(self._with_gaps(record))
        self._beat(record)

    def _beat(self, record: RunRecord) -> None:
        """Record in the pulse that the run is still open."""
        if self._pulse is not None:
            self._pulse.beat(facts(record))

    def _annotate(self, record: RunRecord, text: str, **fields: Any) -> None:
        """Add `text` to the note of the open run, and set `fields` of its record."""
        note = record.note
        if len(note) < LONG_NOTE:
            note = joined(note, text)
        self._record(record, note=note, **fields)

    def _with_gaps(self, record: RunRecord) -> RunRecord:
        """`record` of the open run as stored, with its gaps in the note."""
        gaps = attendance.note(self.snapshot.gaps)
        return replace(record, note=joined(record.note, gaps))

    def _as_known(self, record: RunRecord, **fields: Any) -> RunRecord:
        """`record` of the open run as it is now, with `fields`."""
        known = {
            "seen": max(self.clock.time(), record.seen),
            "live_time": self.snapshot.live_time,
            "data": max(record.data, round(self.snapshot.data * 1e9)),
        }
        return replace(record, **(known | fields))

    def _report(self, record: RunRecord, event: RunEvent) -> None:
        for observer in self._observers:
            observer(record, event)

    def _open_number(self) -> int | None:
        record = self.snapshot.open_run
        return None if record is None else record.number


def joined(*sentences: str) -> str:
    """The sentences that are not empty, as one text."""
    return " ".join(filter(None, sentences))

"""What is written of runs: their numbers, their records, and what operators say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from daqpv.core import CLOCK, Clock, Device, Events, EventSeverity, Pulse, Store, origin
from daqpv.core.timing.utc import clock_text
from daqpv.errors import RefusedError, StoreError
from daqpv.runs import attendance
from daqpv.runs.record.fields import RunField, formatted
from daqpv.runs.record.last_seen import as_last_seen, facts
from daqpv.runs.record.numbers import Numbers
from daqpv.runs.record.records import (
    WRITTEN,
    History,
    RunChange,
    RunRecord,
    RunSize,
)
from daqpv.runs.snapshot import RunSnapshot
from daqpv.runs.states import Entry, RunClass, RunEvent, RunState

HISTORY_RETRY = 5.0  # [s] between two tries to read the runs of before
KEPT = 3.0  # [s] for what was written to be on the disk
_BEGAN_EARLIER = "daqpv was restarted while it was started: it began earlier."
LONG_NOTE = 4000  # characters of a note; nothing more is noted of clock and process

_WITH_A_RUN = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.STOPPING})

Kept = Callable[..., Awaitable[bool]]

Observer = Callable[[RunRecord, RunEvent], None]


class Books(Device[RunSnapshot]):
    """The books of the run control.

    Args:
        snapshot: what it was before a restart.
        events: where events go.
        prefix: of its PVs.
        store: keeps the records; None: nobody does.
        history: reads the runs of before from the store.
        pulse: notes each second that the open run is seen; None: nothing does.
        kept: waits until what was written so far would survive a kill, at most for
            `timeout` [s], and says whether it would.
        sorts: whether the files of a run are to be moved when it has ended.
        clock: gives all its times.
    """

    def __init__(  # noqa: PLR0913 - it joins all that books are about
        self,
        snapshot: RunSnapshot,
        *,
        events: Events,
        prefix: str,
        store: Store | None,
        history: Callable[[], Awaitable[History]] | None,
        sorts: bool,
        pulse: Pulse | None = None,
        kept: Kept | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        super().__init__("Run", snapshot, events=events, prefix=prefix, clock=clock)
        self._store = store
        self._read_history = history
        self._sorts = sorts
        self._pulse = pulse
        self._kept = kept
        self._numbers = Numbers()
        self._recorded = 0.0  # when the open run was written last [loop]
        self._observers: list[Observer] = []
        self._restore(snapshot)

    def _restore(self, snapshot: RunSnapshot) -> None:
        """Show what is known of runs before the servers are seen.

        A kill may come between any two changes of the settings.
        """
        opened, closed, state = snapshot.open_run, snapshot.closed_run, snapshot.state
        if opened:
            beat = None if self._pulse is None else self._pulse.last()
            opened = as_last_seen(opened, beat, now=self.clock.time())
            self._numbers.use([opened.number])
            self.change(
                replace(
                    self.snapshot,
                    open_run=opened,
                    number=opened.number,
                    start=opened.start,
                    duration=max(opened.seen - opened.start, 0.0),
                    live_time=opened.live_time,
                )
            )
            if state is RunState.STARTING:  # killed when it had taken its number
                self.change(replace(self.snapshot, state=RunState.RUNNING))
        elif closed:
            self._show_last(closed)
        if opened and closed and opened.number == closed.number:
            self._leave(closed)  # killed in the moment of its end
        if self.snapshot.open_run is None and state in _WITH_A_RUN:
            self.change(replace(self.snapshot, state=RunState.STOPPED))

    def observe(self, observer: Callable[[RunRecord, RunEvent], None]) -> None:
        """Call `observer(record, event)` when a run begins (STARTED) and ends.

        And when it goes on after a restart, with what was found; its entry is OPEN.
        It is told on the event loop, before the command that does it has ended. What it
        keeps at the end of a run comes to the store before the record that closes it;
        so if that was cut off by a kill, the end is told again after the restart.
        """
        self._observers.append(observer)

    def keep(self, record: Any) -> None:
        """Have the store keep a record, if there is one."""
        if self._store is not None:
            self._store.add(record)

    async def settled(self, *, timeout: float = KEPT) -> None:
        """Wait until what was written would survive a kill, at most `timeout` [s].

        If neither the store nor the disk takes it, they say so; nobody waits then.
        """
        if self._kept is not None:
            await self._kept(timeout=timeout)

    # What people say of a run

    async def stop_after(self, duration: float) -> None:
        """Stop each run after `duration` [s]; 0: never by itself."""
        self.change(replace(self.snapshot, auto_stop=duration))

    async def number_next(self, number: int) -> None:
        """Choose the number of the next run.

        Raises:
            RefusedError: it was used, or is being taken now.
        """
        what, why = f"number the next run {number}", ""
        if self.snapshot.state is RunState.STARTING:
            why = "A run is being started and takes its number. Wait until it runs."
        elif number in self._numbers:
            free = self._numbers.free_from(number)
            why = f"There is a run {number} already. {free} is free."
        if why:
            error = RefusedError(why)
            self.refuse(what, error)
            raise error
        self.change(replace(self.snapshot, next_number=number))

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

    # The record of the open run

    def _open(self, event: RunEvent, configs: str) -> None:
        """Take the number: all servers are Running."""
        snapshot, now = self.snapshot, self.clock.time()
        number = snapshot.next_number
        written: dict[str, Any] = {
            one.name: formatted(getattr(snapshot, one.name)) for one in WRITTEN
        }
        record = RunRecord(
            number=number,
            entry=Entry.OPEN,
            start=now,
            seen=now,
            **written,
            config=configs,
            note=_joined(
                "" if event is RunEvent.STARTED else _BEGAN_EARLIER, self._unusual()
            ),
        )
        self._numbers.use([number])
        self.change(
            replace(
                self.snapshot,
                open_run=record,
                number=number,
                next_number=self._numbers.after(number),
                start=now,
                stop=None,
                duration=0.0,
                live_time=0.0,
                taking=tuple(dict.fromkeys((*snapshot.taking, *self._taking()))),
                gaps=(),
            )
        )
        self._record(record)
        text = f"Run {number} has started: {record.title}".rstrip(": ")
        self.say("run started", text, is_good=True)
        self._tell(record, event)

    def _take_up(self, event: RunEvent, *, goes_on: bool) -> None:
        """Take up a run that was open when daqpv ended, though it may have failed."""
        record = self.snapshot.open_run
        assert record is not None
        gap = max(self.clock.time() - record.seen, 0.0)
        was_running = self.snapshot.state is RunState.RUNNING
        ran = was_running and event is RunEvent.FOUND_RUNNING
        self.change(
            replace(
                self.snapshot,
                stop=None,
                duration=max(self.clock.time() - record.start, 0.0),
                live_time=record.live_time + (gap if ran else 0.0),
                next_number=self._next_from(
                    max(self.snapshot.next_number, record.number)
                ),
            )
        )
        seen = clock_text(record.seen)
        self._annotate(record, f"daqpv was away from {seen} UTC for {gap:.0f} s.")
        self._tell(self.snapshot.open_run or record, event)
        word = "goes on" if goes_on else "is still open"
        text = f"Run {record.number} {word}; daqpv was away for {gap:.0f} s"
        self.say("run goes on", text, is_good=False, away=round(gap, 1))

    def _close(self, entry: Entry, note: str, event: RunEvent) -> None:
        """Close the open run.

        A kill may come between any two of these steps, and each is kept in this order:
        a run that is closed in the store has all that belongs to its end, and what the
        settings know of an end is told to the store after a restart (`_mend`).
        """
        record = self.snapshot.open_run
        assert record is not None
        stop = record.seen if event is RunEvent.FOUND_STOPPED else self.clock.time()
        stop = max(stop, record.start)
        note = _joined(self._with_gaps(record).note, note)
        closed = self._as_known(record, entry=entry, stop=stop, note=note)
        self._tell(closed, event)
        self.change(replace(self.snapshot, closed_run=closed))
        self.keep(closed)
        self._leave(closed)
        word = "ended" if entry is Entry.ENDED else f"ended: {entry}. {note}"
        is_good = entry is Entry.ENDED
        after = f" after {self.snapshot.duration_text}" if is_good else ""
        self.say(
            "run ended",
            f"Run {record.number} has {word}{after}",
            is_good=is_good,
            number=record.number,
            duration=round(stop - record.start, 1),
        )

    def say(self, name: str, text: str, *, is_good: bool, **facts: Any) -> None:
        """Tell of the run where it is looked for: in its Message and as an event."""
        severity = EventSeverity.INFORMATION if is_good else EventSeverity.WARNING
        self.change(replace(self.snapshot, message=text))
        self.emit(name, text, severity=severity, **facts)

    def _leave(self, closed: RunRecord) -> None:
        """No run is open any more; the files of the last one have yet to be moved."""
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
        """Write down how much data the files of the last run have [bytes]."""
        record = self.snapshot.closed_run
        if record is not None and record.number == number and size >= record.data:
            record = replace(record, data=size)
            self.change(replace(self.snapshot, closed_run=record))
            self.keep(RunSize(number=number, data=size))

    def _record(self, record: RunRecord, **fields: Any) -> None:
        """Write down what is known of the open run now."""
        record = self._as_known(record, **fields)
        self._recorded = asyncio.get_running_loop().time()
        self.change(replace(self.snapshot, open_run=record))
        self.keep(self._with_gaps(record))
        self._beat(record)

    def _beat(self, record: RunRecord) -> None:
        """Note that the open run is still seen."""
        if self._pulse is not None:
            self._pulse.beat(facts(record))

    def _annotate(self, record: RunRecord, text: str, **fields: Any) -> None:
        """Write down something unusual of the open run, and its `fields`."""
        note = record.note
        if len(note) < LONG_NOTE:
            note = _joined(note, text)
        self._record(record, note=note, **fields)

    def _with_gaps(self, record: RunRecord) -> RunRecord:
        """`record` of the open run with its gaps in the note, as the store has it."""
        gaps = attendance.note(self.snapshot.gaps)
        return replace(record, note=_joined(record.note, gaps))

    def _unusual(self) -> str:
        """Hook: what the note of the run that begins has to say, in sentences."""
        return ""

    def _taking(self) -> tuple[str, ...]:
        """Hook: names of those that have a part in the run that begins."""
        return ()

    def _as_known(self, record: RunRecord, **fields: Any) -> RunRecord:
        """`record` of the open run as it is now, with `fields`."""
        known = {
            "seen": max(self.clock.time(), record.seen),
            "live_time": self.snapshot.live_time,
            "data": max(record.data, round(self.snapshot.data * 1e9)),
        }
        return replace(record, **(known | fields))

    def _tell(self, record: RunRecord, event: RunEvent) -> None:
        for observer in self._observers:
            observer(record, event)

    def _open_number(self) -> int | None:
        record = self.snapshot.open_run
        return None if record is None else record.number

    def _next_from(self, number: int) -> int:
        """`number`, or the one after it that no run has."""
        return self._numbers.after(number - 1)

    def _show_last(self, last: RunRecord) -> None:
        """Show the last run; none is open."""
        self.change(
            replace(
                self.snapshot,
                number=last.number,
                start=last.start,
                stop=last.stop,
                duration=max((last.stop or last.seen) - last.start, 0.0),
                live_time=last.live_time,
            )
        )

    async def _learn(self, read: Callable[[], Awaitable[History]]) -> None:
        """Read the numbers of the runs of before, as soon as the store can say."""
        while True:
            try:
                history = await read()
                break
            except StoreError:
                await asyncio.sleep(HISTORY_RETRY)
        self._numbers.use(history.numbers)
        self._mend(history)
        last, known = history.last, self.snapshot
        is_newer = last and (known.start is None or last.start > known.start)
        if last and is_newer and known.open_run is None:
            self._show_last(last)
        if known.next_number in self._numbers:
            self.change(
                replace(
                    self.snapshot,
                    next_number=self._numbers.after(self._numbers.highest),
                )
            )

    def _mend(self, history: History) -> None:
        """Write how the last run has ended, if the store does not know.

        A kill may come when the settings have it and the store does not yet. What it
        knows of a run is not written again: somebody may have edited it.
        """
        last, closed = history.last, self.snapshot.closed_run
        ended = set(history.numbers)
        if last is not None and last.entry is Entry.OPEN:
            ended.discard(last.number)
        if closed is not None and closed.number not in ended:
            self._tell(closed, RunEvent.FOUND_STOPPED)
            self.keep(closed)
            ended.add(closed.number)
        if last is not None and last.number not in {*ended, self._open_number()}:
            note = _joined(last.note, "How it ended is not known.")
            self.keep(replace(last, entry=Entry.INTERRUPTED, stop=last.seen, note=note))


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))

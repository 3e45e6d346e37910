"""Begins and ends the records of runs, and gives each run its number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from daqpv.core.timing.utc import clock_text
from daqpv.errors import RefusedError, StoreError
from daqpv.runs.record.fields import formatted
from daqpv.runs.record.keeper import RecordKeeper, joined
from daqpv.runs.record.last_seen import as_last_seen
from daqpv.runs.record.numbers import Numbers
from daqpv.runs.record.records import WRITTEN, History, RunRecord
from daqpv.runs.snapshot import RunSnapshot
from daqpv.runs.states import Entry, RunEvent, RunState

HISTORY_RETRY = 5.0  # [s] between two tries to read the earlier runs
_BEGAN_EARLIER = "daqpv was restarted while it was started: it began earlier."

_WITH_A_RUN = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.STOPPING})


class Books(RecordKeeper):
    """Begins and ends the records of runs, by their numbers in the store.

    Args:
        snapshot: what it was before a restart.
        history: reads the earlier runs from the store.
        keeper: more arguments of `RecordKeeper`.
    """

    def __init__(
        self,
        snapshot: RunSnapshot,
        *,
        history: Callable[[], Awaitable[History]] | None,
        **keeper: Any,
    ) -> None:
        super().__init__(snapshot, **keeper)
        self._read_history = history
        self._numbers = Numbers()
        self._restore(snapshot)

    def _restore(self, snapshot: RunSnapshot) -> None:
        """Restore the snapshot, before the states of the servers are known.

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
            self._leave(closed)  # killed at its end
        if self.snapshot.open_run is None and state in _WITH_A_RUN:
            self.change(replace(self.snapshot, state=RunState.STOPPED))

    # Puts of operators

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
            note=joined(
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
        self._report(record, event)

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
        self._report(self.snapshot.open_run or record, event)
        word = "goes on" if goes_on else "is still open"
        text = f"Run {record.number} {word}; daqpv was away for {gap:.0f} s"
        self.say("run goes on", text, is_good=False, away=round(gap, 1))

    def _close(self, entry: Entry, note: str, event: RunEvent) -> None:
        """Close the open run.

        A kill may come between any two of these steps, and each is kept in this order:
        a run that is closed in the store has all that belongs to its end, and what the
        settings have of an end is written to the store after a restart (`_mend`).
        """
        record = self.snapshot.open_run
        assert record is not None
        stop = record.seen if event is RunEvent.FOUND_STOPPED else self.clock.time()
        stop = max(stop, record.start)
        note = joined(self._with_gaps(record).note, note)
        closed = self._as_known(record, entry=entry, stop=stop, note=note)
        self._report(closed, event)
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

    def _unusual(self) -> str:
        """Hook: sentences for the note of the run that begins."""
        return ""

    def _taking(self) -> tuple[str, ...]:
        """Hook: names of the members that take part in the run that begins."""
        return ()

    def _next_from(self, number: int) -> int:
        """`number`, or the next one that no run has."""
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
        """Read the numbers of the earlier runs, as soon as the store answers."""
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
        """Write the end of the last run, if the store does not have it.

        A kill may come when the settings have it and the store does not yet. An end in
        the store is not written again: an operator may have edited it.
        """
        last, closed = history.last, self.snapshot.closed_run
        ended = set(history.numbers)
        if last is not None and last.entry is Entry.OPEN:
            ended.discard(last.number)
        if closed is not None and closed.number not in ended:
            self._report(closed, RunEvent.FOUND_STOPPED)
            self.keep(closed)
            ended.add(closed.number)
        if last is not None and last.number not in {*ended, self._open_number()}:
            note = joined(last.note, "How it ended is not known.")
            self.keep(replace(last, entry=Entry.INTERRUPTED, stop=last.seen, note=note))

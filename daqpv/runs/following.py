"""Follows the servers and routers, and changes the state of the run accordingly."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from daqpv.core import (
    STALL,
    Clocks,
    Condition,
    Cure,
    Events,
    EventSeverity,
    Origin,
    Store,
    origin,
    step_text,
)
from daqpv.core.timing.utc import clock_text
from daqpv.errors import DaqError
from daqpv.runs.attendance import moved
from daqpv.runs.attending import Attending
from daqpv.runs.checks import storages_in_use
from daqpv.runs.detector import Detector, Storage
from daqpv.runs.record.records import SEEN_PERIOD, History, RunRecord
from daqpv.runs.settings import OnLoss, RunSettings
from daqpv.runs.snapshot import RunSnapshot, first_full
from daqpv.runs.sorting import Sorter
from daqpv.runs.states import OPEN, RESET_FIRST, TABLE, Entry, RunEvent, RunState

PERIOD = 1.0  # [s] period of the durations, and of the pulse of an open run
SUM_PERIOD = 0.2  # [s] least time between two changes of the routers' sums

_TAKEN = (RunState.RUNNING, RunState.PAUSED, RunState.STOPPED)


class Following(Attending):
    """A run that follows its servers and routers.

    Args:
        detector: the ECC servers.
        storages: the data routers.
        settings: of the experiment file.
        events: where events go.
        prefix: of its PVs.
        snapshot: what it was before a restart; a run that was open then is taken up.
        store: keeps the records of runs; None: they are not kept.
        history: reads the earlier runs from the store.
        books: more arguments of `Books`.
    """

    def __init__(  # noqa: PLR0913 - it joins all that a run is about
        self,
        *,
        detector: Detector,
        storages: Sequence[Storage],
        settings: RunSettings,
        events: Events,
        prefix: str = "",
        snapshot: RunSnapshot,
        store: Store | None = None,
        history: Callable[[], Awaitable[History]] | None = None,
        **books: Any,
    ) -> None:
        super().__init__(
            detector,
            storages,
            snapshot=snapshot,
            events=events,
            prefix=prefix,
            store=store,
            history=history,
            sorts=settings.sort,
            **books,
        )
        self._settings = settings
        self._tasks: asyncio.TaskGroup | None = None
        self._summed = -math.inf  # when the routers were summed up last [loop]
        self._clocks = Clocks(self.clock)  # when time was counted last
        self.change(
            replace(
                self.snapshot,
                online=True,
                condition=Condition.OK,
                message=self._greeting(),
            )
        )
        detector.watch(self._seen_of_detector)
        for storage in self._storages:
            storage.watch(self._seen_of_storage)
        self._sorter = Sorter(self._storages, self)

    async def run(self) -> None:
        """Follow the servers and routers, and write the records, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                if self._read_history is not None:
                    tasks.create_task(self._learn(self._read_history))
                self._update()
                self._sorter.start(tasks)
                while True:
                    await asyncio.sleep(PERIOD)
                    self._tick()
            finally:
                self._tasks = None  # nothing is sent any more

    # What happens

    def _happens(self, event: RunEvent, *, why: str = "") -> None:
        """Handle `event` by the table; `why`: the reason of a failure, a sentence."""
        row = TABLE[self.snapshot.state, event]
        assert row.after is not None, (self.snapshot.state, event)
        self._count_time()
        if row.after is RunState.STOPPED is not self.snapshot.state:
            self._remember_left()
        begins = row.entry is Entry.OPEN and self.snapshot.open_run is None
        if begins:
            self._open(event, self._detector.configs)
        elif row.entry is Entry.OPEN:
            self._take_up(event, goes_on=row.after in OPEN)
        elif row.entry is not None and self.snapshot.open_run is not None:
            self._close(row.entry, row.why, event)
        failure = why if row.after is RunState.FAILED else ""
        changes = row.after is not self.snapshot.state
        self.change(
            replace(
                self.snapshot,
                known=True,
                state=row.after,
                failure=failure,
                step="",
                progress=0.0,
            )
        )
        if changes and row.entry is None and self.snapshot.open_run is not None:
            self._record(self.snapshot.open_run)  # seen until now, in any case
        for storage in self._storages:
            storage.expect_data(row.after is RunState.RUNNING)
        if self._tasks is not None:
            self._sorter.start(self._tasks)
        self._update()

    # What is seen

    def _greeting(self) -> str:
        record = self.snapshot.open_run
        if record is None:
            return "No run is open"
        return f"Run {record.number} was open: waits for the states of the servers"

    def _tick(self) -> None:
        """Count time, stop after AutoStop, and record that the run is still open."""
        self._count_time()
        self._update()
        snapshot, record = self.snapshot, self.snapshot.open_run
        if record is None or not snapshot.known:
            return
        age = asyncio.get_running_loop().time() - self._recorded
        if age > min(SEEN_PERIOD, snapshot.duration / 2):
            self._record(record)
        else:
            self._beat(self._as_known(record))
        if 0 < snapshot.auto_stop <= self.snapshot.duration:
            self._stop_by_itself(f"AutoStop after {snapshot.auto_stop:g} s")

    def _count_time(self) -> None:
        """Count the time since the last call, by the monotonic clock."""
        passed = self._clocks.look()
        if passed.step and self.snapshot.open_run is not None:
            self._move_times(self.snapshot.open_run, passed.step)
        record, state = self.snapshot.open_run, self.snapshot.state
        if record is None or not self.snapshot.known:
            return
        self.change(
            replace(self.snapshot, duration=self.snapshot.duration + passed.seconds)
        )
        if state is RunState.RUNNING:
            self.change(
                replace(
                    self.snapshot, live_time=self.snapshot.live_time + passed.seconds
                )
            )
        if passed.seconds > STALL:
            until = f"{clock_text(self.clock.time())} UTC"
            text = f"daqpv stood still for {passed.seconds:.0f} s until {until}."
            self._annotate(record, text)

    def _move_times(self, record: RunRecord, step: float) -> None:
        """Move all times of the open run to a clock that was set."""
        self.change(
            replace(
                self.snapshot,
                start=record.start + step,
                gaps=moved(self.snapshot.gaps, step),
            )
        )
        now = clock_text(self.clock.time())
        self._annotate(
            record,
            f"The clock was set {step_text(step)} at {now} UTC; "
            "all times of the run are by the new one.",
            start=record.start + step,
            seen=record.seen + step,
        )

    def _stop_by_itself(self, why: str) -> None:
        if self.snapshot.state in OPEN and self.running is None and self._tasks:
            self.emit("run stops by itself", why, severity=EventSeverity.WARNING)
            self._tasks.create_task(self._stop_as(Origin(user="daqpv", host="Run")))

    async def _stop_as(self, by: Origin) -> None:
        """Stop, and leave the result to the PVs and the events."""
        origin.set(by)
        with suppress(DaqError):
            await self.stop()

    def _seen_of_detector(self, snapshot: Any, changed: Collection[str]) -> None:
        if self.snapshot.state in (RunState.STARTING, RunState.STOPPING):
            step, progress = getattr(snapshot, "step", ""), snapshot.progress
            self._show_step(step, progress)
        if changed:
            self._update()

    def _show_step(self, step: str, progress: float = 0.0) -> None:
        self.change(replace(self.snapshot, step=step, progress=progress))

    def _seen_of_storage(self, snapshot: Any, changed: Collection[str]) -> None:
        if changed:
            self._update()
        if "growing" in changed and snapshot.growing and self.running is None:
            self.change(
                replace(self.snapshot, message=f"Sorting waits. {self._sorter.why_not}")
            )

    def _update(self) -> None:
        """Update the snapshot from the servers and routers."""
        if self._tasks is None:
            return
        if not self.snapshot.known:
            self._find()
        elif self.running is None and self.snapshot.state in OPEN:
            self._follow()
        used = [one.snapshot for one in storages_in_use(self._storages)]
        self._sum_up(used)
        self.change(
            replace(
                self.snapshot,
                disk_time_left=first_full([one.disk_time_left for one in used]),
                allowed=self._allowed(),
            )
        )
        self._attend()
        self._judge()
        self._sorter.start(self._tasks)
        lost = self._lost_servers()
        if lost and self._settings.on_loss is OnLoss.STOP:
            self._stop_by_itself(f"on_loss: stop. {'; '.join(lost)}")

    def _sum_up(self, used: Sequence[Any]) -> None:
        """Sum up the routers in use, of which `used` are the snapshots.

        A dozen routers change once a second each: without a limit the sums would change
        faster than an archiver takes them (ten times a second). A change that comes
        sooner is in the sums of the next tick.
        """
        now = asyncio.get_running_loop().time()
        if now - self._summed < SUM_PERIOD:
            return
        self._summed = now
        self.change(
            replace(
                self.snapshot,
                rate=sum(one.rate for one in used if math.isfinite(one.rate)) / 1e6,
                data=sum(one.bytes for one in used) / 1e9,
                files=sum(one.files for one in used),
            )
        )

    def _follow(self) -> None:
        """Handle changes of the servers that this run did not command."""
        detector, state = self._detector, self.snapshot.state
        if detector.troubled:
            return  # a server that does not answer may not have stopped
        if state is RunState.RUNNING and detector.is_paused:
            self._happens(RunEvent.SEEN_PAUSED)
        elif state is RunState.PAUSED and detector.is_running:
            self._happens(RunEvent.SEEN_RUNNING)
        elif not detector.takes_data and detector.is_settled:
            self._attend()  # the note has their states of this moment
            self._happens(RunEvent.SEEN_STOPPED)

    def _find(self) -> None:
        """After a restart: take up the run that was open, or close it."""
        detector = self._detector
        if not detector.is_settled:
            return
        was = self.snapshot
        if was.state is RunState.STOPPED:
            self.change(replace(self.snapshot, known=True))
            return
        if detector.is_running:
            event = RunEvent.FOUND_RUNNING
        elif detector.is_paused:
            event = RunEvent.FOUND_PAUSED
        elif detector.takes_data or detector.troubled:
            event = RunEvent.FOUND_MIXED
        else:
            event = RunEvent.FOUND_STOPPED
        what = "; ".join(detector.troubled) or "some servers take data"
        why = f"It was {was.state.label} when daqpv ended, and now {what}."
        self._happens(event, why=was.failure or why)
        if self.snapshot.state is RunState.FAILED:
            self.failed("run found failed", self._words(RESET_FIRST))

    def _words(self, text: str) -> str:
        number = self._open_number()
        run = "The run" if number is None else f"Run {number}"
        return text.format(
            run=run,
            pv=self.prefix,
            failure=self.snapshot.failure,
            start=Cure(self.prefix, "Start", 1),
            stop=Cure(self.prefix, "Stop", 1),
            reset=Cure(self.prefix, "Reset", 1),
        )

    def _allowed(self) -> int:
        """Bit n: a put of State n is allowed now."""
        if not self.snapshot.known:
            return 1 << RunState.STOPPED
        events = {RunState.STOPPED: RunEvent.STOP, RunState.PAUSED: RunEvent.PAUSE}
        resumes = self.snapshot.state is RunState.PAUSED
        events[RunState.RUNNING] = RunEvent.RESUME if resumes else RunEvent.START
        bits = 0
        for state in _TAKEN:
            is_free = state is RunState.STOPPED or self.running is None
            row = TABLE[self.snapshot.state, events[state]]
            bits |= (is_free and row.after is not None) << state
        return bits

    async def stop(self) -> None:
        """Stop all servers that take data, and close the run."""
        raise NotImplementedError

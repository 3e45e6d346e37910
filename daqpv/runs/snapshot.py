"""Defines the snapshot of the run control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from daqpv.core import (
    NO_ALARM,
    UNDEFINED,
    Alarm,
    DeviceSnapshot,
    Severity,
    Status,
    made_from,
)
from daqpv.core.timing.utc import utc_text
from daqpv.errors import sentence
from daqpv.runs.attendance import Gap
from daqpv.runs.record.fields import Written
from daqpv.runs.record.records import Owed, RunRecord
from daqpv.runs.states import RunClass, RunState

LONGEST = 9999.0
"""Disks that last at least so long [h]: at the present rate none fills."""


def first_full(left: Sequence[float]) -> float:
    """Time until the first disk is full [h], from `left` [s]; NaN: not known."""
    if not left:
        return LONGEST
    return min(filter(math.isfinite, left), default=math.nan) / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot(Written, DeviceSnapshot):
    """The open run, or the last one, and the operator's texts for the next.

    Attributes:
        state: of the run control.
        open_run: the record of the open run; None: no run is open.
        closed_run: the record of the last run that was closed.
        failure: why state is Failed; "" if it is not.
        number: of the open or the last run; -1 if there was none.
        next_number: number of the next run.
        start: of that run, UTC [s since 1970]; None if there was none.
        stop: of it; None while it is open.
        duration: of it [s].
        live_time: of it, without pauses [s].
        kind: class of the open run, else of the next.
        auto_stop: time after which a run stops by itself [s]; 0: never.
        experiment: its name, part of directories.
        rate: of all routers [MB/s].
        data: in staging of all routers [GB]; so files.
        disk_time_left: of the router that is full first, at this rate [h]; 9999: none
            fills; NaN: not known.
        sorting: files of a run are being moved to its directory.
        unsorted: numbers of the runs whose files have yet to be moved.
        owed: files at routers that were disabled when they should be sorted.
        writers: names of the routers that took part in the last run.
        taking: names of the members that take part in the open run.
        gaps: times in which one of them took no part.
        troubled: members that take no part in the open run now, with their states.
        silent: routers without new data in the open run.
        left: disabled servers that took data at their last poll.
        stray: servers that take data though no run is open.
        advice: the present faults, with the cures; "" without a fault.
        filling: routers whose disk is soon full in the open run, with the time.
        rival: the other process that serves the same devices; "": none.
        step: the present step.
        progress: of it [%].
        allowed: bit n: a put of State n is allowed now.
    """

    judging: ClassVar[frozenset[str]] = DeviceSnapshot.judging | {
        "state", "troubled", "silent", "left", "stray", "filling",
        "rival",
    }  # fmt: skip
    judged: ClassVar[frozenset[str]] = frozenset({"state", "result"})

    state: RunState = RunState.STOPPED
    failure: str = ""
    open_run: RunRecord | None = None
    closed_run: RunRecord | None = None
    number: int = -1
    next_number: int = 1
    start: float | None = None
    stop: float | None = None
    duration: float = 0.0
    live_time: float = 0.0
    kind: RunClass = RunClass.TESTING
    auto_stop: float = 0.0
    experiment: str = ""
    rate: float = 0.0
    data: float = 0.0
    files: int = 0
    disk_time_left: float = LONGEST
    sorting: bool = False
    unsorted: tuple[int, ...] = ()
    owed: tuple[Owed, ...] = ()
    writers: tuple[str, ...] = ()
    taking: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    troubled: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    advice: str = ""
    filling: tuple[str, ...] = ()
    rival: str = ""
    step: str = ""
    progress: float = 0.0
    allowed: int = 0

    @property
    @made_from("message", "advice")
    def message_text(self) -> str:
        """The message and the faults, which it never hides."""
        if not self.advice or self.advice in self.message:
            return self.message
        return f"{sentence(self.message)} {self.advice}"

    @property
    @made_from("start")
    def start_text(self) -> str:
        """When the run began, UTC text."""
        return "" if self.start is None else utc_text(self.start)

    @property
    @made_from("stop")
    def stop_text(self) -> str:
        """When the run ended, UTC text."""
        return "" if self.stop is None else utc_text(self.stop)

    @property
    @made_from("duration")
    def duration_text(self) -> str:
        """For how long the run has lasted: hours, minutes, seconds; "100:00:00"."""
        minutes, seconds = divmod(int(self.duration), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"

    @property
    def spoilt(self) -> str:
        """The faults, in a run or without one; "" without a fault."""
        found = [*self.troubled]
        if self.silent:
            found.append(f"No data: {', '.join(self.silent)}")
        found += [*self.filling]
        if self.left:
            found.append(
                f"{', '.join(self.left)} disabled while Running: may still take data"
            )
        if self.stray:
            found.append(f"Data without a run: {', '.join(self.stray)}")
        if self.rival:
            found.append(self.rival)
        return "; ".join(found)

    def alarm(self, field: str) -> Alarm:
        """The alarm of the run: MAJOR if it has failed, MINOR if it is disturbed."""
        if field != "state":
            return DeviceSnapshot.alarm(self, field)
        if not self.known:
            return UNDEFINED
        if self.state is RunState.FAILED:
            return Alarm(Severity.MAJOR, Status.STATE, "failed: Stop or Reset")
        if self.spoilt:
            return Alarm(Severity.MINOR, Status.STATE, self.spoilt)
        return NO_ALARM

"""The daqpv process as a device: load, memory, clients, blocked event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import ClassVar

from daqpv.core import (
    AHEAD,
    CLOCK,
    NO_ALARM,
    Alarm,
    Clock,
    Clocks,
    Events,
    EventSeverity,
    Folding,
    Severity,
    Shown,
    Snapshot,
    Status,
    step_text,
)
from daqpv.core.timing.utc import utc_text

PERIOD = 1.0  # [s] distance of two readings
STANDING = 5.0  # [s] that a process stands still before it reports that
CULPRITS = 5  # culprits of long blocks that are reported singly within a minute
LONG = 1.0  # [s] that clients have to wait before it matters to the shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of the process, from the operating system and the PV server.

    Attributes:
        clients: CA clients (circuits).
        connections: CA channels of all clients.
        records: PVs served.
        open_files: file descriptors in use.
        system_load: of all processors [%].
        load: of one processor, by this process [%].
        memory: resident [bytes].
        loop_delay: the longest time since the last reading for which the event loop
            was blocked [s].
    """

    clients: int
    connections: int
    records: int
    open_files: int
    system_load: float
    load: float
    memory: int
    loop_delay: float


@dataclass(frozen=True, kw_only=True)
class ProcessSnapshot(Snapshot):
    """A daqpv process: constants of its life, and its figures of the last second.

    Attributes:
        heartbeat: readings since the start.
        started: UTC text.
        now: UTC text.
        uptime: "3 days, 4:05:06".
        loop_delay: the longest time in the last second for which the event loop
            was blocked [s].
        simulated: whether the hardware is simulated: a demo must not be taken for a
            real experiment.
        duplicate: whether another process serves devices of this one, too.
        clock_offset: by how much the clock of another process of the experiment is
            ahead of ours, of those that differ most [s].
        file: a hash of the experiment file, without the parts that may differ.
        file_differs: whether another process has another one.
    """

    judged: ClassVar[frozenset[str]] = frozenset(
        {"simulated", "duplicate", "file_differs"}
    )

    heartbeat: int = 0
    started: str = ""
    now: str = ""
    uptime: str = ""
    loop_delay: float = 0.0
    clients: int = 0
    connections: int = 0
    open_files: int = 0
    system_load: float = 0.0
    load: float = 0.0
    memory: int = 0
    records: int = 0
    hostname: str = ""
    process_id: int = 0
    version: str = ""
    simulated: bool = False
    duplicate: bool = False
    clock_offset: float = 0.0
    file: str = ""
    file_differs: bool = False

    def alarm(self, field: str) -> Alarm:
        """A simulation is MINOR; differences between processes are MAJOR."""
        if field == "duplicate" and self.duplicate:
            return Alarm(Severity.MAJOR, Status.STATE, "served twice")
        if field == "file_differs" and self.file_differs:
            return Alarm(Severity.MAJOR, Status.STATE, "files differ")
        if field == "simulated" and self.simulated:
            return Alarm(Severity.MINOR, Status.STATE, "nothing here is real")
        return NO_ALARM


class Process(Shown[ProcessSnapshot]):
    """This process."""

    def __init__(
        self,
        name: str,
        measure: Callable[[], Figures],
        *,
        snapshot: ProcessSnapshot,
        events: Events,
        prefix: str = "",
        clock: Clock = CLOCK,
    ) -> None:
        super().__init__(name, snapshot, events=events, prefix=prefix, clock=clock)
        self._measure = measure
        self._wrong: dict[str, str] = {}  # faults by the name of their event
        self._clocks = Clocks(clock)
        self._age = 0.0  # [s]
        started = utc_text(self.clock.time())
        self.change(
            replace(
                self.snapshot,
                started=started,
            )
        )

    async def run(self) -> None:
        """Measure once a second until cancelled; a blocked loop skips beats."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        self.change(
            replace(
                self.snapshot,
                now=utc_text(self.clock.time()),
                uptime="0:00:00",
                **asdict(self._measure()),
            )
        )
        while True:
            await asyncio.sleep(PERIOD - (loop.time() - start) % PERIOD)
            self._read()

    def _read(self) -> None:
        passed = self._clocks.look()
        self._age += passed.seconds
        if passed.seconds > PERIOD + STANDING:
            self._stood_still(passed.seconds - PERIOD)
        if passed.step:
            self._clock_set(passed.step)
        self.change(
            replace(
                self.snapshot,
                heartbeat=self.snapshot.heartbeat + 1,
                now=utc_text(self.clock.time()),
                uptime=str(timedelta(seconds=int(self._age))),
                **asdict(self._measure()),
            )
        )

    def _stood_still(self, seconds: float) -> None:
        self.emit(
            "stood still",
            f"daqpv stood still for {seconds:.0f} s: no device was polled and no "
            "client answered. Was it stopped (SIGSTOP), its virtual machine paused, or "
            "the computer asleep or overloaded?",
            severity=EventSeverity.WARNING,
            duration=round(seconds, 1),
        )

    def _clock_set(self, step: float) -> None:
        self.emit(
            "clock set",
            f"The clock of {self.snapshot.hostname or 'this computer'} was set "
            f"{step_text(step)}: what was written before has times of the old one",
            severity=EventSeverity.WARNING,
            step=round(step, 3),
        )

    def rival(self, text: str) -> None:
        """Report that another process serves devices of this one; "": no more."""
        if not text and self.snapshot.duplicate:
            self.emit("duplicate over", "No other process serves its devices now")
        self._say("duplicate", text, severity=EventSeverity.ERROR)
        self.change(replace(self.snapshot, duplicate=bool(text)))

    def files(self, text: str) -> None:
        """Report that another process has another experiment file; "": no more."""
        self._say("files differ", text, severity=EventSeverity.ERROR)
        self.change(replace(self.snapshot, file_differs=bool(text)))

    def clocks(self, ahead: float, other: str) -> None:
        """Report how far the clock of another process is ahead of ours.

        Args:
            ahead: of those that differ most [s].
            other: which one that is.
        """
        text = ""
        if abs(ahead) > AHEAD:
            text = (
                f"The clock of {other} is {abs(ahead):.1f} s "
                f"{'ahead of' if ahead > 0 else 'behind'} ours. Set the clocks of both "
                "computers (NTP)."
            )
        is_new = bool(text) and "clock differs" not in self._wrong
        self._say("clock differs", text, severity=EventSeverity.WARNING, tell=is_new)
        self.change(replace(self.snapshot, clock_offset=round(ahead, 2)))

    def _say(
        self, name: str, text: str, *, severity: EventSeverity, tell: bool = True
    ) -> None:
        """Show a fault besides all others; with an event if it is new."""
        if text == self._wrong.get(name, ""):
            return
        if text:
            self._wrong[name] = text
        else:
            del self._wrong[name]
        if text and tell:
            self.emit(name, text, severity=severity)
        self.change(replace(self.snapshot, message=" ".join(self._wrong.values())))

    # -- blocks of the loop ------------------------------------------------------------

    def blocked(self, duration: float, where: str, task: str, maker: str = "") -> None:
        """Report that the event loop was blocked, and no client was answered meanwhile.

        A long block is a warning, for each culprit; short ones, of which a loaded
        computer has many, are one event together. Both are emitted at once, and once
        more after a minute if they went on.

        Args:
            duration: for how long [s].
            where: the innermost calls; "" if not known.
            task: the task that ran; "" if none.
            maker: kind and distribution, if it was code of a third party.
        """
        culprit = where.partition(" < ")[0] or "a call that was over too soon to see"
        is_long = duration >= LONG
        waited = f"{duration:.1f} s" if is_long else f"{1e3 * duration:.0f} ms"
        if maker:
            culprit += f" of {maker}"
        advice = ". If this comes again, report this line" if is_long else ""
        self.emit(
            "loop blocked",
            f"Clients waited {waited} for an answer: daqpv was busy in {culprit}"
            f"{f' (task {task})' if task else ''}{advice}",
            severity=EventSeverity.WARNING if is_long else EventSeverity.INFORMATION,
            folding=Folding(
                same=culprit if is_long else "short", singly=1, kinds=1 + CULPRITS
            ),
            duration=round(duration, 3),
            where=where,
            task=task,
        )

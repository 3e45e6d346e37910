"""A job: work in steps, with its progress, rate, remaining time, abort and outcome."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from daqpv.core.events.event import EventSeverity, Origin, origin
from daqpv.core.timing.clock import CLOCK, Clock
from daqpv.errors import AbortedError, CommandError, DaqError, ResultCode

PERIOD = 0.1  # [s] least distance of two reports of one step
LONG = 60.0  # [s] a job that lasts longer emits an event

_SAMPLE = 1.0  # [s] least distance of two samples of the rate
_SAMPLES = 60  # so that the rate is one of the last minute, not of the last burst
_FIRST = 3.0  # [s] from which on a rate is taken for one

Emit = Callable[[str, EventSeverity], None]
"""Emits the event of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        step: what is done, and how much of it: "Configure: CoBos, 7 of 10".
        done: units of work.
        total: units of work; 0: not known.
        rate: units per second, of the last minute; NaN: not known.
        remaining: until the end [s]; NaN: not known.
    """

    step: str = ""
    done: float = 0.0
    total: float = 0.0
    rate: float = math.nan
    remaining: float = math.nan

    @property
    def percent(self) -> float:
        """What is done of all [%]; 0 if the total is not known."""
        return 100 * self.done / max(self.total, self.done, 1) if self.total else 0.0

    def __str__(self) -> str:
        parts = [self.step] if self.step else []
        if self.total:
            parts.append(f"{self.percent:.0f} %")
        if not math.isnan(self.remaining):
            parts.append(f"{_duration(self.remaining)} left")
        return ", ".join(parts)


class Rate:
    """Units per second over the last minute, or since the beginning."""

    def __init__(self, now: float) -> None:
        self._samples = deque([(now, 0.0)], maxlen=_SAMPLES)

    def add(self, now: float, done: float) -> None:
        """Take in that `done` units were done at `now` [s]."""
        if now - self._samples[-1][0] >= _SAMPLE:
            self._samples.append((now, done))

    def at(self, now: float, done: float) -> float:
        """Units per second; NaN as long as it would be a guess."""
        since, before = self._samples[0]
        return (done - before) / (now - since) if now - since >= _FIRST else math.nan


class Job:
    """Work in steps, of which others can see how far it is, and which they can abort.

    ::

        with running(Job("copy the records", total=rows)) as job:
            for table in tables:
                step = job.step(table.name, table.rows)
                for page in pages(table):
                    job.check()
                    step.advance(len(page))

    Any thread may read `progress` and call `abort`: neither blocks.

    Args:
        what: in the imperative: "go to Ready".
        total: units of work; 0: not known.
        clock: by which it takes time.

    Attributes:
        by: the client that asked for it.
        done: units of work.
        error: why it has failed; None if it has not, or has not ended.
        outcome: how it ended; None while it runs.
        summary: of what it did, for its event; "": what, and how long it took.
    """

    def __init__(self, what: str, *, total: float = 0.0, clock: Clock = CLOCK) -> None:
        self.what = what
        self.total = total
        self.by: Origin | None = origin.get()
        self.done = 0.0
        self.error: DaqError | None = None
        self.outcome: ResultCode | None = None
        self.summary = ""
        self._clock = clock
        self._since = clock.monotonic()
        self._rate = Rate(self._since)
        self._step = Step(self, "", 0)
        self._aborted = ""
        self._show: Callable[[Progress], None] | None = None
        self._shown = -math.inf
        self._later: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def began(self) -> float:
        """When the job began, monotonic [s]."""
        return self._since

    @property
    def elapsed(self) -> float:
        """Time since the job began [s]."""
        return self._clock.monotonic() - self._since

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        now, done = self._clock.monotonic(), self.done
        rate = self._rate.at(now, done)
        is_known = self.total > done and rate > 0
        return Progress(
            step=str(self._step),
            done=done,
            total=self.total,
            rate=rate,
            remaining=(self.total - done) / rate if is_known else math.nan,
        )

    def watch(self, show: Callable[[Progress], None]) -> None:
        """Call `show` at each step and its end, and for progress each `PERIOD`.

        In an event loop, which job and `show` then belong to, the newest progress is
        never held back for longer; without one it waits for the next.
        """
        self._show = show
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    # What the work says

    def step(self, text: str, size: int = 0) -> Step:
        """Begin the next step: a text of it, and its units of work, if it has some."""
        self._step = Step(self, text, size)
        self._report()
        return self._step

    def advanced(self, units: float, *, is_whole: bool) -> None:
        """Say that `units` were done; called by the step."""
        self.done += units
        self._rate.add(self._clock.monotonic(), self.done)
        if is_whole or self._clock.monotonic() - self._shown >= PERIOD:
            self._report()
        elif self._loop is not None and self._later is None and not self.is_over:
            self._later = self._loop.call_later(PERIOD, self._report)

    def _report(self) -> None:
        self._forget()
        if self._show is not None and not self.is_over:
            self._shown = self._clock.monotonic()
            self._show(self.progress)

    def _forget(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    # Its end

    @property
    def is_aborted(self) -> bool:
        """Whether the job is to end before its next step."""
        return bool(self._aborted)

    @property
    def is_over(self) -> bool:
        """Whether the job has ended, however."""
        return self.outcome is not None

    def abort(self, why: str = "") -> None:
        """End the job before its next step; `why` is for its error: "new setpoint"."""
        by = origin.get()
        text = f"aborted by {by}" if by else "aborted"
        self._aborted = self._aborted or (f"{text}: {why}" if why else text)

    def check(self) -> None:
        """Return, unless the job was aborted; to be called before each step.

        Raises:
            AbortedError: the job was aborted.
        """
        if self._aborted:
            raise AbortedError(f"{self.what}: {self._aborted}")

    def end(self, error: BaseException | None) -> DaqError | None:
        """Keep the outcome; to be called once.

        Returns:
            The error as a sentence, whatever went wrong.
        """
        match error:
            case None | DaqError():
                self.error = error
            case Exception() | SystemExit():  # a bug: its traceback goes to the caller
                text = f"{self.what}: {type(error).__name__}: {error}"
                self.error = CommandError(text)
            case _:  # cancelled
                text = f"{self.what}: given up, because daqpv ends"
                self.error = AbortedError(text)
        self.outcome = ResultCode.of(
            error if isinstance(error, Exception) else self.error
        )
        self._forget()
        return self.error


class Step:
    """One step of a job.

    Attributes:
        done: units of its work.
    """

    def __init__(self, job: Job, text: str, size: int) -> None:
        self._job = job
        self._text = text
        self._size = size
        self.done = 0

    def advance(self, units: int = 1) -> None:
        """Say that so many units of work were done."""
        self.done += units
        self._job.advanced(units, is_whole=self.done == self._size)

    def __str__(self) -> str:
        of = f", {self.done:,} of {self._size:,}" if self._size else ""
        return f"{self._text}{of}"


@contextmanager
def running(job: Job, emit: Emit | None = None) -> Iterator[Job]:
    """Do `job` in the body: its end is kept, and one event says how it ended.

    A job that lasts longer than `LONG` emits one more after that time. One that had
    nothing to do, or is cancelled because daqpv ends, emits none.

    Args:
        job: the job.
        emit: emits the events, in the event loop; None: none are wanted.
    """
    begun = emit and asyncio.get_running_loop().call_later(LONG, _say_long, job, emit)
    try:
        yield job
    except BaseException as error:
        failure = job.end(error)
        if emit is not None and isinstance(error, Exception):
            emit(str(failure), _severity(job))
        raise
    else:
        job.end(None)
        if emit is not None and job.done:
            emit(_summary(job), EventSeverity.INFORMATION)
    finally:
        if begun is not None:
            begun.cancel()


def _say_long(job: Job, emit: Emit) -> None:
    far = str(job.progress)
    text = f"{_capital(job.what)}: {_duration(job.elapsed)} so far"
    emit(f"{text}. {far}" if far else text, EventSeverity.INFORMATION)


def _summary(job: Job) -> str:
    return job.summary or f"{_capital(job.what)}: done in {_duration(job.elapsed)}"


def _severity(job: Job) -> EventSeverity:
    mild = (ResultCode.ABORTED, ResultCode.REFUSED, ResultCode.BUSY)
    return EventSeverity.WARNING if job.outcome in mild else EventSeverity.ERROR


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _duration(seconds: float) -> str:
    """A duration as text: "30 s", "5 min", "2.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

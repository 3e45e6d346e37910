"""Schedules, and the task that calls a coroutine at their times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

from daqpv.core.timing.clock import CLOCK, Clock
from daqpv.core.timing.cron import DAY, Cron

EPOCH = datetime.fromtimestamp(0, UTC)

LOOK = 10.0  # [s] after which a clock that was set, or a suspend, is noticed


class Schedule(Protocol):
    """A value that says when to do something again.

    Attributes:
        is_civil: whether it goes by the wall clock, which may be set; else by the time
            that passes.
    """

    is_civil: ClassVar[bool]

    def next(self, after: datetime) -> datetime:
        """The first time after `after`, UTC."""


@dataclass(frozen=True, slots=True)
class After:
    """So long after the end of each call before.

    Args:
        delay: [s].
    """

    is_civil: ClassVar[bool] = False

    delay: float

    def next(self, after: datetime) -> datetime:
        """`delay` after `after`."""
        return after + timedelta(seconds=self.delay)


@dataclass(frozen=True, slots=True)
class Every:
    """Once in each period, however long a call lasts.

    Args:
        period: [s], at least 1 us.
        since: one of these times. Default: full minutes, for a period of 60 s.
    """

    is_civil: ClassVar[bool] = False

    period: float
    since: datetime = EPOCH

    def __post_init__(self) -> None:
        if not timedelta(seconds=self.period) > timedelta():
            raise ValueError(f"a period of {self.period:g} s is too short")

    def next(self, after: datetime) -> datetime:
        """The first time of the grid after `after`."""
        period = timedelta(seconds=self.period)
        return self.since + ((after - self.since) // period + 1) * period


def after(delay: float) -> After:
    """`delay` [s] after the end of each call before."""
    return After(delay)


def every(period: float, *, since: datetime = EPOCH) -> Every:
    """Every `period` [s], on a grid on which `since` is.

    Raises:
        ValueError: `period` is too short.
    """
    return Every(period, since)


def cron(text: str) -> Cron:
    """The minutes in UTC that five fields select: "0 4 * * *" is each day at 04:00.

    Raises:
        ValueError: `text` is no schedule of cron, in a sentence.
    """
    return Cron(text)


class ScheduledTask:
    """Calls a coroutine at the times of a schedule; the caller of `run` owns it.

    A time that is missed, because the computer was suspended, the event loop blocked,
    or the wall clock set ahead, leads to one call at once, however many were missed.
    Times that pass during a call are left out. A wall clock that is set back by up to a
    day repeats nothing; one that was further ahead had been wrong, and counts from now.

    Args:
        work: the coroutine function. An error that it raises ends `run`.
        schedule: when.
        clock: of the computer.

    Attributes:
        schedule: it may be replaced, and counts from the last call then.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        schedule: Schedule,
        *,
        clock: Clock = CLOCK,
    ) -> None:
        self.schedule = schedule
        self._work = work
        self._clock = clock
        self._steady, self._wall = clock.both()
        self._soon = asyncio.Event()

    def soon(self) -> None:
        """Call it at once, besides the schedule."""
        self._soon.set()

    async def run(self) -> None:
        """Call it at its times until cancelled."""
        last = self._now()
        while True:
            await self._until_due(last)
            last = max(self._believed(last), self._now())
            await self._work()
            last = max(self._believed(last), self._now())

    async def _until_due(self, last: datetime) -> None:
        """Wait for the first time after `last`, or for `soon`."""
        while not self._soon.is_set():
            last = self._believed(last)
            left = (self.schedule.next(last) - self._now()).total_seconds()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK)):
                    await self._soon.wait()
        self._soon.clear()

    def _believed(self, last: datetime) -> datetime:
        """`last`, or now if the clock that gave it was wrong."""
        now = self._now()
        return now if last - now > DAY else last

    def _now(self) -> datetime:
        """The time by which the schedule goes."""
        if self.schedule.is_civil:
            return datetime.fromtimestamp(self._clock.time(), UTC)
        passed = self._clock.steady() - self._steady
        return datetime.fromtimestamp(self._wall, UTC) + timedelta(seconds=passed)


def rest(period: float, elapsed: float) -> float:
    """How long to wait for the next poll; a timer that rang early makes no second one.

    Args:
        period: of the polls [s].
        elapsed: since any of those before [s].
    """
    left = period - elapsed % period
    return left if left > 0.01 * period else left + period

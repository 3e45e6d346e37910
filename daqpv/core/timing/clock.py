"""Reads the clocks of the computer, makes rising time stamps, and detects steps."""

from __future__ import annotations

import time
from typing import NamedTuple

AHEAD = 1.0  # [s] that a stamp may be ahead of our clock: computers differ a little

_TICK = 1e-6  # [s] least distance of two stamps: archivers refuse equal ones


STEP = 0.5  # [s] by which our clock must be set for us to call it a step
STALL = 5.0  # [s] for which a process must stand still to report it


class Clock:
    """The clocks of this computer. Tests pass one of their own to what they test.

    Waiting goes by the event loop: a test's loop has a time of its own, too.
    """

    def time(self) -> float:
        """Our wall clock, which may be set: UTC [s since 1970]."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that is never set; it may stop during a suspend."""
        return time.monotonic()

    def steady(self) -> float:
        """The same, but it goes on during a suspend, where the kernel can do that."""
        boot_time = getattr(time, "CLOCK_BOOTTIME", None)
        if boot_time is None:
            return time.monotonic()
        return time.clock_gettime(boot_time)

    def both(self) -> tuple[float, float]:
        """The steady clock and the wall clock at the same moment."""
        while True:
            before, wall, after = self.steady(), self.time(), self.steady()
            if after - before < STEP / 10:  # else we were stopped between them
                return before, wall


CLOCK = Clock()
"""The default clock."""


def stamp_after(
    last: float, at: float | None = None, *, now: float | None = None
) -> float:
    """The time stamp of what is observed at `at`, after one at `last`.

    It is later than `last` and at most a second ahead of our clock. `at` may come from
    a computer whose clock is wrong; if our own clock was set back, `last` is
    ahead, and only then the stamp is earlier than `last`.

    Args:
        last: the stamp before, UTC [s since 1970].
        at: when it was observed, UTC [s since 1970]. Default: now; so it is if `at` is
            not after `last`, or far ahead.
        now: our clock, UTC [s since 1970]. Default: that of this computer.
    """
    if now is None:
        now = CLOCK.time()
    if at is None or not last < at <= now + AHEAD:
        at = now
    return at if last > now + AHEAD else max(at, last + _TICK)


class Passed(NamedTuple):
    """The time between two readings of the clocks.

    Attributes:
        seconds: that have passed [s], however our clock was set.
        step: by how much our clock was set [s]: 0, or at least `STEP` either way.
    """

    seconds: float
    step: float


class Clocks:
    """Compares our clock with the steady one: how much time passed, and any step."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._steady, self._wall = clock.both()

    def look(self) -> Passed:
        """The time since the last call, or since this object was made."""
        before = self._steady, self._wall
        self._steady, self._wall = self._clock.both()
        seconds = self._steady - before[0]
        step = self._wall - before[1] - seconds
        return Passed(seconds, step if abs(step) >= STEP else 0.0)


def step_text(step: float) -> str:
    """How a clock was set: "forward by 3600.0 s", "back by 0.5 s"."""
    return f"{'forward' if step > 0 else 'back'} by {abs(step):.1f} s"

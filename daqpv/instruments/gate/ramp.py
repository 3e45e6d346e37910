"""The steps of a ramp, and when they are due."""

from __future__ import annotations

import math

from daqpv.core import Clock

_LAST = 1e-9  # relative: a rest so small is part of the last step


class Ramp:
    """Goes from one value to another in steps; the last one ends exactly there.

    Args:
        start: where it begins.
        target: where it ends.
        is_whole: whether the values must be whole numbers.

    Attributes:
        at: the last value that it gave.
        target: as above.
    """

    def __init__(self, start: float, target: float, *, is_whole: bool = False) -> None:
        self.at = start
        self.target = target
        self._is_whole = is_whole
        self._origin, self._size, self._count = start, 0.0, 0

    @property
    def is_over(self) -> bool:
        """Whether it has given the target."""
        return self.at == self.target

    def next(self, size: float) -> float:
        """The next value, at most `size` further.

        Steps are counted from where the ramp began, or `size` has changed: nothing adds
        up, and the values are as round as their settings are.
        """
        if size != self._size:
            self._origin, self._size, self._count = self.at, size, 0
        self._count += 1
        way, gone = self.target - self._origin, self._count * size
        if gone >= abs(way) * (1 - _LAST):
            self.at = self.target
        else:
            self.at = self._origin + math.copysign(gone, way)
        return self._whole(self.at, way) if self._is_whole else self.at

    @staticmethod
    def _whole(value: float, way: float) -> int:
        """The whole number before `value`: never ahead of the ramp."""
        return math.floor(value) if way > 0 else math.ceil(value)


class Beat:
    """Keeps steps apart, also those of ramps that take over from each other.

    What is late is not made up for by a burst.

    Args:
        period: least time between two steps [s].
        clock: by which it takes time.
    """

    def __init__(self, period: float, clock: Clock) -> None:
        self._period = period
        self._clock = clock
        self._due = -math.inf

    @property
    def rest(self) -> float:
        """How long to wait before the next step [s]."""
        return max(self._due - self._clock.monotonic(), 0.0)

    def taken(self) -> None:
        """A step is taken now."""
        self._due = self._clock.monotonic() + self._period

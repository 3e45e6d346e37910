"""How often an instrument is tried that is not reached, or does not stay."""

from __future__ import annotations

from daqpv.core.timing.clock import Clock

_MOST_REST = 10.0  # [s] between two attempts
_PATIENCE = 3  # failures in a row, before attempts come less often
_STEADY = 5.0  # [s] after which a connection is a good one


class Attempts:
    """Counts failures, and makes the time between attempts longer.

    Args:
        clock: of the instrument.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._opened = clock.monotonic()

    @property
    def _is_steady(self) -> bool:
        return self._clock.monotonic() - self._opened >= _STEADY

    def opened(self) -> None:
        """There is a connection."""
        self._opened = self._clock.monotonic()

    def failed(self) -> None:
        """A cycle, or an opening, has failed."""
        self._failures += 1

    def succeeded(self, *, has_answered: bool) -> None:
        """A cycle is good; of a stream only that the connection stands."""
        if has_answered or self._is_steady:
            self._failures = 0

    def broke(self) -> bool:
        """The connection has ended between two cycles.

        Returns:
            Whether it may be made anew at once. One that breaks again and again, such
            as to an instrument that floods, may not.
        """
        if self._is_steady:
            return True
        self._failures += 1
        return self._failures < _PATIENCE

    def clear(self) -> None:
        """It is followed anew."""
        self._failures = 0

    def rest(self, period: float) -> float:
        """Until the next attempt, or the next cycle of `period` [s]."""
        if self._failures < _PATIENCE or period >= _MOST_REST:
            return period
        rest: float = max(period, 0.5) * 2 ** min(self._failures - _PATIENCE, 6)
        return min(rest, _MOST_REST)

"""The rate at which values come."""

from __future__ import annotations

import math

_SHORTEST = 0.5  # [s] over which events are counted


class Rate:
    """Counts events; its rate is a mean over about `window` [s]."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = window
        self._counted = 0
        self._since = math.nan
        self._rate = 0.0

    def count(self, events: int) -> None:
        """So many events have happened."""
        self._counted += events

    def at(self, now: float) -> float:
        """The rate [Hz] at `now`, monotonic [s]; it is to be asked about once a second.

        It is exact for a steady rate, whatever the distance of the questions.
        """
        if math.isnan(self._since):
            self._since, self._counted = now, 0
            return 0.0
        passed = now - self._since
        if passed < _SHORTEST:
            return self._rate
        present = self._counted / passed
        part = 1.0 if not self._rate else -math.expm1(-passed / self._window)
        self._rate += part * (present - self._rate)
        if not self._counted and self._rate < 1e-3:
            self._rate = 0.0
        self._since, self._counted = now, 0
        return round(self._rate, 4)

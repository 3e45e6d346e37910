"""Keeps statistics of the readings of a PV during a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daqpv.core import Severity
from daqpv.runs.record.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Statistics of the readings in a run; never changed, only replaced.

    Attributes:
        start: the reading at the start of the run; None: it could not be read.
        mean: over time; None before time has passed.
        seconds: time over which the mean is taken [s], that with valid numbers.
        low: the least number.
        high: the greatest number.
        count: readings.
        severity: the worst.
    """

    start: Value = None
    mean: float | None = None
    seconds: float = 0.0
    low: int | float | None = None
    high: int | float | None = None
    count: int = 0
    severity: Severity = Severity.NO_ALARM

    def read(self, value: Value, severity: Severity) -> Tally:
        """The statistics with one more reading; None: not valid."""
        worst = max(self.severity, severity)
        if value is None:
            return replace(self, severity=worst)
        if isinstance(value, str):
            return replace(self, count=self.count + 1, severity=worst)
        return replace(
            self,
            low=value if self.low is None else min(self.low, value),
            high=value if self.high is None else max(self.high, value),
            count=self.count + 1,
            severity=worst,
        )

    def passed(self, value: Value, seconds: float) -> Tally:
        """The statistics after `seconds` in which the PV was `value`."""
        if value is None or isinstance(value, str) or seconds <= 0:
            return self
        total = self.seconds + seconds
        mean = value if self.mean is None else self.mean
        mean += (value - mean) * seconds / total
        return replace(self, mean=mean, seconds=total)

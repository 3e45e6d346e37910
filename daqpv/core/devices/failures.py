"""Decides when a polled device counts as lost."""

from __future__ import annotations

from daqpv.core.devices.snapshot import Condition
from daqpv.errors import LinkError, NoAnswerError, ProtocolError

MISSES = 3
"""Number of failed polls in a row after which a device is lost."""


class PollFailures:
    """Counts failed polls, and derives the condition of the device.

    A loss is declared after MISSES failures of any sort. The sort of
    loss changes after MISSES failures of another sort, so that a device with changing
    failures does not flood the log.
    """

    def __init__(self) -> None:
        self._total = 0
        self._alike = 0
        self._sort = Condition.OK

    @property
    def is_missing(self) -> bool:
        """Whether the last poll has failed."""
        return self._total > 0

    @property
    def is_lost(self) -> bool:
        """Whether so many polls have failed that no answer is expected."""
        return self._total >= MISSES

    def clear(self) -> None:
        """Forget the failures: the device answered."""
        self._total = self._alike = 0

    def count(self, error: LinkError) -> Condition | None:
        """Count a failed poll; return the condition, None while undecided."""
        sort = _sort_of(error)
        self._alike = self._alike + 1 if sort is self._sort else 1
        self._sort = sort
        self._total += 1
        decided = self._total == MISSES or self._alike >= MISSES
        return sort if decided else None


def _sort_of(error: LinkError) -> Condition:
    if isinstance(error, ProtocolError):
        return Condition.ERROR
    if isinstance(error, NoAnswerError) and error.timed_out:
        return Condition.HUNG
    return Condition.OFFLINE

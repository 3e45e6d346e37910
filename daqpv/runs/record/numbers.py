"""Finds the numbers of runs that are used, and the next free one."""

from __future__ import annotations

from collections.abc import Iterable

LAST = 999_999_999
"""The greatest number of a run.

A longout PV and the INTEGER of all databases hold it, and so does the number after it.
"""


class Numbers:
    """The numbers that runs of the experiment have, each of them used once."""

    def __init__(self) -> None:
        self._used: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return number in self._used

    def use(self, numbers: Iterable[int]) -> None:
        """Mark these numbers as used."""
        self._used.update(numbers)

    @property
    def highest(self) -> int:
        """The greatest used number; -1 without one."""
        return max(self._used, default=-1)

    def after(self, number: int) -> int:
        """The next free number after `number`; LAST, which is used, if none is free.

        It never restarts from low numbers by itself: a start is refused then.
        """
        following = self._up_from(number + 1)
        return min(following, LAST)

    def free_from(self, number: int) -> int:
        """A number to propose: the first free one from `number` on.

        If none is free there, the one after the runs below the last numbers.
        """
        free = self._up_from(number)
        if free <= LAST:
            return free
        free = LAST
        while free in self._used:
            free -= 1
        return 1 + max((used for used in self._used if used < free), default=0)

    def _up_from(self, number: int) -> int:
        while number in self._used:
            number += 1
        return number

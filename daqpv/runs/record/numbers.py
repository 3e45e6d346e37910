"""The numbers of runs: which are used, and which come next."""

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
        """Write down that there are runs of these numbers."""
        self._used.update(numbers)

    @property
    def highest(self) -> int:
        """The greatest used number; -1 if there is none."""
        return max(self._used, default=-1)

    def after(self, number: int) -> int:
        """What the run after run `number` has; LAST, which is used, if there is none.

        It never begins anew by itself: a start says then that the numbers are used up.
        """
        following = self._up_from(number + 1)
        return min(following, LAST)

    def free_from(self, number: int) -> int:
        """A number to propose: the first free one from `number` on.

        If there is none, the one after the runs below the last numbers.
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

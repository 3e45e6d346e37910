"""A running command: its goal, its abort, and how other commands join it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from daqpv.core.job import Job
from daqpv.core.timing.clock import CLOCK, Clock
from daqpv.errors import AbortedError, DaqError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal of a command, so that others can join it or take over.

    Attributes:
        level: where it ends; devices count their states upward.
        down: it leads downward, so it is never refused for being busy.
        exact: it has to end on just this level; a single operation just leads on.
    """

    level: int
    down: bool
    exact: bool = True

    def is_below(self, other: Self) -> bool:
        """Whether this is on the way down from `other`."""
        return self.level < other.level

    def is_met_by(self, theirs: object) -> bool:
        """Whether a command to `theirs` does the same as one to this."""
        if not isinstance(theirs, type(self)):
            return False
        if self.exact:
            return theirs.level == self.level
        return self.down and theirs.down and not self.is_below(theirs)

    def overtakes(self, theirs: object) -> bool:
        """Whether a command to this takes over from one to `theirs`."""
        if not self.down:
            return False
        if not self.exact or not isinstance(theirs, type(self)):
            return True
        return self.is_below(theirs)


class Command(Job):
    """What occupies a device's command slot: a job that others can join.

    Attributes:
        goal: where it leads; a second command for the same goal joins it.
    """

    def __init__(
        self, what: str, *, goal: Goal | None = None, clock: Clock = CLOCK
    ) -> None:
        super().__init__(what, clock=clock)
        self.goal = goal
        self._abort: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()

    def abort(self, why: str = "") -> None:
        """End the command before its next step; `why` is for its error."""
        super().abort(why)
        if not self._abort.done():
            self._abort.set_result(None)

    async def over(self, work: asyncio.Task[T]) -> T:
        """Wait for `work`, and return its result.

        An abort ends the waiting, and the work goes on: a request that was sent cannot
        be called back.

        Raises:
            AbortedError: the command was aborted before `work` ended, or daqpv ends.
        """
        either: set[asyncio.Future[Any]] = {work, self._abort}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            self.check()
        if work.cancelled():
            raise AbortedError(f"{self.what}: given up, because daqpv ends")
        return work.result()

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, and return its result; an abort cancels it.

        Raises:
            AbortedError: the command was aborted before `work` ended.
        """
        task = asyncio.ensure_future(work)
        try:
            return await self.over(task)
        finally:
            if task.cancel():
                await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # retrieved: the abort is reported instead

    async def join(self) -> None:
        """Wait until the command has ended, and end as it did."""
        await self._ended.wait()
        if self.error is not None:
            raise self.error

    async def ended(self) -> None:
        """Wait until the command has ended, however."""
        await self._ended.wait()

    def end(self, error: BaseException | None) -> DaqError | None:
        """Keep the outcome for all callers that joined; for the command slot."""
        super().end(error)
        self._abort.cancel()
        self._ended.set()
        return self.error

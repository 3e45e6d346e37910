"""A command that runs: whom it serves, how it is ended, how others join it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from daqpv.core.events.event import Origin, origin
from daqpv.core.timing.clock import CLOCK, Clock
from daqpv.errors import AbortedError, CommandError, DaqError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a command is after, so that others can join it or take over.

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
        """Whether a command after `theirs` does what one after this would."""
        if not isinstance(theirs, type(self)):
            return False
        if self.exact:
            return theirs.level == self.level
        return self.down and theirs.down and not self.is_below(theirs)

    def overtakes(self, theirs: object) -> bool:
        """Whether a command after this takes over from one after `theirs`."""
        if not self.down:
            return False
        if not self.exact or not isinstance(theirs, type(self)):
            return True
        return self.is_below(theirs)


class Command:
    """What occupies a device's command slot.

    Attributes:
        what: what it does, in the imperative: "go to Ready".
        goal: what it is after; a second wish for the same goal joins it.
        by: who asked for it.
    """

    def __init__(
        self, what: str, *, goal: Goal | None = None, clock: Clock = CLOCK
    ) -> None:
        self.what = what
        self.goal = goal
        self.by: Origin | None = origin.get()
        self._clock = clock
        self._since = clock.monotonic()
        self._abort: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._error: DaqError | None = None

    @property
    def elapsed(self) -> float:
        """Time since the command began [s]."""
        return self._clock.monotonic() - self._since

    @property
    def is_aborted(self) -> bool:
        """Whether somebody wished the command to end."""
        return self._abort.done()

    @property
    def is_over(self) -> bool:
        """Whether the command has ended, however."""
        return self._ended.is_set()

    def abort(self) -> None:
        """Wish the command to end before its next step."""
        if not self._abort.done():
            by = origin.get()
            self._abort.set_result(f"aborted by {by}" if by else "aborted")

    def check(self) -> None:
        """Go on, unless the command was aborted: to be asked before each step.

        Raises:
            AbortedError: the command was aborted.
        """
        if self._abort.done():
            raise AbortedError(f"{self.what}: {self._abort.result()}")

    async def over(self, work: asyncio.Task[T]) -> T:
        """Wait for `work`, and return its result.

        An abort ends the waiting and leaves the work alone: what is on the wire
        cannot be called back.

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
                task.exception()  # seen: an abort says more than what it cut off

    async def join(self) -> None:
        """Wait until the command has ended, and end as it did."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    async def ended(self) -> None:
        """Wait until the command has ended, however."""
        await self._ended.wait()

    def end(self, error: BaseException | None) -> DaqError | None:
        """Tell all who joined or wait. The command slot calls this, once.

        Returns:
            The error as they are told it: a sentence, whatever went wrong.
        """
        match error:
            case None | DaqError():
                self._error = error
            case (
                Exception() | SystemExit()
            ):  # a bug: its traceback goes to whoever runs the command
                text = f"{self.what}: {type(error).__name__}: {error}"
                self._error = CommandError(text)
            case _:  # cancelled
                text = f"{self.what}: given up, because daqpv ends"
                self._error = AbortedError(text)
        self._abort.cancel()
        self._ended.set()
        return self._error

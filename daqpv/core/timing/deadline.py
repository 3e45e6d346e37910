"""A deadline for work that is done again and again, and hardly ever misses it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Deadline:
    """Cancels its body when that takes too long; use it again and again.

    It is what `asyncio.timeout` is, for bodies that end in time: it leaves its timer
    armed between them, so that most of them need none of their own.

    Args:
        seconds: for the body [s].
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = 0.0
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_passed = False
        self._cancelling = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        assert self._task is None, "one body at a time"
        loop = task.get_loop()
        self._ends = loop.time() + self._seconds
        self._has_passed = False
        self._cancelling = task.cancelling()
        self._task = task
        if self._timer is None:
            self._timer = loop.call_at(self._ends, self._ring, loop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        assert task is not None
        if not self._has_passed:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """End the body now, if one runs, as if its time were over."""
        if self._task is not None and not self._has_passed:
            self._has_passed = True
            self._task.cancel()

    def close(self) -> None:
        """Take back the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._task is None or self._has_passed:
            return
        if loop.time() < self._ends:  # a later body than the one that armed it
            self._timer = loop.call_at(self._ends, self._ring, loop)
            return
        self._has_passed = True
        self._task.cancel()

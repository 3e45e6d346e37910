"""An event loop without waiting: its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from daqpv.core import Clock

T = TypeVar("T")

EPOCH = 1.8e9
"""The wall clock at the start of a virtual loop, UTC [s since 1970]."""


class _Jump(selectors.EpollSelector):
    """Advances the clock when all tasks wait, without waiting."""

    now = 0.0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("all tasks wait, and no timer runs")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer as soon as it is idle.

    An hour of polls takes milliseconds. Sockets and threads do not count: if all tasks
    wait for these alone, the loop raises AssertionError.
    """

    def __init__(self) -> None:
        self._clock = _Jump()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._clock.now

    def passes(self, seconds: float) -> None:
        """Let time pass while the loop is blocked, as a process that is stopped."""
        self._clock.now += seconds


class VirtualClock(Clock):
    """The clocks of a computer, which follow the time of the event loop."""

    def time(self) -> float:
        """The wall clock: UTC [s since 1970]."""
        return EPOCH + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the event loop was made."""
        return asyncio.get_running_loop().time()

    def steady(self) -> float:
        """The same."""
        return self.monotonic()


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on a `VirtualLoop`; returns its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)

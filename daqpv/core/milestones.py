"""Reports the progress of a thread to coroutines that wait for it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class Milestones:
    """The number of the last thing that a thread has done; things are numbered from 1.

    One thread does them in order; others wait for it on their event loops.
    """

    def __init__(self) -> None:
        self._reached = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._lock = threading.Lock()

    def reach(self, number: int) -> None:
        """All up to `number` is done; for the thread that does it."""
        with self._lock:
            self._reached = max(self._reached, number)
            due = [one for at, one in self._waiting if at <= number]
            self._waiting = [one for one in self._waiting if one[0] > number]
        for future in due:
            with suppress(RuntimeError):  # its loop has ended
                future.get_loop().call_soon_threadsafe(_end, future)

    async def reached(self, number: int, *, timeout: float) -> bool:
        """Wait until all up to `number` is done; False if it is not within `timeout`.

        Args:
            number: of the last thing that has to be done.
            timeout: for that [s].
        """
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            if number <= self._reached:
                return True
            waits = number, future
            self._waiting.append(waits)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            with self._lock, suppress(ValueError):
                self._waiting.remove(waits)
        return True


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():  # the waiting coroutine may have been cancelled
        future.set_result(None)

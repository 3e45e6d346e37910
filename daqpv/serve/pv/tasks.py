"""Tasks that the server starts for its clients, and cancels when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)

Task = asyncio.Task[None]


class Tasks:
    """Owns tasks: no task outlives the server, and no failed task ends it.

    Attributes:
        is_open: whether tasks can be started; False while the server ends.
    """

    def __init__(self) -> None:
        self._running: set[Task] = set()
        self.is_open = False

    def open(self) -> None:
        """Allow tasks to start."""
        self.is_open = True

    def start(
        self,
        work: Coroutine[Any, Any, None],
        ended: Callable[[Task], None] | None = None,
        *,
        name: str | None = None,
    ) -> bool:
        """Run `work` as a task.

        Args:
            work: what to run.
            ended: called with the task at its end; default: a failure is logged.
            name: of the task, for the watchdog of the event loop.

        Returns:
            False: the server is not running, and `work` is closed without being run.
        """
        if not self.is_open:
            work.close()
            return False
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(ended or _log_failure)
        return True

    def stop(self) -> None:
        """Start no more tasks, and cancel the running ones, in this turn of the loop.

        The devices end in the same turn: a command that were cancelled later would take
        the end of its device for a failure.
        """
        if self.is_open:
            self.is_open = False
            for task in self._running:
                task.cancel()

    async def close(self) -> None:
        """Stop, and wait until all tasks have ended."""
        self.stop()
        if self._running:
            await asyncio.wait(self._running)


def _log_failure(task: Task) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("task %s failed", task.get_name(), exc_info=error)

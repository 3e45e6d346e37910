"""Owns the tasks of a device, and ends them with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from daqpv.errors import AbortedError

T = TypeVar("T")


class Tasks:
    """Tasks that may begin while a device is followed, and end when that ends.

    Use it as a context manager while the device is followed.
    """

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    @property
    def are_open(self) -> bool:
        """Whether a task may begin now."""
        return self._group is not None

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin `work` in a task.

        Raises:
            AbortedError: they are not open: daqpv ends.
        """
        if self._group is None:
            work.close()
            raise AbortedError("given up, because daqpv ends")
        return self._group.create_task(work)

    async def __aenter__(self) -> Self:
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None  # nothing begins any more
        assert group is not None
        await group.__aexit__(kind, error, traceback)

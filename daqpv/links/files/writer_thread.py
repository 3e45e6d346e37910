"""A thread that writes to a file or a terminal without delaying the event loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from threading import Condition, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

END_TIMEOUT = 0.5  # [s]
RETRY = 5.0  # [s] after a write that failed

T = TypeVar("T")


class WriterThread(ABC, Generic[T]):
    """Writes objects of other threads; use it as a context manager.

    The other threads never wait. At the end the queue is written, if time allows.

    Args:
        name: of the thread.
        room: size of the queue; further objects are dropped. None: no limit.
        end_timeout: for the rest of the queue, at the end [s]; None: no limit.
    """

    def __init__(
        self,
        name: str,
        *,
        room: int | None = None,
        end_timeout: float | None = END_TIMEOUT,
    ) -> None:
        self._room = room
        self._end_timeout = end_timeout
        self._waiting: OrderedDict[Hashable, T] = OrderedDict()
        self._changed = Condition()
        self._ends = False
        self._thread = Thread(target=self._write, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ends = True
            self._changed.notify()
        self._thread.join(self._end_timeout)

    def _offer(self, thing: T, key: Hashable = None) -> bool:
        """Queue `thing`; False if the queue is full.

        Args:
            thing: what to write.
            key: `thing` replaces a queued one of the same key, unless it is None.
        """
        with self._changed:
            if self._room is not None and len(self._waiting) >= self._room:
                return False
            self._waiting[object() if key is None else key] = thing
            self._changed.notify()
        return True

    @abstractmethod
    def _write(self) -> None:
        """Write the queue until the end; only the thread calls this."""

    # For `_write`

    def _each(self) -> Iterator[T]:
        """Each object as it arrives, until the last."""
        while self._wait():
            with self._changed:
                thing = self._waiting.popitem(last=False)[1]
            yield thing
            del thing  # released before the next one arrives

    def _all(self) -> list[T]:
        """All queued objects, oldest first; at least one. After the last: none."""
        self._wait()
        with self._changed:
            things = [*self._waiting.values()]
            self._waiting.clear()
        return things

    def _ends_within(self, seconds: float) -> bool:
        """Wait for the end; return whether it comes within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ends, seconds)

    def _wait(self) -> bool:
        """Wait for an object to write; False: there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends)
            return bool(self._waiting)

"""A thread that writes: a stopped terminal or a slow disk delays nothing else."""

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
    """Writes in a thread what others offer; use it as a context manager.

    Those never wait. At the end what was taken is written, if there is time enough.

    Args:
        name: of the thread.
        room: so many things may wait; what comes then is left out. None: any number.
        end_timeout: for the last things, at the end [s]; None: as long as they take.
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
        """Have `thing` written, soon; False if there is no room for it.

        Args:
            thing: what to write.
            key: `thing` takes the place of what waits under the same key, if not None.
        """
        with self._changed:
            if self._room is not None and len(self._waiting) >= self._room:
                return False
            self._waiting[object() if key is None else key] = thing
            self._changed.notify()
        return True

    @abstractmethod
    def _write(self) -> None:
        """Write what was offered until the end; the thread runs this alone."""

    # For `_write`

    def _each(self) -> Iterator[T]:
        """Each thing as it comes, until the last."""
        while self._wait():
            with self._changed:
                thing = self._waiting.popitem(last=False)[1]
            yield thing
            del thing  # not kept until the next one comes

    def _all(self) -> list[T]:
        """All that waits, oldest first; at least one. After the last: nothing."""
        self._wait()
        with self._changed:
            things = [*self._waiting.values()]
            self._waiting.clear()
        return things

    def _ends_within(self, seconds: float) -> bool:
        """Wait for the end; return whether it comes in time [s]."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ends, seconds)

    def _wait(self) -> bool:
        """Wait for something to write; False: there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends)
            return bool(self._waiting)

"""A thread that writes: a stopped terminal or a slow disk holds up nobody else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

END_TIMEOUT = 0.5  # [s]

T = TypeVar("T")


class WriterThread(ABC, Generic[T]):
    """Writes in a thread what others offer; use it as a context manager.

    Those never wait. At the end what was taken is written, if there is time enough.

    Args:
        name: of the thread.
        room: so many things may wait; what comes then is left out.
        end_timeout: for the last things, at the end [s]; None: as long as they take.
    """

    def __init__(
        self, name: str, *, room: int, end_timeout: float | None = END_TIMEOUT
    ) -> None:
        self._room = room
        self._end_timeout = end_timeout
        self._waiting: SimpleQueue[T | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waiting.put(None)
        self._thread.join(self._end_timeout)

    def _offer(self, thing: T) -> bool:
        """Have `thing` written, soon; False if there is no room for it."""
        if self._waiting.qsize() >= self._room:
            return False
        self._waiting.put(thing)
        return True

    def _run(self) -> None:
        self._write(iter(self._waiting.get, None))

    @abstractmethod
    def _write(self, things: Iterator[T]) -> None:
        """Write `things`, in the thread: each as it comes, until the last."""

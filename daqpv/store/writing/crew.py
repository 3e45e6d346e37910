"""Threads that may be left behind: a call that never returns holds up nobody's end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Crew:
    """A few daemon threads, started when they are wanted, that do one call each.

    A ThreadPoolExecutor would wait at the end of the process for a database that has
    gone silent.

    Args:
        name: of the threads.
        size: the most of them; further calls wait.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._calls = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._open = 0  # calls that wait or run

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Do `call` in a thread, soon."""
        future: Future[T] = Future()
        with self._lock:
            self._open += 1
            if self._threads < min(self._open, self._size):
                self._threads += 1
                Thread(target=self._work, name=self._name, daemon=True).start()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """Let the threads end when their calls have; none is waited for."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            with self._lock:
                self._open -= 1
            del task, future, call  # not kept until the next one comes

"""Runs blocking calls in threads, so that a call that never returns delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar, TypeVarTuple

from daqpv.errors import NoAnswerError, NotConnectedError, counted

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Crew:
    """The threads that call one resource which may hang: a disk, a name service.

    Each resource has its own crew, so that one which hangs takes no thread from the
    others. The threads are daemons, started when they are needed: unlike those of a
    ThreadPoolExecutor, and of ``asyncio.to_thread``, they do not delay the end of the
    process.

    Args:
        resource: names the threads, and begins the sentences of errors: "the disk of
            /data".
        size: the most threads. Further calls wait for one.
    """

    def __init__(self, resource: str, size: int = 1) -> None:
        self._resource = resource
        self._size = size
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._calls = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._open = 0  # calls that wait or run
        self._left: set[Future[Any]] = set()  # these run, and their caller has left

    @property
    def stuck(self) -> int:
        """How many threads are in a call whose caller has left it."""
        return len(self._left)

    async def call(self, work: Callable[[*Ts], T], *args: *Ts, timeout: float) -> T:
        """Call `work` in a thread, and return or raise what it does.

        When the deadline passes or the caller is cancelled, the thread is left behind:
        it is free again when `work` returns. While all threads are left behind, calls
        fail at once.

        Args:
            work: the function.
            args: for `work`.
            timeout: for all of it, with the wait for a thread [s].

        Raises:
            NoAnswerError: `work` has not returned in time.
            NotConnectedError: no thread was free in time; `work` was not called.
        """
        if self.stuck >= self._size:
            raise NotConnectedError(
                f"{self._resource} hangs: {counted(self.stuck, 'call')} did not "
                "return. It is tried again when one does"
            )
        future = self.submit(partial(work, *args))
        try:
            async with asyncio.timeout(timeout) as deadline:
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            if not deadline.expired():
                raise  # it is the outcome of `work`
            raise self._too_late(future, timeout) from error
        finally:
            self._leave(future)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Call `work` in a thread, soon; for callers without an event loop."""
        future: Future[T] = Future()
        with self._lock:
            self._open += 1
            if self._threads < min(self._open, self._size):
                self._threads += 1
                Thread(target=self._run, name=self._resource, daemon=True).start()
        self._calls.put((future, work))
        return future

    def close(self) -> None:
        """Let the threads end after the calls that wait; this waits for none."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _too_late(
        self, future: Future[Any], timeout: float
    ) -> NoAnswerError | NotConnectedError:
        if future.cancel():
            return NotConnectedError(
                f"{self._resource} is busy: other calls lasted for {timeout:g} s"
            )
        return NoAnswerError(
            f"{self._resource} has not answered in {timeout:g} s", timed_out=True
        )

    def _leave(self, future: Future[Any]) -> None:
        with self._lock:
            if future.running():
                self._left.add(future)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            with self._lock:
                self._open -= 1
                self._left.discard(future)
            del call, future, work  # not kept until the next one comes


class Crews:
    """The crews of resources that several devices share."""

    def __init__(self) -> None:
        self._crews: dict[str, Crew] = {}

    def of(self, resource: str) -> Crew:
        """The crew of `resource`: the same object for all callers."""
        return self._crews.setdefault(resource, Crew(resource))


def shared_crews(site: object) -> Crews:
    """The crews of a process: ``site.shared(shared_crews)`` (daqpv.core.Site)."""
    return Crews()

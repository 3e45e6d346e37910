"""Finds the call that blocks the event loop, from a thread beside the loop.

Gets, monitors and puts of all clients wait while one call blocks the loop. The call can
be identified only while it lasts: its stack is gone when it has returned.

The loop itself notes when each of its turns begins and ends (0.3 us); the thread reads
that 20 times a second. Together that is less than 0.1 % of a core; a timer in the loop
that is frequent enough would cost five times as much (2026-11-20).

A turn that is long was not blocked if the loop's thread, or the whole process, did not
get to run: on an overloaded computer, after SIGSTOP, in a virtual machine that was
paused. The kernel counts how long a thread waits for a processor (the second number of
/proc/<pid>/task/<tid>/schedstat), and when the process was suspended, the watching
thread is as late as the loop. Both are subtracted; the time that the loop's thread has
computed always counts. One case is not distinguished: a call that sleeps and keeps
Python's lock all the while, which no call of Python itself does, counts as a suspended
process.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

_PERIOD = 0.05  # [s] between two samples of the thread
_AGE = 0.025  # [s] that a turn must have lasted before its stack is read
_LATE = 0.01  # [s] of delay of the thread from which on the process counts as suspended
_CALLS = 3  # that are named

_OWN_NAME = re.compile(r"Task-\d+")  # a name that asyncio has given


class Block(NamedTuple):
    """One call that blocked the event loop.

    Attributes:
        duration: for how long [s].
        where: the innermost calls, those of Python's own library left out:
            "daqpv/links/soap/ecc.py:88 call < daqpv/ecc/ecc.py:99 poll"; "" if the
            turn ended before its stack was read.
        task: the name of the task, or else of its coroutine; "" outside of tasks.
        packages: the top-level packages of all these calls, the innermost first.
    """

    duration: float
    where: str
    task: str
    packages: tuple[str, ...] = ()

    def __str__(self) -> str:
        who = self.where or "an unknown call"
        task = f" (task {self.task})" if self.task else ""
        duration = f"{1e3 * self.duration:.0f} ms"
        return f"the event loop was blocked for {duration} by {who}{task}"


OnBlock = Callable[[Block], None]
Select = Callable[..., Any]


class Watchdog:
    """Measures how long the turns of the event loop last, and names what blocks it.

    Loops other than asyncio's own, which have no selector in Python, are not watched.

    Args:
        on_block: called on the loop shortly after each block.
        limit: shorter blocks are not reported [s].
    """

    def __init__(self, on_block: OnBlock, *, limit: float = 0.05) -> None:
        self._on_block = on_block
        self._limit = limit
        self._worst = 0.0
        self._began = 0.0  # the present turn; 0: the loop waits for something to do
        self._base: _Sample | None = None  # of the present turn, or a little before
        self._seen = Block(0.0, "", "")
        self._pauses: deque[tuple[float, float]] = deque(maxlen=64)

    def take_worst(self) -> float:
        """Return the longest turn of the event loop since the last call [s].

        Turns count whatever their cause: clients wait in any case.
        """
        worst, self._worst = self._worst, 0.0
        return worst

    async def run(self) -> None:
        """Watch the running loop until cancelled."""
        self._loop = asyncio.get_running_loop()
        selector = getattr(self._loop, "_selector", None)
        if selector is None:
            return
        over = threading.Lock()
        self._thread = _Thread()
        before = selector.select
        selector.select = after = self._timed(before)
        with over, self._thread:
            args = (over, time.monotonic())
            threading.Thread(
                target=self._watch, args=args, name="watchdog", daemon=True
            ).start()
            try:
                await self._loop.create_future()
            finally:
                if selector.select is after:  # another library has replaced it since
                    selector.select = before

    # -- on the loop -------------------------------------------------------------------

    def _timed(self, select: Select) -> Select:
        """`select`, which the loop calls between two turns, with a note of the time."""
        clock = time.monotonic

        def timed(timeout: float | None = None) -> Any:
            duration = clock() - self._began
            if duration > self._worst and self._began:
                self._worst = duration
            if duration > self._limit and self._began:
                self._long(duration)
            self._began = 0.0
            events = select(timeout)
            self._began = clock()
            return events

        return timed

    def _long(self, duration: float) -> None:
        now = self._thread.sample()
        then = self._base or now
        span = (self._began, now.time)
        computed = now.cpu - then.cpu - max(self._began - then.time, 0)
        block = self._seen._replace(duration=duration)
        self._seen = Block(0.0, "", "")
        # a thread that was suspended with the process notices it a little later; here,
        # between two turns, only a call from another thread wakes the loop
        waited = (then.time, now.waited - then.waited)
        judge = partial(self._judge, block, span, computed, waited)
        self._loop.call_soon_threadsafe(self._loop.call_later, 2 * _PERIOD, judge)

    def _judge(
        self,
        block: Block,
        span: tuple[float, float],
        computed: float,
        waited: tuple[float, float],  # since when, how long
    ) -> None:
        pauses = tuple(self._pauses)
        paused = sum(_overlap(span, pause) for pause in pauses)
        before = sum(_overlap((span[0], waited[0]), pause) for pause in pauses)
        duration = block.duration - max(before + waited[1], paused)
        duration = max(duration, min(computed, block.duration))
        if duration > self._limit:
            self._on_block(block._replace(duration=duration))

    # -- in the thread -----------------------------------------------------------------

    def _watch(self, over: threading.Lock, last: float) -> None:
        """Record what the loop does while a turn lasts, until `over` is free."""
        wait = _PERIOD
        turn, before = 0.0, self._thread.sample()
        while not over.acquire(timeout=wait):
            now = time.monotonic()
            if now - last > wait + _LATE:
                self._pauses.append((last + wait, now))
            last = now
            began = self._began
            age = now - began if began else 0.0
            sample = self._thread.sample()
            if age <= _AGE:
                self._base = sample
            elif began != turn:  # it began after the last sample: both were late
                self._base = before
            turn, before = began, sample
            if age > _AGE:
                self._remember(began)
            wait = _AGE - age if began and age < _AGE else _PERIOD

    def _remember(self, began: float) -> None:
        frame = sys._current_frames().get(self._thread.ident)  # noqa: SLF001
        where, packages = _where(frame)
        task = asyncio.current_task(self._loop)
        if where and self._began == began:  # otherwise the turn ended meanwhile
            name = "" if task is None else _name(task)
            self._seen = Block(0.0, where, name, packages)


class _Sample(NamedTuple):
    """A thread at one moment: the time, and its use of the processors.

    Attributes:
        time: monotonic [s].
        cpu: time that it has computed [s].
        waited: time that it waited for a free processor [s].
    """

    time: float
    cpu: float
    waited: float


class _Thread:
    """The thread that creates this object, sampled from others; a context manager."""

    def __init__(self) -> None:
        thread = threading.current_thread()
        self.ident = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self.ident)
        try:
            path = f"/proc/self/task/{thread.native_id}/schedstat"
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # a kernel that does not count it
            self._file = -1
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def sample(self) -> _Sample:
        """Return the present figures of the thread."""
        with self._lock:
            waited = b"0 0"
            if self._file >= 0:
                waited = os.pread(self._file, 64, 0)
        return _Sample(
            time.monotonic(),
            time.clock_gettime(self._clock),
            1e-9 * int(waited.split()[1]),
        )


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _name(task: asyncio.Task[object]) -> str:
    name = task.get_name()
    if _OWN_NAME.fullmatch(name):
        return getattr(task.get_coro(), "__qualname__", name)
    return name


_LIBRARY = (sysconfig.get_path("stdlib"), "<frozen")
_ADDED = ("site-packages", "dist-packages")


def _where(frame: FrameType | None) -> tuple[str, tuple[str, ...]]:
    """The innermost calls of what the loop runs, and their packages; "" if idle."""
    calls: list[str] = []
    packages: list[str] = []
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        module = str(frame.f_globals.get("__name__", ""))
        if name == "_run" and module == "asyncio.events":
            return " < ".join(calls[:_CALLS]), tuple(dict.fromkeys(packages))
        if not file.startswith(_LIBRARY) or any(part in file for part in _ADDED):
            calls.append(f"{_short(frame)}:{frame.f_lineno} {name}")
            packages.append(module.partition(".")[0])
        frame = frame.f_back
    return "", ()


def _short(frame: FrameType) -> str:
    """The file, from the directory of its outermost package on."""
    path = Path(frame.f_code.co_filename)
    package = frame.f_globals.get("__package__") or ""
    depth = package.count(".") + 2 if package else 1
    return "/".join(path.parts[-depth:])

"""What a test leaves behind: tasks, threads, child processes."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

GRACE = 5.0  # [s] in which a thread or process that was asked to end must have ended

STAYING: set[int] = set()
"""Processes that a fixture of the session has started for all tests that follow."""


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.daemon}


def _children() -> set[int]:
    """Processes that this one has started and not waited for."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for one in lists for pid in _read(one).split()}


def _command(pid: int) -> str:
    words = _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()
    return f"process {pid}: {words or 'ended'}"


def _read(file: Path) -> str:
    """A file of a thread or process; "" if it has gone."""
    try:
        return file.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass
class Leftovers:
    """Threads and child processes that are there now and were not at the start."""

    threads: set[threading.Thread] = field(default_factory=_threads)
    children: set[int] = field(default_factory=_children)

    def now(self) -> list[str]:
        """Name them; those that are about to end have some seconds for it."""
        end = time.monotonic() + GRACE
        while (left := self._left()) and time.monotonic() < end:
            time.sleep(0.01)
        return left

    def _left(self) -> list[str]:
        threads = [f"thread {one.name}" for one in _threads() - self.threads]
        children = _children() - self.children - STAYING
        return threads + [_command(pid) for pid in children]


def pending_tasks() -> list[str]:
    """Tasks of the running event loop but the one that calls."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return [repr(task.get_coro()) for task in tasks]

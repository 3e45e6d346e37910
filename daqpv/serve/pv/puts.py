"""Puts of clients, from their arrival to their end, independent of the protocol."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from daqpv.core import Origin, origin, reported
from daqpv.core.plugins import reason
from daqpv.errors import AbortedError, RefusedError
from daqpv.serve.pv.source import Source
from daqpv.serve.pv.tasks import Task, Tasks
from daqpv.serve.values.elements import Array

_log = logging.getLogger(__name__)

Answer = Callable[[Exception | None], None]
Given = Sequence[Any] | Array | str


class Put:
    """A put of a client.

    Attributes:
        source: its destination.
        by: the user and host that put.
        given: what the client wrote: elements, or a text that describes them.
        before: the value before.
        value: the requested value; None: the given one is not valid.
        announced: names of the events that devices have emitted because of it.
        began: when it arrived, monotonic [s].
    """

    __slots__ = ("announced", "before", "began", "by", "given", "source", "value")

    def __init__(self, source: Source, by: Origin, given: Given) -> None:
        if not source.cached:
            source.refresh_now()
        self.source = source
        self.by = by
        self.given = given
        self.before = source.value
        self.value: Any = None
        self.announced: set[str] = set()
        self.began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Time since it arrived [s]."""
        return time.monotonic() - self.began


class Puts:
    """Begins puts and follows them to their end; each is logged exactly once.

    Args:
        tasks: run the commands that take time.
        log: called with each put that has ended, and with its error if it failed.
    """

    def __init__(
        self, tasks: Tasks, log: Callable[[Put, Exception | None], None]
    ) -> None:
        self._tasks = tasks
        self._log = log

    def begin(self, put: Put, accepted: Callable[[], Any], answer: Answer) -> bool:
        """Check a put and act on it.

        A command that takes time runs as a task; it goes on if its client disconnects.

        Args:
            put: its source and its origin.
            accepted: returns the requested value; an exception refuses the put.
            answer: called when the put has ended, with the error if it failed.

        Returns:
            whether its command is still running.

        Raises:
            RefusedError: the put is not possible; group and log are already informed.
        """
        source = put.source
        tokens = origin.set(put.by), reported.set(put.announced)
        try:
            source.check_enabled()
            put.value = accepted()
            work = source.put(put.value)
            if work is None:
                _tell_group(put, None)
            elif self._start(put, work, answer):
                return True
        except RefusedError as error:
            self._refuse(put, error)
        except (ValueError, TypeError, OverflowError) as error:
            self._refuse(put, RefusedError(f"{source.name}: {error}"))
        except Exception as error:  # a put of a third party
            self._refuse(put, RefusedError(f"{source.name}: {reason(error)}"))
        finally:
            origin.reset(tokens[0])
            reported.reset(tokens[1])
        self._log(put, None if work is None else _given_up())
        if work is None:
            answer(None)
        return False

    def _start(self, put: Put, work: Coroutine[Any, Any, None], answer: Answer) -> bool:
        ended = partial(self._ended, put, answer, work)
        name = f"put to {put.source.name}"
        if self._tasks.start(_safe(work), ended, name=name):
            return True
        work.close()
        return False

    def _refuse(self, put: Put, error: RefusedError) -> None:
        """Inform the group and all followers of the value; raises `error`."""
        try:
            put.source.refused(error, put.by)
        except Exception:  # a hook of the group: it must not end the server
            _log.exception("%s: refused() failed", put.source.name)
        put.source.repost()
        _tell_group(put, error)
        self._log(put, error)
        raise error

    def _ended(
        self, put: Put, answer: Answer, work: Coroutine[Any, Any, None], task: Task
    ) -> None:
        """The command has ended; this runs in the context of the put."""
        work.close()  # if it was never begun
        ends = not self._tasks.is_open
        error = _given_up() if task.cancelled() else task.exception()
        failure = error if isinstance(error, Exception) else None
        if error is not None and (ends or failure is None):
            failure = _given_up()
        _tell_group(put, failure)
        self._log(put, failure)
        if failure is not None:
            put.source.repost()
        if failure is None or not ends:
            answer(failure)  # otherwise the client finds the connection closed


async def _safe(work: Coroutine[Any, Any, None]) -> None:
    """Run the code of a command; an exception in it ends no process."""
    try:
        await work
    except (SystemExit, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError(reason(error)) from error


def _tell_group(put: Put, error: Exception | None) -> None:
    try:
        put.source.put_ended(put.began, error)
    except Exception:  # a hook of the group, likewise
        _log.exception("%s: put_ended() failed", put.source.name)


def _given_up() -> AbortedError:
    return AbortedError("given up, because daqpv ends")

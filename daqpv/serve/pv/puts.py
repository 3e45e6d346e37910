"""Puts of clients, from their arrival to their end, whatever the protocol."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from daqpv.core import Origin, origin, told
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
        source: what it goes to.
        by: who put.
        given: what the client wrote: elements, or a text that describes them.
        before: the value before.
        value: the value that was asked for; None: what was given is none.
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
    """Begins puts and follows them to their end: each is logged exactly once.

    Args:
        tasks: where commands run that take time.
        log: called with each put that has ended, and why it failed.
    """

    def __init__(
        self, tasks: Tasks, log: Callable[[Put, Exception | None], None]
    ) -> None:
        self._tasks = tasks
        self._log = log

    def begin(self, put: Put, accepted: Callable[[], Any], answer: Answer) -> bool:
        """Check a put and act on it.

        A command that takes time goes on as a task, whatever becomes of its client.

        Args:
            put: who puts, and to what.
            accepted: gives the value that is asked for; what it raises refuses the put.
            answer: called when the put has ended, with the reason if it failed.

        Returns:
            whether its command goes on.

        Raises:
            RefusedError: the put is not possible; group and log know already.
        """
        source = put.source
        tokens = origin.set(put.by), told.set(put.announced)
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
            told.reset(tokens[1])
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
        """The group and all who follow the value hear of it; raises `error`."""
        try:
            put.source.refused(error, put.by)
        except Exception:  # a group's hook: a put more or less must not matter
            _log.exception("%s: refused() failed", put.source.name)
        put.source.repost()
        _tell_group(put, error)
        self._log(put, error)
        raise error

    def _ended(
        self, put: Put, answer: Answer, work: Coroutine[Any, Any, None], task: Task
    ) -> None:
        """The command has ended; its context is that of the put."""
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
            answer(failure)  # else the client finds that the server has gone


async def _safe(work: Coroutine[Any, Any, None]) -> None:
    """Run the code of a command, which may be a third party's: it ends no process."""
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
    except Exception:  # a group's hook, likewise
        _log.exception("%s: put_ended() failed", put.source.name)


def _given_up() -> AbortedError:
    return AbortedError("given up, because daqpv ends")

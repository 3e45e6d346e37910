"""Runs commands one at a time, and records their result, message and event."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar, Unpack

from daqpv.core.devices.command import Command, Goal
from daqpv.core.devices.last_error import LastFailure
from daqpv.core.devices.shown import Shown, Surroundings
from daqpv.core.devices.slot import Slot
from daqpv.core.devices.snapshot import CommandSnapshot, Result
from daqpv.core.events.event import EventSeverity, Origin, origin
from daqpv.core.timing.utc import utc_text
from daqpv.errors import (
    AbortedError,
    DaqError,
    RefusedError,
    ResultCode,
    UnknownOutcomeError,
)

C = TypeVar("C", bound=CommandSnapshot)


class Commanded(Shown[C]):
    """Takes commands, one at a time; its arguments are those of `Shown`.

    Attributes:
        slot: its command slot.
    """

    def __init__(self, name: str, snapshot: C, **more: Unpack[Surroundings]) -> None:
        super().__init__(name, snapshot, **more)
        self.slot = Slot(name, self)
        self._begun: set[Command] = set()
        self._last_failure: LastFailure | None = None

    @property
    def running(self) -> Command | None:
        """The command that holds the slot; None if it is free."""
        return self.slot.running

    def command(
        self, what: str, *, goal: Goal | None = None
    ) -> AbstractContextManager[Command]:
        """Hold the one command slot; write its result, message and event.

        Args:
            what: what the command does, in the imperative: "go to Ready".
            goal: where it leads, so that other commands can join it.

        Raises:
            BusyError: another command holds the slot.
        """
        return self.slot.command(what, goal=goal)

    def abort(self) -> None:
        """End the running command before its next step; a sent request goes on."""
        self.slot.abort()

    async def join_or_make_way(
        self, what: str, goal: Goal, *, is_there: Callable[[], bool]
    ) -> bool:
        """As that of the slot: `Slot.join_or_make_way`."""
        return await self.slot.join_or_make_way(what, goal, is_there=is_there)

    def busy_with(self, running: Command) -> str:
        """Hook: the sentence about the running command, for one that is refused."""
        return f"{running.what} since {running.elapsed:.1f} s. Wait until it has ended."

    def command_begun(self, command: Command) -> None:
        """Write down that `command` runs; for the slots of the device."""
        self._begun.add(command)
        begun = replace(
            self.snapshot,
            last_by=str(command.by or ""),
            message=f"{_capital(command.what)} ...",
            busy=True,
            result=Result.BUSY,
        )
        self.change(begun)

    # How a command ends

    def command_ended(self, command: Command, error: BaseException | None) -> None:
        """Write down how `command` ended: first why, then the result.

        A command that was refused while another one runs changes the result for a
        moment only: a client that waits for the other one must not take it for the end
        of that. Likewise while a command of another slot runs. Override it to show
        more.
        """
        self._begun.discard(command)
        result, severity = _judge(error)
        failure = command.end(error)
        if failure is None:
            text = f"{_capital(command.what)}: done in {command.elapsed:.1f} s"
            noted = self._after_success(command)
        else:
            text = str(failure)
            code = command.outcome or ResultCode.ERROR
            noted = self._after_failure(text, code, command.by)
        ended = replace(
            noted,
            last_by=str(command.by or ""),
            message=text,
            errors=self.snapshot.errors + (severity is EventSeverity.ERROR),
            result_count=self.snapshot.result_count + 1,
            busy=bool(self._begun),
            result=result,
        )
        self.change(ended)
        self.emit(
            "command",
            text,
            severity=severity,
            command=command.what,
            result=result.label,
            duration=round(command.elapsed, 3),
        )
        if self._begun:  # this has ended beside another one
            self.change(replace(self.snapshot, result=Result.BUSY))

    def put_ended(self, pv: str, began: float, error: Exception | None) -> None:
        """A put to `pv` has ended; a good one ends the failure of one before it.

        An error outside of a command, a bug, becomes the failure of the put.

        Args:
            pv: the PV's name.
            began: when the put arrived, monotonic [s].
            error: why it failed; None if it did not.
        """
        failure = self._last_failure
        is_new = failure is None or failure.at < began
        if is_new and error is not None and not isinstance(error, DaqError):
            self.command_ended(Command(f"put to {pv}", clock=self.clock), error)
        elif failure is None:
            return
        elif error is not None:
            if failure.at >= began and failure.by == origin.get():
                failure.pv = pv
        elif failure.pv == pv and failure.is_over(began, origin.get()):
            self.change(self._without_failure())

    def failed(self, name: str, text: str) -> None:
        """Report a failure for which no command waits any more."""
        noted = self._after_failure(text, ResultCode.FAILED, None)
        self.change(replace(noted, message=text, errors=noted.errors + 1))
        self.emit(name, text, severity=EventSeverity.ERROR)

    def refuse(self, what: str, error: RefusedError) -> None:
        """Record that `what` was refused before it became a command."""
        self.command_ended(Command(what, clock=self.clock), error)

    def _after_failure(self, text: str, code: ResultCode, by: Origin | None) -> C:
        """Note the client of this failure; return the snapshot with it."""
        self._last_failure = LastFailure(by, self.clock.monotonic(), self.clock)
        last_error = f"{utc_text(self.clock.time())} {text}"
        return replace(self.snapshot, last_error=last_error, result_code=code)

    def _after_success(self, command: Command) -> C:
        """The snapshot after a good command, which may end an earlier failure."""
        failure = self._last_failure
        is_over = failure is None or failure.is_over(command.began, command.by)
        return self._without_failure() if is_over else self.snapshot

    def _without_failure(self) -> C:
        return replace(self.snapshot, last_error="", result_code=ResultCode.NONE)


def _judge(error: BaseException | None) -> tuple[Result, EventSeverity]:
    match error:
        case None:
            return Result.DONE, EventSeverity.INFORMATION
        case RefusedError():
            return Result.REFUSED, EventSeverity.WARNING
        case UnknownOutcomeError():
            return Result.TIMEOUT, EventSeverity.ERROR
        case AbortedError():
            return Result.ABORTED, EventSeverity.WARNING
        case Exception() | SystemExit():
            return Result.FAILED, EventSeverity.ERROR
        case _:  # cancelled: the process ends
            return Result.ABORTED, EventSeverity.WARNING


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Sends an operation to an ECC server once, and verifies it by reading back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from daqpv.core import Command, Cure, Tasks
from daqpv.ecc.codes import EccState, Operation, Transition
from daqpv.ecc.following import Follower, Polling
from daqpv.ecc.guard import Guard
from daqpv.ecc.link import EccLink, OperationAnswer
from daqpv.ecc.path import leads_to
from daqpv.ecc.snapshot import NEEDS_CONFIG
from daqpv.ecc.wire import OnWire, Wire
from daqpv.errors import (
    AbortedError,
    DaqError,
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
    UnknownOutcomeError,
    sentence,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each exchange with an ECC server may take [s]."""

    operations: Mapping[Operation, float]
    state: float = 3.0
    configs: float = 10.0


class Sender:
    """Sends one operation at a time to an ECC server.

    A request that was sent cannot be called back: a task of its own follows it to its
    end, also when the command that asked for it has ended.

    Args:
        ecc: the server as a device.
        link: to the server.
        wire: where our operation is noted.
        follower: reads the state back.
        guard: of the order between the servers.
        deadlines: of the operations.
        tasks: own the exchanges.

    Attributes:
        configured: the configuration of our last successful Configure, which is in
            use.
    """

    def __init__(
        self,
        ecc: Polling,
        link: EccLink,
        *,
        wire: Wire,
        follower: Follower,
        guard: Guard,
        deadlines: Deadlines,
        tasks: Tasks,
    ) -> None:
        self.configured = ""
        self._ecc = ecc
        self._link = link
        self._wire = wire
        self._follower = follower
        self._guard = guard
        self._deadlines = deadlines
        self._tasks = tasks

    async def step(
        self, command: Command, state: EccState, operation: Operation
    ) -> EccState:
        """Send `operation`, legal in `state`; return where it led, as read back.

        Raises:
            RefusedError: it is not possible any more in the present state.
            CommandError: it has not led there.
        """
        command.check()
        expected = leads_to(state, operation)
        assert expected is not None, (state, operation)
        if not self._tasks.are_open:
            name = self._ecc.name
            raise RefusedError(f"{name} is not followed now. Nothing was sent.")
        self._check_now(operation, expected)
        # at once, for the next reader of the snapshot
        self._asked(operation.transition)
        wire = self._wire.last = OnWire(operation, command)
        wire.task = self._tasks.begin(self._carry(wire, state, expected))
        self._ecc.poller.wake()
        try:
            error = await command.over(wire.task)
        except AbortedError as aborted:
            raise AbortedError(f"{aborted}; {wire.label} goes on to its end") from None
        if error is not None:
            raise error
        return expected

    def _check_now(self, operation: Operation, expected: EccState) -> None:
        """Check again: another client may have acted during the last exchange."""
        state = self._ecc.snapshot.state
        if leads_to(state, operation) is not expected:
            raise RefusedError(
                f"{self._ecc.name} is {state.label} now, by another client: no "
                f"{operation.label}."
            )
        self._guard.check(state, operation)

    async def _carry(
        self, wire: OnWire, before: EccState, expected: EccState
    ) -> DaqError | None:
        """Carry an operation out and read back; an abort does not end this.

        Returns:
            None if the server is where the operation leads, else why not.
        """
        try:
            answer = await self._exchange(wire)
            error = await self._outcome(wire.operation, before, expected, answer)
        finally:
            self._asked(Transition.NONE)
        if wire.command.is_over:  # it was aborted: no caller waits
            self._tell_late(error)
        return error

    async def _exchange(self, wire: OnWire) -> OperationAnswer | LinkError:
        snapshot, operation = self._ecc.snapshot, wire.operation
        self._wire.begin()
        begun = replace(snapshot, transition=operation.transition, step_time=0.0)
        self._ecc.change(replace(begun, message=f"{wire.label} ..."))
        try:
            return await self._link.operate(
                operation,
                snapshot.config if operation in NEEDS_CONFIG else None,
                snapshot.links if operation is Operation.CONFIGURE else (),
                timeout=self._deadlines.operations[operation],
            )
        except LinkError as error:
            return error
        finally:
            wire.answered = True

    async def _outcome(
        self,
        operation: Operation,
        before: EccState,
        expected: EccState,
        answer: OperationAnswer | LinkError,
    ) -> DaqError | None:
        """Verify by the state read back: the answer alone proves nothing."""
        if isinstance(answer, NotConnectedError):  # nothing was sent
            self._ecc.change(replace(self._ecc.snapshot, transition=Transition.NONE))
            return answer
        self._note(operation, answer)
        try:
            state = await self._follower.settled(expected)
        except UnknownOutcomeError as lost:
            return lost
        has_failed = isinstance(answer, OperationAnswer) and answer.error_code
        if state is expected and not has_failed:
            return None
        here = f"The server is {state.label}.{self._cure(state, before)}"
        return self._failure(operation, answer, here)

    def _note(self, operation: Operation, answer: OperationAnswer | LinkError) -> None:
        """Show the answer to an operation, before the state is read back."""
        now = self._ecc.snapshot
        if isinstance(answer, OperationAnswer):
            self._ecc.change(replace(now, error_code=answer.error_code))
            if operation is Operation.CONFIGURE:
                self.configured = answer.text
            return
        text = (
            f"{sentence(answer)} Perhaps still {operation.transition.label}: see its "
            "state. If this does not end, restart getEccSoapServer."
        )
        self._ecc.change(replace(now, message=text))

    def _failure(
        self, operation: Operation, answer: OperationAnswer | LinkError, here: str
    ) -> DaqError:
        what = f"{self._ecc.name}: {operation.label}"
        match answer:
            case OperationAnswer(error_code=0):
                return OperationError(
                    f"{what} was answered with success and not done. {here}"
                )
            case OperationAnswer(error_code=code, error_message=text):
                reason = text.strip().rstrip("|").rstrip() or "no reason given"
                return OperationError(f"{what} failed: {reason} (code {code}). {here}")
            case NoAnswerError(timed_out=True):
                return UnknownOutcomeError(f"{sentence(answer)} {here}")
            case _:
                return OperationError(f"{sentence(answer)} {here}")

    def _cure(self, state: EccState, before: EccState) -> str:
        if state is not EccState.BROKEN:
            return ""
        if before is EccState.BROKEN:  # not even Breakup helped
            return " Restart getEccSoapServer."
        return (
            " Breakup may help, else restart getEccSoapServer: "
            f"{Cure(self._ecc.prefix, 'Command', Operation.BREAKUP.label)}"
        )

    def _tell_late(self, error: DaqError | None) -> None:
        if error is not None:
            self._ecc.failed("operation", f"After an abort: {error}")
        elif self._ecc.running is None:
            now = self._ecc.snapshot
            text = f"{now.state.label}, after an abort"
            self._ecc.change(replace(now, message=text))

    def _asked(self, transition: Transition) -> None:
        self._ecc.change(replace(self._ecc.snapshot, asked=transition))

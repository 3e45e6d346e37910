"""One operation of an ECC server: sent once, and judged by what is read back."""

from __future__ import annotations

import time
from dataclasses import replace

from daqpv.core import Command, Cure
from daqpv.ecc.codes import EccState, Operation, Transition
from daqpv.ecc.following import FollowedEcc, OnWire
from daqpv.ecc.link import OperationAnswer
from daqpv.ecc.path import leads_to
from daqpv.ecc.snapshot import NEEDS_CONFIG
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


class OperatedEcc(FollowedEcc):
    """An ECC server that does one operation at a time.

    What is on the wire cannot be called back: it is carried to its end in a task of
    the follower, whatever becomes of the command that asked for it.
    """

    async def _step(
        self, command: Command, state: EccState, operation: Operation
    ) -> EccState:
        """Send `operation`, legal in `state`; return where it led, as read back.

        Raises:
            RefusedError: it cannot be sent any more as things are now.
        """
        command.check()
        expected = leads_to(state, operation)
        assert expected is not None, (state, operation)
        if self._tasks is None:
            raise RefusedError(f"{self.name} is not followed now. Nothing was sent.")
        self._check_now(operation, expected)
        # at once, so that whoever looks next sees it
        self.change(replace(self.snapshot, asked=operation.transition))
        wire = self._wire = OnWire(operation, command)
        wire.task = self._tasks.create_task(self._carry(wire, state, expected))
        self._poller.wake()
        try:
            error = await command.over(wire.task)
        except AbortedError as aborted:
            raise AbortedError(f"{aborted}; {wire.label} goes on to its end") from None
        if error is not None:
            raise error
        return expected

    def _check_now(self, operation: Operation, expected: EccState) -> None:
        """Look once more: while others were asked, another client may have acted."""
        now = self.snapshot
        if leads_to(now.state, operation) is not expected:
            raise RefusedError(
                f"{self.name} is {now.state.label} now, by another client: no "
                f"{operation.label}."
            )
        self._guard.check(now.state, operation)

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
            self.change(replace(self.snapshot, asked=Transition.NONE))
        if wire.command.is_over:  # it was aborted: nobody waits for this
            self._tell_late(error)
        return error

    async def _exchange(self, wire: OnWire) -> OperationAnswer | LinkError:
        snapshot, operation = self.snapshot, wire.operation
        self._step_began = time.monotonic()
        self.change(
            replace(
                self.snapshot,
                transition=operation.transition,
                step_time=0.0,
                message=f"{wire.label} ...",
            )
        )
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
        """Judge by the state that is read back: the answer alone proves nothing."""
        if isinstance(answer, OperationAnswer):
            self.change(replace(self.snapshot, error_code=answer.error_code))
            if operation is Operation.CONFIGURE:
                self.configured = answer.text
        elif isinstance(answer, NotConnectedError):  # nothing was sent
            self.change(replace(self.snapshot, transition=Transition.NONE))
            return answer
        else:
            self.change(
                replace(
                    self.snapshot,
                    message=f"{sentence(answer)} Perhaps still "
                    f"{operation.transition.label}: its state will tell. If this does "
                    "not end, restart getEccSoapServer.",
                )
            )
        try:
            state = await self._settled(expected)
        except UnknownOutcomeError as lost:
            return lost
        here = f"The server is {state.label}.{self._cure(state, before)}"
        if state is expected and not (
            isinstance(answer, OperationAnswer) and answer.error_code
        ):
            return None
        return self._failure(operation, answer, here)

    def _failure(
        self, operation: Operation, answer: OperationAnswer | LinkError, here: str
    ) -> DaqError:
        what = f"{self.name}: {operation.label}"
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
            f"{Cure(self.prefix, 'Command', Operation.BREAKUP.label)}"
        )

    def _tell_late(self, error: DaqError | None) -> None:
        if error is not None:
            self.failed("operation", f"After an abort: {error}")
        elif self.running is None:
            self.change(
                replace(
                    self.snapshot,
                    message=f"{self.snapshot.state.label}, after an abort",
                )
            )

"""Leads an ECC server to a target state, one operation at a time."""

from __future__ import annotations

from daqpv.core import Command, Cure
from daqpv.ecc.codes import EccState, Transition
from daqpv.ecc.following import Follower, Polling
from daqpv.ecc.guard import Guard
from daqpv.ecc.path import StateGoal, next_operation
from daqpv.ecc.sending import Sender
from daqpv.ecc.wire import Wire
from daqpv.errors import (
    BusyError,
    LinkError,
    OperationError,
    RefusedError,
    sentence,
)


class Walking:
    """Leads a server to the target of a command, step by step.

    Args:
        ecc: the server as a device.
        wire: our operations.
        follower: reads the state.
        sender: sends the operations.
        guard: of the order between the servers.
    """

    def __init__(
        self,
        ecc: Polling,
        wire: Wire,
        *,
        follower: Follower,
        sender: Sender,
        guard: Guard,
    ) -> None:
        self._ecc = ecc
        self._wire = wire
        self._follower = follower
        self._sender = sender
        self._guard = guard

    async def begin(self, command: Command, goal: StateGoal) -> EccState:
        """Read the state again; on the way down, first wait for the running operation.

        Raises:
            RefusedError: the way up cannot begin now; nothing was sent.
            LinkError: the server cannot be reached on the way down.
        """
        if not goal.down:
            self.check_upward()
        elif (last := self._wire.last) is not None and last.task is not None:
            await command.over(last.task)
        follower = self._follower
        try:
            poll = follower.observe_until_lost() if goal.down else follower.observe()
            answer = await command.within(poll)
        except LinkError as error:
            if goal.down:
                raise
            raise RefusedError(f"{sentence(error)} Nothing was sent.") from error
        if answer.transition is Transition.NONE:
            return answer.state
        if not goal.down:
            raise BusyError(
                f"{self._ecc.name} is busy: {answer.transition.label}, asked by "
                f"another client. Wait until {self._ecc.prefix}Transition is None."
            )
        return await command.within(follower.settled())

    def check_upward(self) -> None:
        """Refuse the way up while the server is disabled, lost or busy.

        Raises:
            RefusedError: with the cure.
        """
        snapshot = self._ecc.snapshot
        if not snapshot.enabled:
            raise RefusedError(
                f"{self._ecc.name} is disabled. To enable it:",
                cure=Cure(self._ecc.prefix, "Enable", 1),
            )
        if snapshot.known and snapshot.is_lost:
            lost = f"{snapshot.condition.label}: {self._ecc.poller.reason}"
            raise RefusedError(f"{lost} Nothing was sent.")
        if (busy := self._wire.busy) is not None:
            raise BusyError(
                f"{self._ecc.name} is busy: still {busy.label} after an abort. "
                f"Wait until {self._ecc.prefix}Transition is None."
            )

    async def walk(self, command: Command, state: EccState, target: EccState) -> None:
        """Go to `target`; the guard is asked before each step but the first.

        Raises:
            CommandError: it has not led there.
        """
        begun = False
        while state is not target:
            operation = next_operation(state, target)
            try:
                if begun:
                    await command.within(self._guard(state, (operation,)))
                state = await self._sender.step(command, state, operation)
            except RefusedError as error:
                if not begun:
                    raise
                stays = self._ecc.snapshot.state.label
                text = f"{sentence(error)} {self._ecc.name} stays {stays}."
                raise OperationError(text) from error
            begun = True

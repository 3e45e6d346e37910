"""Keeps our running operation of an ECC server, and the time of its transition."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from daqpv.core import Clock, Command, Origin
from daqpv.ecc.codes import Operation, Transition
from daqpv.errors import DaqError


@dataclass(slots=True)
class OnWire:
    """An operation of ours, from its sending until its outcome is read back.

    Attributes:
        operation: as sent.
        command: the command that sent it; an abort may end it earlier.
        task: the exchange and the reading back.
        answered: the exchange has ended; the state is to be read back.
    """

    operation: Operation
    command: Command
    task: asyncio.Task[DaqError | None] | None = None
    answered: bool = False

    @property
    def is_done(self) -> bool:
        """Whether its outcome was read back."""
        return self.task is not None and self.task.done()

    @property
    def label(self) -> str:
        """The transition during the operation."""
        return self.operation.transition.label


class Wire:
    """Our last operation of a server, and the time of the server's last transition.

    Attributes:
        last: that operation; None before the first.
    """

    def __init__(self, clock: Clock) -> None:
        self.last: OnWire | None = None
        self._clock = clock
        self._began = 0.0

    @property
    def busy(self) -> OnWire | None:
        """An operation that has not ended yet."""
        return None if self.last is None or self.last.is_done else self.last

    @property
    def by(self) -> Origin | None:
        """The client that asked for it."""
        return None if self.busy is None else self.busy.command.by

    @property
    def elapsed(self) -> float:
        """Time since the present, else the last transition began [s]."""
        return self._clock.monotonic() - self._began

    def begin(self) -> None:
        """Note that a transition begins now."""
        self._began = self._clock.monotonic()

    def doing(self, *, within: float) -> Transition:
        """The operation that was just sent, if its transition may not have begun yet.

        Args:
            within: the longest time to a transition [s]: a request may hang without
                being done.
        """
        busy = self.busy
        if busy is None or busy.answered or self.elapsed > within:
            return Transition.NONE
        return busy.operation.transition

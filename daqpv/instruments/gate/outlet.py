"""What a gate needs of its instrument, and what it shows of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daqpv.core import Clock, Command, Reading
from daqpv.instruments.gate.rules import Value


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What a gate shows.

    Attributes:
        value: where a put leads while it is under way; else what the instrument was
            last given, or, before any put, what it had at the first contact; None: not
            known yet.
        is_moving: whether a put is under way.
        ramp: rate of change [units/s]; 0: it jumps.
    """

    value: Value | None = None
    is_moving: bool = False
    ramp: float = 0.0


@dataclass(frozen=True, slots=True)
class Staged:
    """What a group of gates shows.

    Attributes:
        requests: by channel, what it would have after an Apply: what was requested,
            else its present setpoint; None: not known.
        is_valid: whether an Apply would be accepted, as far as limits and the check of
            the group say.
        reason: why not; "" if it would.
    """

    requests: Sequence[tuple[str, Value | None]] = ()
    is_valid: bool = True
    reason: str = ""


class Outlet(Protocol):
    """An instrument, as its gates see it.

    Attributes:
        name: of the instrument.
        prefix: of its PVs, for the cures in sentences.
        clock: gives all times.
    """

    name: str
    prefix: str
    clock: Clock

    @property
    def closed(self) -> str:
        """Why nothing can be written now, with the cure; "" if it can.

        The instrument is disabled, offline or stopped.
        """

    async def write(self, channel: str, value: Value) -> None:
        """Write a channel; returns when the instrument has accepted the value.

        It has a deadline of its own. A write is never repeated.

        Raises:
            NotConnectedError: nothing was sent.
            UnknownOutcomeError: sent, and it is not known what became of it.
            OperationError: the instrument refuses it, in its own words.
            RefusedError: it cannot be sent, or must never be.
        """

    async def read(self, channel: str) -> Reading:
        """Read a channel anew: the value was asked for after this call.

        Raises:
            LinkError: it cannot be read.
        """

    def latest(self, channel: str) -> Reading:
        """The reading of a channel as it was last read."""

    def show_setpoint(self, channel: str, setpoint: Setpoint) -> None:
        """Show a setpoint in the instrument's snapshot."""

    def show_staged(self, group: str, staged: Staged) -> None:
        """Show the requests of a group, likewise."""

    # Its commands

    def command_begun(self, command: Command) -> None:
        """Write down that `command` runs."""

    def command_ended(self, command: Command, error: BaseException | None) -> None:
        """Write down how `command` ended."""

    def busy_with(self, running: Command) -> str:
        """The sentence about the running command, for one that is refused."""

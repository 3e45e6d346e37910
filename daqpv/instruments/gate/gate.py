"""The gate of one settable channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from daqpv.core import Command, Cure, Severity, Slot
from daqpv.errors import RefusedError
from daqpv.instruments.gate.confirm import WITHIN, Confirmation
from daqpv.instruments.gate.move import Move, Mover
from daqpv.instruments.gate.outlet import Outlet, Setpoint
from daqpv.instruments.gate.rules import Rules, Value
from daqpv.instruments.settings import Channel

Check = Callable[[str, Value], None]


class Gate:
    """The one way by which a settable channel is written.

    A put is checked first. One that is accepted takes over from the one before it, and
    ends when the instrument has the value. Puts of other channels run beside it.

    Args:
        name: of the channel.
        channel: its settings.
        outlet: the instrument.
        read_back: the channel that shows what the instrument has; None: none does.
        ramp: rate of change [units/s], if an operator has chosen one; None: that of the
            settings.

    Attributes:
        name: as above.
        rules: which values it takes.
        checks: further checks of direct puts, those of its groups: each is called with
            name and value, and may raise RefusedError.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        outlet: Outlet,
        *,
        read_back: str | None,
        ramp: float | None = None,
    ) -> None:
        self.name = name
        self.rules = Rules(f"{outlet.name}: {name}", channel)
        self.checks: list[Check] = []
        self._outlet = outlet
        self._channel = channel
        self._slot = Slot(self.rules.subject, outlet)
        self._mover = Mover(name, channel, outlet, self.rules, read_back)
        self._mover.rate = (channel.ramp or 0.0) if ramp is None else ramp
        self._read_back = read_back
        self._confirmation = Confirmation(outlet.clock)
        self._waiting: list[Move] = []
        self._watchers: list[Callable[[], None]] = []
        self.setpoint = Setpoint(ramp=self._mover.rate)

    # What clients do

    async def put(self, value: Any) -> None:
        """Set the channel; returns when the instrument has the value.

        A put of the value to which it is already on its way joins that put. Another one
        takes over: a ramp goes on from where it is.

        Args:
            value: in the units of the channel; of a state the label or its index.

        Raises:
            RefusedError: it is not allowed, or has to be confirmed; nothing was sent.
            OperationError: the instrument refuses it, or does not have it afterwards.
            AbortedError: stopped, or another put took over.
            UnknownOutcomeError: sent, and it is not known what became of it.
            LinkError: the link has failed before the last value was sent.
        """
        if (same := self._under_way_to(value)) is not None:
            await same.join()
            return
        move = self._move(value)
        with self._slot.recording(move):
            move.target = self.check(value)
            for check in self.checks:
                check(self.name, move.target)
            if self.unconfirmed(move.target):
                raise RefusedError(self.question(move.target))
            self.confirmed()
            await self._carry_out(move)

    async def stop(self) -> None:
        """Stop a ramp where it is; returns when it has. It is never refused."""
        moves = self._moves
        for move in moves:
            move.abort("stopped")
        for move in moves:
            await move.ended()

    def set_ramp(self, rate: float) -> None:
        """Choose the rate of change [units/s]; 0: it jumps. It holds at once.

        Raises:
            RefusedError: not a rate, or 0 during a ramp.
        """
        problem = ""
        if not (math.isfinite(rate) and rate >= 0):
            problem = f"cannot have a ramp of {rate}: put a rate per second, 0 to jump."
        elif rate == 0 and self._mover.rate and self._moves:
            stop = Cure(self._outlet.prefix, f"{self.name}:Stop", 1)
            problem = f"would jump now. Stop it first: {stop}"
        if not problem:
            self._mover.rate = float(rate)
            self._update()
            return
        setting = Command(f"set the ramp of {self.name}", clock=self._outlet.clock)
        with self._slot.recording(setting):
            raise RefusedError(f"{self.rules.subject} {problem}")

    # For the instrument

    def heard(self) -> None:
        """The read-back has a new reading: the first one becomes the setpoint."""
        if self._mover.accepted is None and not self._moves:
            self._mover.accepted = self._present()
            if self._mover.accepted is not None:
                self._update()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever the setpoint has changed."""
        self._watchers.append(changed)

    # For groups

    @property
    def span(self) -> set[Value | None]:
        """The setpoint; under way, where it is and where it goes."""
        now = self.setpoint
        return {now.value, self._mover.accepted} if now.is_moving else {now.value}

    def check(self, value: Any) -> Value:
        """The value as it would be sent.

        Raises:
            RefusedError: it is not allowed now.
        """
        checked = self.rules.checked(value)
        present = self._present()
        if present is None:
            present = self._mover.accepted
        self.rules.check_step(checked, present)
        if closed := self._outlet.closed:
            raise RefusedError(closed)
        return checked

    def unconfirmed(self, value: Value) -> bool:
        """Whether it has to be put once more; the next put may confirm it."""
        is_asked = self.rules.is_hazard(value) or self._is_blind
        return is_asked and not self._confirmation.is_given(value)

    def question(self, value: Value) -> str:
        """Why `value` has to be confirmed, and how."""
        why = "is a hazard"
        if not self.rules.is_hazard(value):
            why = "may be a jump, for where it is now is not known"
        return (
            f"{self.rules.subject}: {self.rules.text(value)} {why}: put the same value "
            f"again within {WITHIN:g} s to confirm."
        )

    def confirmed(self) -> None:
        """A confirmation was used."""
        self._confirmation.spend()

    async def put_checked(self, value: Value) -> None:
        """Set the channel to a value that `check` has returned; as `put` otherwise."""
        if (same := self._under_way_to(value)) is not None:
            await same.join()
            return
        move = self._move(value)
        move.target = value
        with self._slot.recording(move):
            await self._carry_out(move)

    # Moves

    @property
    def _moves(self) -> list[Move]:
        """The one that holds the slot, and those that wait for it."""
        running = self._slot.running
        first = [running] if isinstance(running, Move) else []
        return first + [move for move in self._waiting if move is not running]

    def _move(self, value: Any) -> Move:
        what = f"set {self.name} to {self.rules.text(value)}"
        return Move(what, clock=self._outlet.clock)

    def _under_way_to(self, value: Any) -> Move | None:
        """The put under way to `value`, which another one can join."""
        last = self._moves[-1] if self._moves else None
        if last is None or last.is_aborted:
            return None
        try:
            return last if self.rules.checked(value) == last.target else None
        except RefusedError:
            return None

    async def _carry_out(self, move: Move) -> None:
        """Take over from all others, then move."""
        for other in self._moves:
            other.abort("new setpoint")
        self._waiting.append(move)
        self._update()
        try:
            while self._slot.running is not None:
                await self._slot.running.ended()
            move.check()
            with self._slot.holding(move):
                await self._mover.go(move)
        finally:
            self._waiting.remove(move)
            self._update()

    def _update(self) -> None:
        """Show the setpoint as it is now; another put may be waiting for its turn."""
        moves = self._moves
        value = moves[-1].target if moves else self._mover.accepted
        if not moves:
            self._mover.rest()
        now = Setpoint(value, is_moving=bool(moves), ramp=self._mover.rate)
        if now != self.setpoint:
            self.setpoint = now
            self._outlet.show_setpoint(self.name, now)
            for changed in self._watchers:
                changed()

    def _present(self) -> Value | None:
        """What the instrument has, as last read; None: not known."""
        if self._read_back is None:
            return None
        reading = self._outlet.latest(self._read_back)
        if reading.value is None or reading.severity is Severity.INVALID:
            return None
        try:
            return self.rules.formed(reading.value)
        except RefusedError:
            return None

    @property
    def _is_blind(self) -> bool:
        """Whether a ramp or step is wanted from a value that nobody knows."""
        is_wanted = self._channel.step is not None or self._mover.rate > 0
        is_known = self._mover.accepted is not None or self._read_back is not None
        return self.rules.is_number and is_wanted and not is_known

"""Carries out a put: its ramp, and the wait until the instrument has the value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from daqpv.core import Clock, Command, Cure, Severity
from daqpv.errors import (
    AbortedError,
    LinkError,
    OperationError,
    RefusedError,
    UnknownOutcomeError,
    sentence,
)
from daqpv.instruments.gate.outlet import Outlet
from daqpv.instruments.gate.ramp import Beat, Ramp
from daqpv.instruments.gate.rules import Rules, Value, is_number
from daqpv.instruments.gate.uncut import uncut
from daqpv.instruments.settings import Channel, ChannelType

_FIRST, _LONGEST = 0.05, 1.0  # [s] between two looks at the read-back
_SLOWER = 1.6


class Move(Command):
    """A put under way.

    Attributes:
        target: the value that was put.
    """

    def __init__(self, what: str, *, clock: Clock) -> None:
        super().__init__(what, clock=clock)
        self.target: Value = 0.0


class Mover:
    """Brings a channel to the target of a move.

    Args:
        name: of the channel.
        channel: its settings.
        outlet: the instrument.
        rules: of the channel.
        read_back: the channel that shows what the instrument has; None: none does.

    Attributes:
        rate: of change [units/s]; 0: it jumps.
        accepted: what the instrument was last given and has accepted; None: not known.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        outlet: Outlet,
        rules: Rules,
        read_back: str | None,
    ) -> None:
        self.rate = 0.0
        self.accepted: Value | None = None
        self._name = name
        self._channel = channel
        self._outlet = outlet
        self._rules = rules
        self._read_back = read_back
        self._beat = Beat(channel.ramp_step, outlet.clock)
        self._at: float | None = None  # where a ramp is that another one may take over

    def rest(self) -> None:
        """No move is under way: the next one begins where the instrument is."""
        self._at = None

    async def go(self, move: Move) -> None:
        """Bring the channel to the target, and wait until the instrument has it.

        Raises:
            DaqError: as `Gate.put`.
        """
        ramp = await self._ramp_to(move.target)
        move.check()
        if closed := self._outlet.closed:
            raise RefusedError(closed)
        if ramp is None:
            await self._send(move, move.target)
        else:
            await self._follow(ramp, move)
        await self._settle(move)

    # The ramp

    async def _ramp_to(self, target: Value) -> Ramp | None:
        """The ramp to `target`; None: it jumps."""
        if not (self.rate and self._rules.is_number):
            return None
        start = self._at if self._at is not None else await self._start()
        if start is None or start == target:
            return None
        assert not isinstance(target, str | tuple)
        is_whole = self._channel.type is ChannelType.INTEGER
        ramp = Ramp(start, target, is_whole=is_whole)
        self._check_begin(start, Ramp(start, target).next(self._size))
        return ramp

    async def _start(self) -> float | None:
        """Where a ramp begins; None: nobody knows, and a client has confirmed it."""
        if self._read_back is None:
            return self.accepted if is_number(self.accepted) else None
        reading = await uncut(self._outlet.read(self._read_back))
        value: object = reading.value
        if not is_number(value) or reading.severity is Severity.INVALID:
            raise RefusedError(
                f"{self._rules.subject}: a ramp begins at {self._read_back}, which has "
                "no valid value now. To set it in one step:",
                cure=self._no_ramp,
            )
        return float(value)

    def _check_begin(self, start: float, first: float) -> None:
        """A ramp from outside of the limits must come within them in one step."""
        if self._rules.is_within(first) or self._rules.is_near_limits(start):
            return
        raise RefusedError(
            f"{self._rules.subject} is {self._rules.text(start)}, outside of its "
            "limits: no ramp from there keeps within them. To set it in one step:",
            cure=self._no_ramp,
        )

    @property
    def _no_ramp(self) -> Cure:
        return Cure(self._outlet.prefix, f"{self._name}:Ramp", 0)

    @property
    def _size(self) -> float:
        return self.rate * self._channel.ramp_step

    async def _follow(self, ramp: Ramp, move: Move) -> None:
        while not ramp.is_over:
            await move.within(asyncio.sleep(self._beat.rest))
            if closed := self._outlet.closed:
                raise AbortedError(f"{move.what}: ended in the ramp. {closed}")
            self._beat.taken()
            value = self._rules.limited(ramp.next(self._size))
            if value != self._at or ramp.is_over:
                await self._send(move, value)

    # One value

    async def _send(self, move: Move, value: Value) -> None:
        """Write `value`, once; if it is not known whether that was done, look."""
        try:
            await uncut(self._outlet.write(self._name, value))
        except UnknownOutcomeError as error:
            self._at = None
            await self._find_out(move, value, error)
        except OperationError as error:
            raise OperationError(f"{move.what}: {error}") from error
        self.accepted = value
        self._at = value if is_number(value) else None

    async def _find_out(self, move: Move, value: Value, error: Exception) -> None:
        text = f"{move.what}: {sentence(error)}"
        if self._read_back is None:
            raise UnknownOutcomeError(
                f"{text} It is not known whether the instrument has it. Look at the "
                "instrument, or put it again."
            ) from error
        failure = await self._disagreement(move, value)
        if failure is not None:
            raise UnknownOutcomeError(
                f"{text} It {failure.text}. Put it again."
            ) from error

    async def _settle(self, move: Move) -> None:
        """Wait until the read-back agrees with the target."""
        if self._read_back is None:
            return
        failure = await self._disagreement(move, move.target)
        if failure is None:
            return
        put = self._rules.text(move.target)
        raise failure.error(f"{self._rules.subject}: set {put}, {failure.text}")

    async def _disagreement(self, move: Move, value: Value) -> _Failure | None:
        """Wait until the read-back agrees with `value`; the last one that did not."""
        assert self._read_back is not None
        clock, pause = self._outlet.clock, _FIRST
        end = clock.monotonic() + self._channel.settle
        while True:
            failure = await self._look(self._read_back, value)
            left = end - clock.monotonic()
            if failure is None or left <= 0:
                return failure
            await move.within(asyncio.sleep(min(pause, left)))
            pause = min(_SLOWER * pause, _LONGEST)

    async def _look(self, read_back: str, value: Value) -> _Failure | None:
        after = f" after {self._channel.settle:g} s"
        try:
            reading = await uncut(self._outlet.read(read_back))
        except (LinkError, RefusedError) as error:
            return _Failure(f"cannot be read back: {error}", is_unknown=True)
        if reading.value is None or reading.severity is Severity.INVALID:
            words = reading.alarm.reason or "no value"
            return _Failure(f"reads back {words}{after}")
        if self._rules.agrees(reading.value, value):
            return None
        found = self._rules.apart(reading.value, value)[0]
        return _Failure(f"reads back {found}{after}")


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a read-back does not agree, as the end of a sentence."""

    text: str
    is_unknown: bool = False

    def error(self, text: str) -> OperationError | UnknownOutcomeError:
        return UnknownOutcomeError(text) if self.is_unknown else OperationError(text)

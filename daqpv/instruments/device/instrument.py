"""An instrument: it is read, its values are judged, and its channels are written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Unpack

from daqpv.core import Alarm, Condition, Polled, Severity, Status
from daqpv.core.devices.shown import Surroundings
from daqpv.core.devices.slot import Slot
from daqpv.core.events.event import EventSeverity, Folding
from daqpv.cure import Cure
from daqpv.errors import (
    LinkError,
    NotConnectedError,
    ProtocolError,
    RefusedError,
)
from daqpv.instruments.channels.inputs import Inputs
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.device.attempts import Attempts
from daqpv.instruments.device.evaluation import Evaluation
from daqpv.instruments.device.snapshot import InstrumentSnapshot, InstrumentState
from daqpv.instruments.device.wire import Wire
from daqpv.instruments.driver import Block, Driver, Frame, Raw, Read
from daqpv.instruments.gate import Gate, GateGroup

_CLOSING = 2.0  # [s] for a driver to close

_MISFIT = "{}: {}. Do its settings fit it?"
_WARNING = EventSeverity.WARNING
_BAD_LINES = Folding(singly=1, kinds=1)  # then their number, once a minute
_DISABLED = Alarm(Severity.NO_ALARM, Status.DISABLE, "disabled")
_STOPPED = Alarm(Severity.NO_ALARM, Status.DISABLE, "stopped")
_LOST = {
    Condition.OFFLINE: Status.COMM,
    Condition.HUNG: Status.TIMEOUT,
    Condition.ERROR: Status.READ,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an instrument is made of.

    Attributes:
        driver: the link to it.
        channels: those that it sends.
        inputs: the channels that are computed, and what they need.
    """

    driver: Driver
    channels: Channels
    inputs: Inputs


class Instrument(Polled[InstrumentSnapshot, Frame]):
    """An instrument of any sort; its driver knows how it is spoken to.

    Args:
        name, more: as of `Shown`.
        snapshot: the initial one: what operators chose.
        parts: as above.
        timeout: longest time of a cycle, and of a write [s]; the driver's own deadlines
            are shorter.

    Attributes:
        driver: the link to it.
        gates: of its settable channels, by name.
        groups: of gates, by name.
    """

    gates: Mapping[str, Gate]
    groups: Mapping[str, GateGroup]

    def __init__(
        self,
        name: str,
        snapshot: InstrumentSnapshot,
        parts: Parts,
        *,
        timeout: float,
        **more: Unpack[Surroundings],
    ) -> None:
        super().__init__(name, snapshot, timeout=timeout, **more)
        self.driver, self._channels = parts.driver, parts.channels
        self._inputs = parts.inputs
        evaluated = parts.channels, parts.inputs, parts.driver
        self._evaluation = Evaluation(*evaluated, self.clock)
        self.gates, self.groups = {}, {}
        self._wire = Wire(parts.driver, timeout)
        self._reads = Slot(name, self)  # others need not wait for a Read
        self._cycle = 0  # since the opening
        self._attempts = Attempts(self.clock)
        self.change(replace(self.snapshot, values=self._evaluation.unread()))
        self.enabled_changed()

    # -- reading it

    async def run(self) -> None:
        """Read it until cancelled."""
        self.driver.listen(self)
        self._inputs.follow(self._recompute)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self.poller.run())
        finally:
            self._inputs.leave()
            await self._wire.idle(_CLOSING)  # a write that was begun is finished
            await self._close()

    async def poll(self) -> Frame:
        """Read it once."""
        if not self._wire.turn.is_mine():
            await self._wire.turn.take()
        try:
            if not self.is_followed:
                raise NotConnectedError(f"{self.name} is not read any more")
            if not self.driver.is_open:
                await self._open()
            frame = await self.driver.exchange(Read(self._cycle))
        except LinkError:
            self._attempts.failed()
            raise
        finally:
            self._wire.turn.give()
        self._cycle += 1
        self._attempts.succeeded(has_answered=frame.good > 0)
        if frame.bad and not frame.good:
            self.update(self._evaluation.counted(frame, self.snapshot))
            raise ProtocolError(_MISFIT.format(self.driver.who, frame.bad[-1]))
        return frame

    def period(self) -> float:
        """Until the next cycle [s]; longer while it is not reached."""
        return self._attempts.rest(self.snapshot.period)

    async def _open(self) -> None:
        try:
            await self.driver.open()
        except BaseException:
            await self._close()
            raise
        self._cycle = 0
        self._attempts.opened()
        self._channels.begin(self.clock.monotonic())

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSING):
                await self.driver.close()
        except (TimeoutError, LinkError) as error:
            text = f"{self.driver.who} was not closed properly: {error}"
            self.emit("close", text, severity=_WARNING)

    async def _watch(self) -> None:
        """Mark values that are stale, and count also when nothing comes."""
        while True:
            await asyncio.sleep(self._channels.tick)
            if changes := self._evaluation.passed(self.snapshot):
                self.update(changes)
            if self.driver.is_open and not self.is_followed:
                await self._leave()

    async def _leave(self) -> None:
        """Leave a disabled or stopped instrument to others: many take one client."""
        async with self._wire.turn:
            if not self.is_followed:
                await self._close()

    # -- what comes

    def answered(self, answer: Frame, is_back: bool) -> None:
        """Show the values of a cycle; with an event, if it was lost."""
        if not self.is_followed:  # disabled during the cycle
            return
        if is_back or not self.snapshot.online:
            super().answered(answer, is_back)
            self._note(answer)
        else:
            self._note(answer, last_seen=self.seen())

    def heard(self, frame: Frame | Block) -> None:
        """Values have come unasked; history is counted only."""
        if isinstance(frame, Block):
            frame = frame.counts
        elif frame.is_history:
            frame = replace(frame, values={})
        if self.is_followed:
            self._note(frame)

    def _note(self, frame: Frame, **more: object) -> None:
        """Show what `frame` has."""
        changes = self._evaluation.after(frame, self.snapshot)
        if "last_bad" in changes:
            text = f"{self.name}: {changes['last_bad']}"
            self.emit("bad_line", text, severity=_WARNING, folding=_BAD_LINES)
        self.update({**changes, **more}, at=self.clock.time())

    def broken(self, error: LinkError) -> None:
        """The connection is gone between two cycles."""
        if self.is_followed:
            self.update(self._evaluation.broken(error, self.snapshot))
            if self._attempts.broke():
                self.poller.wake()

    def _recompute(self) -> None:
        self.update(self._evaluation.recomputed(self.snapshot))

    # -- loss, stop

    @property
    def is_followed(self) -> bool:
        """Whether it is read now, or tried."""
        now = self.snapshot
        return now.enabled and now.state is InstrumentState.ACQUIRING

    def refuse_unless_followed(self) -> None:
        """Raise RefusedError, with the cure, if it is disabled or stopped."""
        if not self.snapshot.enabled:
            cure = Cure(self.prefix, "Enable", 1)
            raise RefusedError(f"{self.name} is disabled. To enable it:", cure=cure)
        if self.snapshot.state is InstrumentState.STOPPED:
            cure = Cure(self.prefix, "State", "Acquiring")
            raise RefusedError(f"{self.name} is stopped. To begin:", cure=cure)

    def lost(self, condition: Condition, reason: str) -> None:
        """Show that it is lost, with an event."""
        alarm = Alarm(Severity.INVALID, _LOST[condition], condition.label.lower())
        self.update(self._evaluation.all_with(alarm, self.snapshot))
        super().lost(condition, reason)

    def enabled_changed(self) -> None:
        """Begin to read it, or stop it; so after a change of its state."""
        self.poller.enable(self.is_followed)
        self._attempts.clear()
        if not self.is_followed:
            self.poller.give_up()
            alarm = _STOPPED if self.snapshot.enabled else _DISABLED
            stopped = self._evaluation.all_with(alarm, self.snapshot)
            self.update({**stopped, "rate": 0.0})

    # -- commands

    async def reach(self, state: InstrumentState) -> None:
        """Begin to read it, or stop; a stopped instrument is not connected.

        Raises:
            BusyError: a command runs.
        """
        begins = state is InstrumentState.ACQUIRING
        with self.command("begin to acquire" if begins else "stop to acquire"):
            if state is self.snapshot.state:
                return
            now = replace(self.snapshot, state=state)
            if begins:  # not known until it has answered
                now = replace(now, known=False, condition=Condition.OFFLINE)
            self.change(now)
            self.enabled_changed()
            if not begins:
                await self._leave()

    async def set_period(self, period: float) -> None:
        """Read it with another period [s] from now on."""
        with self.command(f"set the period to {period:g} s"):
            self.change(replace(self.snapshot, period=period))
            self._channels.pace(period)
            self.poller.wake()

    async def read(self) -> None:
        """Read it now.

        Raises:
            LinkError: there was no good answer.
        """
        with self._reads.command("read"):
            self.refuse_unless_followed()
            await self.poller.observe()

    async def send(self, channel: str, raw: Raw) -> None:
        """Write `raw` to a channel, and return when the instrument has accepted it.

        This is what the put gate uses; there is no other way to an instrument.

        Raises:
            NotConnectedError: nothing was sent.
            OperationError: the instrument refuses it, in its own words.
            UnknownOutcomeError: sent, and whether it arrived is not known.
        """
        self._note(await self._wire.write(channel, raw))

    async def look(self, channel: str) -> bool:
        """Read one channel now, besides the cycles; for the put gate.

        Returns:
            Whether its value has come; False also if values come by themselves only.

        Raises:
            LinkError: there was no good answer.
        """
        if not self.driver.polls:
            return False
        frame = await self._wire.look(channel, self._cycle)
        self._note(frame)
        return channel in frame.values

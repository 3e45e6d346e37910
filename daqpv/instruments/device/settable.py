"""The settable channels of an instrument: its gates, and how they reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from daqpv.core import Command, Condition, Reading, Severity
from daqpv.errors import NoAnswerError, RefusedError
from daqpv.instruments.channels.outward import Outward
from daqpv.instruments.device.instrument import Instrument
from daqpv.instruments.device.snapshot import InstrumentSnapshot
from daqpv.instruments.formula import Formula, FormulaError
from daqpv.instruments.formula.values import State
from daqpv.instruments.gate import Gate, GateGroup, Rules, Setpoint, Staged, Value
from daqpv.instruments.settings import Channel, InstrumentSettings

_LONGEST = 10.0  # [s] for news of a channel that is not asked for


def add_gates(
    instrument: Instrument, settings: InstrumentSettings, *, read: Collection[str]
) -> None:
    """Give `instrument` the gates of its settable channels, and their groups.

    Args:
        instrument: it has none yet.
        settings: of it.
        read: keys of the channels that it sends.

    Raises:
        ValueError: a setting cannot be used.
    """
    outlet = InstrumentOutlet(instrument, settings)
    gates, ramps = {}, instrument.snapshot.ramps
    for name, channel in settable(settings).items():
        back = read_back(name, settings, read)
        if back is not None and back not in instrument.snapshot.values:
            raise ValueError(
                f"channels, {name}: read_back {back} is only written: take one that "
                "the instrument sends"
            )
        gates[name] = Gate(name, channel, outlet, read_back=back, ramp=ramps.get(name))
    groups = {
        name: GateGroup(
            name, group, gates, outlet, holds=outlet.holds(group.check, gates)
        )
        for name, group in settings.groups.items()
    }
    instrument.gates, instrument.groups = gates, groups
    instrument.change(
        replace(
            instrument.snapshot,
            setpoints={name: gate.setpoint for name, gate in gates.items()},
            staged={name: group.staged for name, group in groups.items()},
        )
    )
    if gates:
        instrument.watch(outlet.seen, only={"values"})


def settable(settings: InstrumentSettings) -> dict[str, Channel]:
    """The channels that can be put, by name."""
    return {
        channel.name or key: channel
        for key, channel in settings.channels.items()
        if channel.is_settable
    }


def read_back(
    name: str, settings: InstrumentSettings, read: Collection[str]
) -> str | None:
    """The channel that shows what the instrument has of a settable one.

    Args:
        name: of the settable channel.
        settings: of the instrument.
        read: keys of the channels that it sends.
    """
    names = {channel.name or key: key for key, channel in settings.channels.items()}
    own = name if names[name] in read else None
    return settings.channels[names[name]].read_back or own


def ramps(settings: InstrumentSettings) -> dict[str, float]:
    """The rates of change as the file has them, by channel [units/s]."""
    return {
        name: channel.ramp or 0.0
        for name, channel in settable(settings).items()
        if Rules(name, channel).is_number
    }


class InstrumentOutlet:
    """An instrument, as its gates see it: a `daqpv.instruments.gate.Outlet`.

    Args:
        instrument: as above.
        settings: of it.

    Raises:
        ValueError: a setting cannot be used.
    """

    def __init__(self, instrument: Instrument, settings: InstrumentSettings) -> None:
        self.name = instrument.name
        self.prefix = instrument.prefix
        self.clock = instrument.clock
        self._instrument = instrument
        names = {key: one.name or key for key, one in settings.channels.items()}
        self._keys = {name: key for key, name in names.items()}
        self._calcs = {names[key] for key, one in settings.channels.items() if one.calc}
        self._outward = {
            name: Outward(f"{self.name}: {name}", channel)
            for name, channel in settable(settings).items()
        }
        self._news = asyncio.Event()  # set at the next change of a value

    @property
    def closed(self) -> str:
        """Why nothing can be written now, with the cure; "" if it can."""
        instrument = self._instrument
        try:
            instrument.refuse_unless_followed()
        except RefusedError as error:
            return str(error)
        now = instrument.snapshot
        if not now.known:
            return f"{self.name} has not answered yet. Wait until it is online."
        if now.condition is Condition.OK:
            return ""
        condition = "in error" if now.online else now.condition.label.lower()
        return f"{self.name} is {condition}: {instrument.poller.reason}"

    async def write(self, channel: str, value: Value) -> None:
        """Write a channel; returns when the instrument has accepted the value."""
        raw = self._outward[channel].raw(value)
        await self._instrument.send(self._keys[channel], raw)

    async def read(self, channel: str) -> Reading:
        """Read a channel anew."""
        if channel in self._calcs:
            await self._instrument.poller.observe()
            return self.latest(channel)
        before = self.latest(channel)
        if not await self._instrument.look(self._keys[channel]):
            await self._next(channel, before)
        return self.latest(channel)

    def latest(self, channel: str) -> Reading:
        """The reading of a channel as it was last read."""
        reading: Reading = self._instrument.snapshot.values[channel]
        return reading

    def show_setpoint(self, channel: str, setpoint: Setpoint) -> None:
        """Show a setpoint in the snapshot."""
        now = self._instrument.snapshot
        ramps = now.ramps
        if ramps.get(channel, setpoint.ramp) != setpoint.ramp:
            ramps = {**ramps, channel: setpoint.ramp}
        setpoints = {**now.setpoints, channel: setpoint}
        self._instrument.change(replace(now, setpoints=setpoints, ramps=ramps))

    def show_staged(self, group: str, staged: Staged) -> None:
        """Show the requests of a group in the snapshot."""
        now = self._instrument.snapshot
        self._instrument.change(replace(now, staged={**now.staged, group: staged}))

    def command_begun(self, command: Command) -> None:
        """Write down that `command` runs."""
        self._instrument.command_begun(command)

    def command_ended(self, command: Command, error: BaseException | None) -> None:
        """Write down how `command` ended."""
        self._instrument.command_ended(command, error)

    def busy_with(self, running: Command) -> str:
        """The sentence about the running command, for one that is refused."""
        return self._instrument.busy_with(running)

    def seen(self, snapshot: InstrumentSnapshot, changed: Collection[str]) -> None:
        """A watcher of the instrument: its values may have come."""
        self._news.set()
        self._news = asyncio.Event()
        for gate in self._instrument.gates.values():
            if gate.setpoint.value is None:
                gate.heard()

    def holds(self, check: str | None, gates: Mapping[str, Gate]) -> Any:
        """The check of a group, for its values; other names are readings."""
        if check is None:
            return None
        formula = Formula(check, foreign=False)

        def holds(values: Mapping[str, Value]) -> bool:
            named: dict[str, object] = {
                name: _labelled(gates[name].rules, value)
                for name, value in values.items()
            }
            for name in formula.names_used - named.keys():
                named[name] = self._valid(name)
            return formula.truth(named)

        return holds

    def _valid(self, name: str) -> object:
        reading = self._instrument.snapshot.values.get(name)
        if (
            reading is None
            or reading.value is None
            or reading.severity is Severity.INVALID
        ):
            raise FormulaError(f"{name} has no valid value now")
        if reading.label:
            return State(reading.value, reading.label)
        return reading.value

    async def _next(self, channel: str, before: Reading) -> None:
        """Wait for news of a channel that comes by itself."""
        try:
            async with asyncio.timeout(_LONGEST):
                while self.latest(channel) is before:
                    await self._news.wait()
        except TimeoutError:
            raise NoAnswerError(
                f"{self.name}: no value of {channel} came in {_LONGEST:g} s. Look at "
                "the instrument, and at the settings of its channel",
                timed_out=True,
            ) from None


def _labelled(rules: Rules, value: Value) -> object:
    if rules.labels and isinstance(value, int):
        return State(value, rules.labels[value])
    return value

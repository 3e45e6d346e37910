"""A model of an instrument in memory, for tests of the gates of its channels."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daqpv.core import (
    Alarm,
    Commanded,
    CommandSnapshot,
    Event,
    Events,
    Origin,
    Reading,
    Severity,
    Status,
    origin,
)
from daqpv.errors import DaqError
from daqpv.instruments.gate import Gate, GateGroup, Setpoint, Staged, Value
from daqpv.instruments.settings import Channel, SetGroup
from daqpv.testing import VirtualClock

NOTHING = Reading(value=None, alarm=Alarm(Severity.INVALID, Status.COMM, "offline"))


class Supply(Commanded[CommandSnapshot]):
    """An instrument with settable channels; what is written reads back at once.

    Attributes:
        closed: why nothing can be written.
        has: by channel, what it reads back.
        wrote: (time, channel, value) of each write, when it was sent.
        takes: duration of an exchange [s].
        lag: by channel, how long until a written value reads back [s].
        faults: raised by the next writes, in order; None: accepted.
        deaf: after a fault, the value is in the instrument all the same.
        unread: raised by reads.
    """

    def __init__(self) -> None:
        events, self.events = Events(), list[Event]()
        events.add(self.events.append)
        super().__init__(
            "supply",
            CommandSnapshot(),
            events=events,
            prefix="T:",
            clock=VirtualClock(),
        )
        self.closed = ""
        self.has: dict[str, Value | None] = {}
        self.wrote: list[tuple[float, str, Value]] = []
        self.takes = 0.0
        self.lag: dict[str, float] = {}
        self.off: dict[str, float] = {}
        self.faults: list[DaqError | None] = []
        self.deaf = False
        self.unread: DaqError | None = None
        self.on_wire = 0
        self.shown: list[tuple[str, Setpoint]] = []
        self.staged: dict[str, Staged] = {}
        self._wire = asyncio.Lock()

    # As an outlet

    async def write(self, channel: str, value: Value) -> None:
        async with self._wire:
            self.wrote.append((self.clock.monotonic(), channel, value))
            fault = self.faults.pop(0) if self.faults else None
            if fault is None or self.deaf:
                self._set_later(channel, value)
            await self._exchange()
            if fault is not None:
                raise fault

    async def read(self, channel: str) -> Reading:
        async with self._wire:
            await self._exchange()
            if self.unread is not None:
                raise self.unread
            return self.latest(channel)

    def latest(self, channel: str) -> Reading:
        value = self.has.get(channel)
        return NOTHING if value is None else Reading(value=value)

    def show_setpoint(self, channel: str, setpoint: Setpoint) -> None:
        self.shown.append((channel, setpoint))

    def show_staged(self, group: str, staged: Staged) -> None:
        self.staged[group] = staged

    async def _exchange(self) -> None:
        self.on_wire += 1
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.on_wire -= 1

    def _set_later(self, channel: str, value: Value) -> None:
        if isinstance(value, float | int):
            value += self.off.get(channel, 0)
        if lag := self.lag.get(channel):
            asyncio.get_running_loop().call_later(
                lag, self.has.update, {channel: value}
            )
        else:
            self.has[channel] = value

    # For tests

    def values(self, channel: str) -> list[Value]:
        """What was written to a channel."""
        return [value for _, name, value in self.wrote if name == channel]

    def gate(self, name: str = "volts", *, is_read: bool = True, **keys: Any) -> Gate:
        """A gate; `keys` of the channel's settings."""
        channel = Channel.model_validate({"write": True, "units": "V"} | keys)
        return Gate(name, channel, self, read_back=name if is_read else None)

    def group(self, *gates: Gate, **more: Any) -> GateGroup:
        names = tuple(gate.name for gate in gates)
        settings = SetGroup(
            channels=names, check=more.pop("check", None), reason=more.pop("reason", "")
        )
        by_name = {gate.name: gate for gate in gates}
        return GateGroup("both", settings, by_name, self, **more)


@contextmanager
def client(user: str) -> Iterator[None]:
    """Act for a client."""
    token = origin.set(Origin(user, "host"))
    try:
        yield
    finally:
        origin.reset(token)


def begun(gate: Gate, value: Any, user: str = "ann") -> asyncio.Task[None]:
    """A put of a client, in a task; it runs from the next turn of the loop on."""
    with client(user):
        return asyncio.ensure_future(gate.put(value))

"""An IOC process for tests with real clients: python serve_ioc.py PREFIX [COUNT RATE].

Prints "ready" when clients can connect.
"""

from __future__ import annotations

import asyncio
import enum
import math
import sys
import time
from dataclasses import dataclass, replace

from daqpv.core import Condition, Device, DeviceSnapshot, Events, origin
from daqpv.errors import RefusedError
from daqpv.serve import (
    Group,
    Server,
    ai,
    ao,
    button,
    long,
    longin,
    longout,
    mbbi,
    mbbo,
    string,
    strings,
    waveform,
)


class Valve(enum.IntEnum):
    """States of the valve."""

    CLOSED = 0
    OPEN = 1
    STUCK = 2

    @property
    def label(self) -> str:
        """The text of the state."""
        return self.name.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValveSnapshot(DeviceSnapshot):
    """The valve."""

    observed = frozenset({"valve"})
    valve: Valve = Valve.CLOSED


class ValveDevice(Device[ValveSnapshot]):
    """A valve that takes a moment, and cannot be asked to be stuck."""

    async def turn(self, valve: Valve) -> None:
        """Bring it there."""
        self.change(replace(self.snapshot, last_by=str(origin.get())))
        await asyncio.sleep(0.05)
        if valve is Valve.STUCK:
            raise RefusedError("nobody can want that")
        self.change(replace(self.snapshot, valve=valve))


async def turn(group: ValveGroup, valve: Valve) -> None:
    """A put to the valve."""
    await group.device.turn(valve)


released = asyncio.Event()


async def slow(group: ValveGroup, value: object) -> None:
    """An action that takes until Release is written."""
    await released.wait()


async def release(group: ValveGroup, value: object) -> None:
    """Let the slow action end."""
    released.set()


class ValveGroup(Group[ValveDevice]):
    """All kinds of PVs."""

    valve = mbbo("Valve", Valve, put=turn, doc="the valve")
    valve_rbv = mbbi("Valve_RBV", Valve, of="valve")
    last_by = string("LastBy")
    flow = ai("Flow", units="l/min", precision=3, high=80, hihi=95, display=(0, 100))
    limit = ao("Limit", precision=2, drive=(0, 10))
    slow = button("Slow", put=slow)
    release = button("Release", put=release)
    message = long("Message")
    note = long("Note", writable=True)
    title = string("Title", writable=True)
    wave = waveform("Wave", size=1_000_000, writable=True)
    names = strings("Names", size=5, writable=True)
    count = longin("Count")
    number = longout("Number", drive=(0, 1000))
    left = ai("Left")


async def main(prefix: str, count: int = 0, rate: float = 10.0) -> None:
    """Serve the valve, and `count` counters stepped `rate` times a second."""
    device = ValveDevice("valve", ValveSnapshot(), events=Events())
    group = ValveGroup(prefix, device)
    device.watch(group.show)
    device.change(
        replace(
            device.snapshot,
            known=True,
            online=True,
            condition=Condition.OK,
            message="grün: " * 20,
        )
    )
    group.flow.post(81.5)
    group.title.post("no number")
    group.count.post(7)
    group.left.post(math.nan)
    counters = type("Counters", (Group,), {f"m{i}": ai(f"M{i}") for i in range(count)})(
        prefix, device
    )
    server = Server()
    server.add(group)
    server.add(counters)

    async def step() -> None:
        number = 0
        while True:
            number += 1
            for channel in counters.pvdb.values():
                channel.post(float(number), time=time.time())
            await asyncio.sleep(1 / rate)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run(lambda port: print("ready", port, flush=True)))
        tasks.create_task(step())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *(int(a) for a in sys.argv[2:])))

"""A lamp with PVs of every sort, and what comes over the wire of it."""

from __future__ import annotations

import asyncio
import enum
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from daqpv.core import Device, DeviceSnapshot, Events, origin
from daqpv.errors import RefusedError
from daqpv.serve import (
    Group,
    ai,
    ao,
    bi,
    button,
    long,
    longout,
    mbbi,
    mbbo,
    string,
    strings,
    waveform,
)

STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
TIME, GR, CTRL = 14, 21, 28
VALUE, LOG, ALARM, PROPERTY = 1, 2, 4, 8
NORMAL, GET_FAIL, PUT_FAIL, NO_WRITE = 1, 152, 160, 376


class Colour(enum.IntEnum):
    RED = 0
    GREEN = 1
    BLUE = 2

    @property
    def label(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSnapshot(DeviceSnapshot):
    observed = frozenset({"online", "colour", "power", "heat"})
    colour: Colour | None = Colour.RED
    power: float = 0.0

    @property
    def heat(self) -> float:
        return self.power * 2


class Lamp(Device[LampSnapshot]):
    def __init__(self) -> None:
        super().__init__("lamp", LampSnapshot(), events=Events())
        self.puts: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def paint(self, colour: Colour) -> None:
        self.puts.append((colour, str(origin.get())))
        await self.gate.wait()
        if colour is Colour.BLUE:
            raise RefusedError("no blue paint")
        self.change(replace(self.snapshot, colour=colour))


async def paint(group: LampGroup, colour: Colour) -> None:
    await group.device.paint(colour)


async def explode(group: LampGroup, value: Any) -> None:
    raise ZeroDivisionError


class LampGroup(Group[Lamp]):
    colour = mbbo("Colour", Colour, put=paint, doc="of the lamp")
    colour_rbv = mbbi("Colour_RBV", Colour, of="colour")
    online = bi("Online", labels=("No", "Yes"))
    power = ai("Power", units="kW", precision=1, high=80, hihi=95, display=(0, 100))
    heat = ai("Heat")
    level = ao("Level", units="mm", precision=2, drive=(0.5, 60))
    free = ao("Free")
    count = longout("Count")
    paint_it = button("Paint", put=lambda group, _: paint(group, Colour.GREEN))
    broken = button("Broken", put=explode)
    message = long("Message")
    note = long("Note", size=100, writable=True)
    title = string("Title", writable=True)
    wave = waveform("Wave", size=10, writable=True)
    names = strings("Names", size=4, writable=True)

    def __init__(self, lamp: Lamp) -> None:
        super().__init__("L:", lamp)
        self.refusals: list[tuple[str, str, str]] = []
        self.ended: list[tuple[str, str, str]] = []

    def put_ended(self, channel: Any, began: float, error: Exception | None) -> None:
        assert began <= time.monotonic()
        self.ended.append((channel.name, str(error or ""), str(origin.get())))

    def refused(self, channel: Any, error: RefusedError) -> None:
        self.refusals.append((channel.name, str(error), str(origin.get())))


def text(value: str) -> bytes:
    return value.encode().ljust(40, b"\0")


def words(payload: bytes, size: int = 40) -> list[str]:
    parts = (payload[i : i + size] for i in range(0, len(payload), size))
    return [part.partition(b"\0")[0].decode() for part in parts]


async def connect(bench: Any, group: Any, *names: str) -> tuple[Any, list[int]]:
    server = await bench.serve(group)
    raw = await bench.client(server)
    return raw, [(await raw.create(name)).p2 for name in names]


def doubles(messages: Iterable[Any]) -> list[float]:
    return [struct.unpack_from(">d", m.payload, 16)[0] for m in messages]

"""Serves the PVs that the benchmarks measure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import (
    Declaration,
    Group,
    Server,
    ai,
    ao,
    bi,
    bo,
    longin,
    longout,
    mbbi,
    mbbo,
    string,
    waveform,
)

SLOW = 5.0  # [s] that a put to `slow` takes
BLOCK = 0.1  # [s] that a put to `block` blocks the server
ELEMENTS = 1_000_000  # of `w`
LABELS = ("zero", "one", "two")
FASTEST = 10_000.0  # [Hz]

_LIMITS: dict[str, Any] = {
    "units": "mm",
    "precision": 3,
    "lolo": -1e12,
    "low": -1e11,
    "high": 1e11,
    "hihi": 1e12,
}


async def _slow(_group: Any, _value: Any) -> None:
    await asyncio.sleep(SLOW)


async def _block(_group: Any, _value: Any) -> None:
    time.sleep(BLOCK)  # noqa: ASYNC251, blocks on purpose


class BenchGroup(Group[Shown[Snapshot]]):
    """The PVs that exist once; `pvs` adds the numbered ones."""

    rate = ao("rate", units="Hz", precision=1, drive=(0.0, FASTEST), doc="of counters")
    e = mbbo("e", LABELS, doc="an enum")
    l = longout("l", doc="a whole number")  # noqa: E741, the name of the PV
    s = string("s", writable=True, doc="a short text")
    w = waveform("w", size=ELEMENTS, writable=True, doc="an array")
    slow = ao("slow", put=_slow, doc="a put takes 5 s, and delays no other client")
    block = ao("block", put=_block, doc="a put blocks everything for 100 ms")


def group_of(prefix: str, n: int, m: int, *, mix: bool = False) -> BenchGroup:
    """The PVs under `prefix`: writable ``d0``..., counters ``m0``..., one of each sort.

    Args:
        prefix: of all PV names.
        n: number of ``d`` PVs.
        m: number of ``m`` PVs.
        mix: every second PV of both is an integer, a state or a text.
    """
    doubles = {f"d{i}": _setting(f"d{i}", i if mix else 0) for i in range(n)}
    counters = {f"m{i}": _counter(f"m{i}", i if mix else 0) for i in range(m)}
    kind = type("BenchPvs", (BenchGroup,), doubles | counters)
    device = Shown("bench", Snapshot(), events=Events())
    group: BenchGroup = kind(prefix, device)
    for channel in group.pvdb.values():
        channel.post(channel.value)
    group.w.post(np.zeros(ELEMENTS))
    return group


def _setting(name: str, i: int) -> Declaration:
    match i % 8:
        case 1:
            return longout(name)
        case 3:
            return mbbo(name, LABELS)
        case 5:
            return bo(name)
        case 7:
            return string(name, writable=True)
        case _:
            return ao(name, **_LIMITS)


def _counter(name: str, i: int) -> Declaration:
    match i % 8:
        case 1:
            return longin(name)
        case 3:
            return mbbi(name, LABELS)
        case 5:
            return bi(name)
        case 7:
            return string(name)
        case _:
            return ai(name, **_LIMITS)


async def serve(group: BenchGroup, rate: float, ready: Callable[[int], None]) -> None:
    """Serve `group` until cancelled; its counters step at `rate` [Hz].

    Raises:
        ServeError: the PV server cannot start.
    """
    server = Server()
    server.add(group)
    group.rate.post(rate)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(step(group))
        await server.run(ready)


async def step(group: BenchGroup) -> None:
    """Step all counters in one loop turn, every 1 / rate, until cancelled.

    A delayed step is performed late, never left out.
    """
    counters = tuple(_counters(group))
    loop = asyncio.get_running_loop()
    number, due = 0, loop.time()
    while True:
        rate = group.rate.value
        due = max(due + 1 / rate, loop.time() - 1) if rate else loop.time() + 0.1
        await asyncio.sleep(max(due - loop.time(), 0))
        if not rate:
            continue
        number += 1
        for post, form in counters:
            post(form(number))


def _counters(group: BenchGroup) -> Iterator[tuple[Any, Callable[[int], Any]]]:
    """The post function of each counter, and the function from step to value."""
    for name, channel in group.attr_pvdb.items():
        if name[0] == "m":
            states = len(channel.meta.labels)
            yield channel.post, states.__rmod__ if states else type(channel.value)

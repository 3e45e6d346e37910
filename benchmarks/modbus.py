"""Measures CPU time of reading Modbus devices, at the level of their drivers.

Ten devices in another process have 100 registers each, as 60 numbers of 16 bits and 20
of 32 bits, one channel each. Their drivers read all of it once a second: one question
per device. CPU time is that of this process, user and system.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.figure import Figure
from daqpv.core import Site
from daqpv.instruments.driver import Driver, Read
from daqpv.instruments.modbus.memory import Memory
from daqpv.instruments.modbus.place import Table
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.modbus.kinds import TCP
from daqpv.sim.modbus import TcpTalk

DEVICES = 10
CHANNELS: dict[str, Any] = {f"n{n}": {"at": {"input": n}} for n in range(60)} | {
    f"x{n}": {"at": {"input": 60 + 2 * n, "type": "float32"}} for n in range(20)
}
PERIOD = 1.0  # [s]
CYCLES = 15


class _Device(asyncio.Protocol):
    """One connection to the devices."""

    def __init__(self, memory: Memory, asked: list[int]) -> None:
        self._talk, self._asked = TcpTalk(memory.answer), asked

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for answer in self._talk.come(data):
            self._asked[0] += 1
            self._transport.write(answer)


def serve(pipe: Connection) -> None:
    """Be the devices; tell the ports, then how many questions came."""

    async def run() -> None:
        memory = Memory()
        memory.set(Table.INPUT, 0, bytes(range(200)))
        asked, loop, ports = [0], asyncio.get_running_loop(), []
        for _ in range(DEVICES):
            server = await loop.create_server(
                lambda: _Device(memory, asked), "127.0.0.1"
            )
            ports.append(server.sockets[0].getsockname()[1])
        pipe.send(ports)
        ended = asyncio.Event()
        loop.add_reader(pipe.fileno(), ended.set)
        await ended.wait()
        pipe.send(asked[0])

    asyncio.run(run())


def driver(number: int, port: int) -> Driver:
    """The driver of one device."""
    settings = InstrumentSettings.model_validate(
        {"connection": f"modbus-tcp://127.0.0.1:{port}", "channels": CHANNELS}
    )
    shared: dict[Any, Any] = {}
    site = SimpleNamespace(shared=lambda make: shared.setdefault(make, make(None)))
    return TCP.make(f"plc{number}", settings, cast(Site, site))


async def _follow(one: Driver) -> None:
    """Read a device `CYCLES` times."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for cycle in range(CYCLES):
        frame = await one.exchange(Read(cycle))
        assert len(frame.values) == len(CHANNELS)
        due += PERIOD
        await asyncio.sleep(due - loop.time())


async def _cpu(ports: list[int]) -> float:
    """CPU time per second of reading all devices [s/s]."""
    drivers = [driver(n, port) for n, port in enumerate(ports)]
    for one in drivers:
        await one.open()
        await one.exchange(Read())  # plans the blocks
    before = time.process_time()
    await asyncio.gather(*map(_follow, drivers))
    used = time.process_time() - before
    for one in drivers:
        await one.close()
    return used / (CYCLES * PERIOD)


def measure() -> Iterator[Figure]:
    """Yield the figures of one run."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    share = asyncio.run(_cpu(ours.recv()))
    ours.send("end")
    asked = ours.recv()
    process.join()
    what = "1,000 Modbus registers on 10 devices at 1 Hz: CPU"
    yield Figure(what, 100 * share, 5, "%")
    each = asked / DEVICES / (CYCLES + 1)
    yield Figure("... questions per device and cycle", each, 1, "")

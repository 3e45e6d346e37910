"""Measures the CPU time of a reading by SNMP: our messages, and those of pysnmp.

    python -m benchmarks.instruments.snmp_cpu [--readings 50]

A crate of 64 outputs with 6 columns is read by GETBULK, two requests per column. The
peer is another process with the simulated agent; the time is that of this process alone
(user and system), per reading of all 384 values; the median.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.connection import Connection

from pysnmp.hlapi.v1arch import asyncio as v1arch  # type: ignore[import-untyped]
from pysnmp.hlapi.v3arch import asyncio as v3arch  # type: ignore[import-untyped]

from daqpv.instruments.driver import Read
from daqpv.instruments.settings import InstrumentSettings
from daqpv.instruments.snmp.values import Kind
from daqpv.links.snmp.kinds import SNMP
from daqpv.sim.snmp import Point, SnmpSimulator

TABLE = "1.3.6.1.4.1.19947.1.3.2.1"
COLUMNS, ROWS, MOST = range(5, 11), range(1, 65), 50


def answer_for_ever(port: Connection) -> None:
    """The agent."""

    async def serve() -> None:
        points = {
            f"{TABLE}.{column}.{row}": Point(Kind.FLOAT, partial(float, row / 7))
            for column in COLUMNS
            for row in ROWS
        }
        simulator = SnmpSimulator(points)
        port.send(await simulator.start())
        await asyncio.Event().wait()

    asyncio.run(serve())


async def measure(name: str, read: Callable[[], Awaitable[None]], times: int) -> None:
    await read()
    taken = []
    for _ in range(times):
        start = time.process_time()
        await read()
        taken.append((time.process_time() - start) * 1e3)
    print(f"{name:24} {statistics.median(taken):7.2f} ms, least {min(taken):.2f} ms")


async def compare(port: int, times: int) -> None:
    await _ours(port, times)
    community = v3arch.CommunityData("public")
    target = await v3arch.UdpTransportTarget.create(("127.0.0.1", port))
    engine = v3arch.SnmpEngine()

    async def v3() -> None:
        for oid, rows in _requests():
            one = v3arch.ObjectType(v3arch.ObjectIdentity(oid))
            head = (engine, community, target, v3arch.ContextData())
            await v3arch.bulk_cmd(*head, 0, rows, one, lookupMib=False)

    await measure("pysnmp v3arch, v2c", v3, times)
    engine.close_dispatcher()
    plain = v1arch.SnmpDispatcher()
    at = await v1arch.UdpTransportTarget.create(("127.0.0.1", port))

    async def v1() -> None:
        for oid, rows in _requests():
            one = v1arch.ObjectType(v1arch.ObjectIdentity(oid))
            names = v1arch.CommunityData("public")
            await v1arch.bulk_cmd(plain, names, at, 0, rows, one, lookupMib=False)

    await measure("pysnmp v1arch, v2c", v1, times)
    plain.close()


async def _ours(port: int, times: int) -> None:
    channels = {
        f"c{column}_{row}": {"at": f"{TABLE}.{column}.{row}"}
        for column in COLUMNS
        for row in ROWS
    }
    settings = InstrumentSettings.model_validate(
        {"connection": f"snmp://127.0.0.1:{port}", "channels": channels}
    )
    driver = SNMP.make("crate", settings, None)  # type: ignore[arg-type]
    await driver.open()

    async def read() -> None:
        frame = await driver.exchange(Read())
        assert len(frame.values) == len(channels)

    await measure("driver snmp:, v2c", read, times)
    await driver.close()


def _requests() -> list[tuple[str, int]]:
    """The OIDs that are asked for, each with a number of rows."""
    firsts = ((0, MOST), (MOST, len(ROWS) - MOST))
    return [(f"{TABLE}.{c}.{row}", rows) for c in COLUMNS for row, rows in firsts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readings", type=int, default=50)
    times = parser.parse_args().readings
    ours, theirs = multiprocessing.Pipe()
    peer = multiprocessing.get_context("spawn").Process(
        target=answer_for_ever, args=(theirs,), daemon=True
    )
    peer.start()
    try:
        asyncio.run(compare(ours.recv(), times))
    finally:
        peer.terminate()
        peer.join()


if __name__ == "__main__":
    main()

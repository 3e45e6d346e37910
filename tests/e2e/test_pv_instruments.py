"""Channels that are PVs: of another IOC, over Channel Access, and of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from daqpv.core import Events, Severity, Shown, Snapshot
from daqpv.instruments.driver import Fault
from daqpv.links.ca.kinds import PV
from daqpv.links.ca.readings import AnyReadings
from daqpv.serve import Group, LocalPvs, Server, ao
from tests.support.drivers import Opened
from tests.support.gas import Gas
from tests.support.waiting import DEADLINE, soon


class Own(Group[Shown[Snapshot]]):
    """PVs of this process."""

    level = ao("Level", high=5.0, doc="Set and shown")


@pytest.fixture
def gas() -> Iterator[Gas]:
    gas = Gas()
    yield gas
    gas.end()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    own = Own("OwnPv:", Shown("own", Snapshot(), events=Events()))
    own.level.post(1.0)
    server.add(own)
    ready = asyncio.Event()
    task = asyncio.create_task(server.run(lambda port: ready.set()))
    async with asyncio.timeout(DEADLINE):
        await ready.wait()
    yield server
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def readings(server: Server) -> AsyncIterator[AnyReadings]:
    made = AnyReadings(LocalPvs(server))
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def opened(readings: AnyReadings, prefix: str, channels: dict[str, Any]) -> Opened:
    keys = {"channels": channels, "timeout": DEADLINE}
    return Opened(PV, f"pv:{prefix}", **keys, readings=readings)


async def test_pvs_of_another_ioc(gas: Gas, readings: AnyReadings) -> None:
    await asyncio.to_thread(gas.start)
    channels = {
        "p": {"at": "P", "write": True},
        "valve": {"at": "Valve", "write": True, "type": "text"},
        "missing": {"at": "NoSuchPv"},
    }
    async with opened(readings, gas.prefix, channels) as bottle:
        await bottle.read()
        await bottle.write("p", 300.25)
        await bottle.write("valve", "Open")
        await soon(lambda: bottle.values.get("p") == 300.25, "the value that was put")
        await soon(lambda: bottle.values.get("valve") == "Open", "the label")
        await bottle.write("p", 450)
        await soon(lambda: isinstance(bottle.values["p"], Fault), "the alarm")
        assert (bottle.values["p"].severity, bottle.values["p"].value) == (1, 450)
        stamps = [frame.time for frame in bottle.frames if "p" in frame.values]
        assert (stamps[-1] or 0) > 1.7e9
        gas.end()
        await soon(lambda: bottle.values["p"].value is None, "that it is gone")
        assert bottle.values["p"].severity is Severity.INVALID
        await asyncio.to_thread(gas.start)
        await bottle.read()
        await bottle.write("p", 1)
        await soon(lambda: bottle.values["p"] == 1, "the value after the restart")


async def test_pvs_of_this_process(readings: AnyReadings) -> None:
    channels = {"level": {"at": "Level", "write": True}}
    async with opened(readings, "OwnPv:", channels) as own:
        await own.read()
        assert own.values == {"level": 1.0}
        await own.write("level", 7.5)
        await soon(lambda: isinstance(own.values["level"], Fault), "the alarm")
        assert own.values["level"].value == 7.5

"""Simulated Modbus devices, read by our driver and by pymodbus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerType

from daqpv.errors import NoAnswerError, ProtocolError, SimulatorError
from daqpv.instruments.driver import Driver, Fault, Read, Write
from daqpv.instruments.settings import InstrumentSettings
from daqpv.sim.instruments import InstrumentSimulator
from daqpv.sim.instruments.places import place_of
from tests.support.modbus import a_driver, values

CHANNELS: dict[str, Any] = {
    "pressure": {"at": {"input": 0, "type": "float32", "order": "little-swap"}},
    "count": {"at": {"input": 2}},
    "valve": {"at": {"coil": 3}, "write": True},
    "wanted": {"at": {"holding": 10, "type": "int16"}, "write": True},
    "low": {"at": {"holding": 11, "bits": [0, 3], "modify": "read"}, "write": True},
    "flag": {"at": {"holding": 11, "bit": 15}},
    "name": {"at": {"input": 20, "type": "text", "length": 6}, "type": "text"},
    "trace": {"at": {"input": 30}, "type": "array", "length": 4},
}
POINTS = {
    "variables": {"wanted": 5, "low": 2},
    "points": {
        "pressure": "0.5 * wanted",
        "count": "70000",
        "flag": "1",
        "name": '"gauge"',
        "trace": "[1, 2, 3, 4]",
    },
}
SCHEMES = ("modbus-tcp", "modbus-rtu-tcp", "modbus-rtu")


def simulator(
    scheme: str, channels: Mapping[str, Any] = CHANNELS, **keys: Any
) -> InstrumentSimulator:
    """A simulator at a place of its own."""
    unit = "?unit=7"
    url = (
        f"{scheme}:///dev/x{unit}"
        if scheme == "modbus-rtu"
        else f"{scheme}://h:1{unit}"
    )
    settings = InstrumentSettings.model_validate(
        {"connection": url, "channels": channels, **keys}
    )
    made = InstrumentSimulator("plc", settings, seed=1)
    made.place = place_of(made, scheme, Path())
    return made


@asynccontextmanager
async def running(
    scheme: str, **keys: Any
) -> AsyncIterator[tuple[InstrumentSimulator, Driver]]:
    """A simulator, and a driver that is open."""
    async with simulator(scheme, simulator=POINTS) as one:
        assert one.connection.startswith(f"{scheme}://")
        driver = a_driver(one.connection, CHANNELS, **keys)
        await driver.open()
        try:
            yield one, driver
        finally:
            await driver.close()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_points_are_read_and_written_channels_keep_what_was_written(
    scheme: str,
) -> None:
    async with running(scheme) as (one, driver):
        for wanted, written in (5, {}), (-8, {"wanted": -8, "valve": 1, "low": 9}):
            for channel, value in written.items():
                await driver.exchange(Write(channel, value))
            found = dict(await values(driver))
            assert found.pop("trace").tolist() == [1, 2, 3, 4]  # type: ignore[union-attr]
            assert found == {
                "pressure": wanted / 2,
                "count": 65535,  # the nearest that the register can hold
                "valve": bool(written),
                "wanted": wanted,
                "low": written.get("low", 2),
                "flag": True,
                "name": "gauge",
            }
        assert one.play.variables["wanted"] == -8


@pytest.mark.parametrize("scheme", SCHEMES[:2])
async def test_pymodbus_reads_and_writes_it(scheme: str) -> None:
    async with simulator(scheme, simulator=POINTS) as one:
        host, port = one.place.url.rpartition("/")[2].split(":")
        framer = FramerType.SOCKET if scheme == "modbus-tcp" else FramerType.RTU
        client = AsyncModbusTcpClient(host, port=int(port), framer=framer)
        assert await client.connect()
        read = await client.read_input_registers(30, count=4, device_id=7)
        assert read.registers == [1, 2, 3, 4]
        assert not (await client.write_register(10, 44, device_id=7)).isError()
        assert not (await client.write_coils(3, [True], device_id=7)).isError()
        assert one.play.variables["wanted"] == 44
        assert one.play.variables["valve"] == 1
        gone = await client.read_holding_registers(100, count=1, device_id=7)
        assert gone.exception_code == 2
        client.close()


def test_a_unit_is_silent_to_questions_of_others() -> None:
    async def play() -> None:
        async with simulator("modbus-rtu-tcp", simulator=POINTS) as one:
            url = one.connection.replace("unit=7", "unit=8")
            driver = a_driver(url, CHANNELS, timeout=0.05)
            await driver.open()
            with pytest.raises(NoAnswerError):
                await values(driver)
            await driver.close()

    asyncio.run(play())


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_faults_of_the_device(scheme: str) -> None:
    async with running(scheme, timeout=0.2) as (one, driver):
        read = Read(channels=frozenset({"wanted"}))
        one.faults.refuse, one.faults.times = True, 1
        fault = (await driver.exchange(read)).values["wanted"]
        assert fault == Fault("busy (06): holding 10")
        one.faults.silent, one.faults.times = True, 1
        with pytest.raises(NoAnswerError):
            await driver.exchange(read)
        one.faults.late, one.faults.times = 0.3, 1
        with pytest.raises(NoAnswerError):
            await driver.exchange(read)
        if not driver.is_open:  # two time-outs
            await driver.close()
            await driver.open()
        assert (await driver.exchange(read)).values == {"wanted": 5}
        one.faults.garbage, one.faults.times = True, 1
        with pytest.raises((NoAnswerError, ProtocolError)):
            await driver.exchange(read)


async def test_without_a_section_values_drift_within_limits_and_scale_is_undone() -> (
    None
):
    channels = {
        "t": {
            "at": {"input": 0, "type": "int16"},
            "scale": "value / 10",
            "low": 20,
            "high": 22,
        },
        "set": {
            "at": {"holding": 0},
            "scale": "value / 10",
            "write": True,
            "min": 0,
            "max": 9,
        },
    }
    async with simulator("modbus-tcp", channels) as one:
        driver = a_driver(one.connection, channels)
        await driver.open()
        await driver.exchange(Write("set", 50))
        for _ in range(20):
            one.play.advance(0.1)
            found = await values(driver)
            assert 200 <= found["t"] <= 220  # type: ignore[operator]
            assert found["set"] == 50
        assert one.play.variables["set"] == 5.0
        await driver.close()


def test_a_channel_that_has_no_place_is_an_error_of_the_simulator() -> None:
    with pytest.raises(SimulatorError, match=r"plc: channels\.x: at is missing"):
        simulator("modbus-tcp", {"x": {}})

"""The Modbus driver and pymodbus as a device, in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, OperationError
from daqpv.instruments.driver import Driver, Fault, Read, Write
from tests.support.modbus import (
    OneSite,
    a_driver,
    opened,
    pymodbus_server,
    values,
)
from tests.support.ports import free_port


@pytest.fixture(scope="module", params=["socket", "rtu"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    port = free_port()
    with pymodbus_server(request.param, str(port)):
        scheme = {"socket": "modbus-tcp", "rtu": "modbus-rtu-tcp"}[request.param]
        yield f"{scheme}://127.0.0.1:{port}"


async def test_values_of_all_tables_are_read(url: str) -> None:
    driver = a_driver(
        url,
        {
            "first": "40001",
            "pair": {"holding": 10, "type": "uint32"},
            "input": {"input": 3},
            "on": {"coil": 3},
            "off": {"discrete": 4},
            "some": {"at": {"discrete": 1}, "type": "array", "length": 3},
        },
    )
    await opened(driver)
    found = dict(await values(driver))
    some = found.pop("some")
    assert found == {
        "first": 1000,
        "pair": (1010 << 16) + 1011,
        "input": 21,
        "on": True,
        "off": False,
    }
    assert list(some) == [0, 0, 1]  # type: ignore[arg-type]
    await driver.close()


async def test_a_register_that_does_not_exist_costs_only_its_channel(url: str) -> None:
    driver = a_driver(url, {f"r{n}": {"holding": n} for n in range(90, 111)})
    await opened(driver)
    for bad in (("holding 100: illegal address (02)",), ()):
        frame = await driver.exchange(Read())
        assert frame.bad == bad, "it is an event once"
        found = dict(frame.values)
        fault = found.pop("r100")
        assert isinstance(fault, Fault)
        assert fault.words == "illegal address (02): holding 100"
        assert found == {f"r{n}": 1000 + n for n in range(90, 111) if n != 100}
    assert frame.good == 2, "one question for the registers on each side of it"
    await driver.close()


async def test_what_is_written_is_read_back(url: str) -> None:
    driver = a_driver(
        url,
        {
            "set": {"at": {"holding": 50, "type": "float32"}, "write": True},
            "valve": {"at": {"coil": 20}, "write": True},
            "word": {"at": {"holding": 60}, "write": True},
            "bit": {"at": {"holding": 60, "bit": 3, "modify": "read"}, "write": True},
            "masked": {"at": {"holding": 61, "bits": [4, 7], "modify": "mask"}}
            | {"write": True},
        },
    )
    await opened(driver)
    for channel, value in {
        "set": 12.5,
        "valve": 1,
        "word": 0x0101,
        "bit": 1,
        "masked": 9,
    }.items():
        await driver.exchange(Write(channel, value))
    assert await values(driver) == {
        "set": 12.5,
        "valve": True,
        "word": 0x0109,
        "bit": True,
        "masked": 9,
    }
    await driver.close()


async def test_a_refused_write_says_the_words_of_the_device(url: str) -> None:
    driver = a_driver(url, {"gone": {"at": {"holding": 100}, "write": True}})
    await opened(driver)
    with pytest.raises(OperationError, match=r"gone \(holding 100\): illegal address"):
        await driver.exchange(Write("gone", 1))
    assert driver.is_open
    await driver.close()


async def test_units_share_one_connection_and_each_gets_its_own_values(
    url: str,
) -> None:
    site = OneSite()
    drivers = [
        a_driver(f"{url}?unit={n}", {"a": {"holding": 7}}, name=f"u{n}", site=site)
        for n in (1, 2, 3)
    ]
    for driver in drivers:
        await opened(driver)
    for _ in range(20):
        found = await asyncio.gather(*map(values, drivers))
        assert found == [{"a": 1007}, {"a": 2007}, {"a": 3007}]
    await drivers[0].close()
    assert await values(drivers[1]) == {"a": 2007}, "the others keep the connection"
    for driver in drivers[1:]:
        await driver.close()


async def fails(driver: Driver) -> LinkError:
    with pytest.raises(LinkError) as raised:
        await values(driver)
    return raised.value


async def test_a_device_that_restarts_is_read_again(
    record_property: object,
) -> None:
    port = free_port()
    driver = a_driver(
        f"modbus-tcp://127.0.0.1:{port}", {"a": {"holding": 1}}, timeout=5.0
    )
    with pytest.raises(NotConnectedError, match="Nothing listens there"):
        await driver.open()
    await driver.close()
    for _ in range(2):
        with pymodbus_server("socket", str(port)):
            await opened(driver)
            assert await values(driver) == {"a": 1001}
        assert isinstance(await fails(driver), NoAnswerError | NotConnectedError)
        assert not driver.is_open
        await driver.close()

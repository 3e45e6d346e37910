"""Modbus RTU on a serial line, with pymodbus at its other end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from daqpv.errors import LinkError, NotConnectedError
from daqpv.instruments.driver import Driver, Write
from tests.support.modbus import OneSite, a_driver, opened, pymodbus_server, values
from tests.support.pty_pair import joined
from tests.support.waiting import soon

CHANNELS = {"a": {"at": {"holding": 7}, "write": True}, "b": {"input": 2}}


async def answered(driver: Driver) -> object:
    """What it reads as soon as the other side is there."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await values(driver)
            except LinkError:
                assert driver.is_open


async def test_units_on_a_serial_line_are_read_and_written_in_turns() -> None:
    site = OneSite()
    with joined() as cable, pymodbus_server("rtu", cable.ends[1]):
        url = f"modbus-rtu://{cable.ends[0]}?baud=115200&silence=0.05"
        drivers = [
            a_driver(f"{url}&unit={n}", CHANNELS, name=f"u{n}", site=site, timeout=0.3)
            for n in (1, 2)
        ]
        for driver in drivers:
            await driver.open()
        assert await answered(drivers[0]) == {"a": 1007, "b": 14}
        assert await asyncio.gather(*map(values, drivers)) == [
            {"a": 1007, "b": 14},
            {"a": 2007, "b": 14},
        ]
        await drivers[1].exchange(Write("a", 5))
        assert await values(drivers[1]) == {"a": 5, "b": 14}
        for driver in drivers:
            await driver.close()


async def test_a_line_that_is_unplugged_needs_an_opening() -> None:
    with joined() as cable:
        driver = a_driver(f"modbus-rtu://{cable.ends[0]}", CHANNELS, timeout=600.0)
        await driver.open()
        reading = asyncio.create_task(values(driver))
        await soon(lambda: cable.carried, "the question")
        cable.cut()
        with pytest.raises(LinkError, match=r"plc at /dev/pts/\d+, unit 1 is lost"):
            await reading
        assert not driver.is_open
        await driver.close()


async def test_no_second_program_gets_bytes_of_the_line() -> None:
    with joined() as cable:
        url = f"modbus-rtu://{cable.ends[0]}"
        first, second = a_driver(url, CHANNELS), a_driver(url, CHANNELS)
        await first.open()
        with pytest.raises(
            NotConnectedError, match=r"plc: /dev/pts.*: another program"
        ):
            await second.open()
        await first.close()
        await opened(second)  # a thread closes it
        await second.close()


async def test_a_line_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    missing = a_driver("modbus-rtu:///dev/ttyNONE", CHANNELS)
    with pytest.raises(
        NotConnectedError, match="/dev/ttyNONE: there is no such device"
    ):
        await missing.open()
    plain = tmp_path / "file"
    plain.touch()
    with pytest.raises(NotConnectedError, match=r"plc: .*/file: ."):
        await a_driver(f"modbus-rtu://{plain}", CHANNELS).open()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(NotConnectedError):
        await a_driver(f"modbus-rtu://{fifo}", CHANNELS, timeout=0.5).open()


def test_instruments_on_one_line_have_the_same_baud_rate() -> None:
    site = OneSite()
    a_driver("modbus-rtu:///dev/x?baud=9600", CHANNELS, name="a", site=site)
    with pytest.raises(ValueError, match="a uses the line /dev/x as well, so baud"):
        a_driver("modbus-rtu:///dev/x?baud=19200", CHANNELS, name="b", site=site)

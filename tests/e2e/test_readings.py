"""Readings of PVs that others serve: libca in this process, an IOC in another."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from daqpv.core import READ_ELEMENTS, Reading, Severity, Status
from daqpv.links.ca import readings as module
from daqpv.links.ca.readings import AnyReadings
from daqpv.serve import LocalPvs, Server
from tests.support.gas import Gas
from tests.support.waiting import DEADLINE


@pytest.fixture
def gas() -> Iterator[Gas]:
    gas = Gas()
    yield gas
    gas.end()


@pytest.fixture
async def readings() -> AsyncIterator[AnyReadings]:
    made = AnyReadings(LocalPvs(Server()))
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def has(value: object) -> Callable[[Reading], bool]:
    """Whether a reading has this value."""
    return lambda reading: reading.value == value


async def reads(
    readings: AnyReadings, pv: str, wanted: Callable[[Reading], bool]
) -> Reading:
    """Wait for a reading of `pv`."""
    found: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()

    def show(reading: Reading) -> None:
        if wanted(reading) and not found.done():
            found.set_result(reading)

    end = readings.watch(pv, show)
    try:
        async with asyncio.timeout(DEADLINE):
            return await found
    finally:
        end()


def put(gas: Gas, signal_: str, text: str) -> None:
    gas.client.put(signal_, text)


async def test_each_sort_of_pv_is_read_as_what_it_is(
    gas: Gas, readings: AnyReadings
) -> None:
    await asyncio.to_thread(gas.start)
    texts = {
        "P": ("300.1234567", 300.1234567),
        "Count": ("-7", -7),
        "Name": ("iC4H10", "iC4H10"),
        "Recipe": ("x" * 100 + " é", "x" * 100 + " é"),
    }
    for signal_, (text, value) in texts.items():
        put(gas, signal_, text)
        reading = await reads(
            readings, gas.prefix + signal_, lambda r: r.value is not None
        )
        assert (reading.value, reading.shown) == (value, value)
        assert type(reading.value) is type(value)
        assert reading.severity is Severity.NO_ALARM
        assert reading.time > 1.7e9
    put(gas, "Valve", "Open")
    valve = await reads(readings, f"{gas.prefix}Valve", lambda r: r.value == 1)
    assert (valve.label, valve.shown) == ("Open", "Open")


async def test_of_an_array_the_first_elements_are_read(
    gas: Gas, readings: AnyReadings
) -> None:
    await asyncio.to_thread(gas.start)
    script = (
        "import epics, sys\n"
        "p = sys.argv[1]\n"
        "assert epics.caput(p + 'Trace', range(1500), wait=True)\n"
        "assert epics.caput(p + 'Names', ['a', 'b'], wait=True)\n"
    )
    command = [sys.executable, "-c", script, gas.prefix]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=DEADLINE)
    trace = await reads(readings, f"{gas.prefix}Trace", lambda r: bool(r.value))
    assert trace.value == [float(n) for n in range(READ_ELEMENTS)]
    names = await reads(readings, f"{gas.prefix}Names", lambda r: bool(r.value))
    assert names.value == ["a", "b"]


async def test_alarms_and_changes_come_until_the_watch_ends(
    gas: Gas, readings: AnyReadings
) -> None:
    await asyncio.to_thread(gas.start)
    seen: list[tuple[Any, Severity, Status]] = []
    pv = f"{gas.prefix}P"
    end = readings.watch(pv, lambda r: seen.append((r.value, r.severity, r.alarm[1])))
    assert seen == [(None, Severity.INVALID, Status.COMM)]  # not there yet
    await reads(readings, pv, lambda r: r.alarm.status is Status.UDF)
    put(gas, "P", "450")
    await reads(readings, pv, lambda r: r.value == 450)
    end()
    put(gas, "P", "1")
    await reads(readings, pv, lambda r: r.value == 1)
    assert seen[1:] == [
        (None, Severity.INVALID, Status.UDF),
        (450.0, Severity.MINOR, Status.HIGH),
    ]


async def test_a_pv_goes_and_comes_as_another_sort(
    gas: Gas, readings: AnyReadings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pv = f"{gas.prefix}P"
    monkeypatch.setattr(module, "SEARCH", 0.5)
    assert readings.latest(pv).value is None
    assert readings.latest(pv).alarm.reason == f"no answer from {pv}"
    await asyncio.to_thread(gas.start)
    put(gas, "P", "300")
    await reads(readings, pv, lambda r: r.value == 300.0)
    assert readings.latest(pv).value == 300.0
    gas.end()
    lost = await reads(readings, pv, lambda r: r.value is None)
    assert lost.severity is Severity.INVALID
    for sort, text, value in (("stringout", "low", "low"), ("waveform", "5", [5.0])):
        await asyncio.to_thread(gas.start, sort, text)
        await reads(readings, pv, has(value))
        gas.end()
        await reads(readings, pv, lambda r: r.value is None)


async def test_a_watcher_that_fails_costs_the_others_nothing(
    gas: Gas, readings: AnyReadings, caplog: pytest.LogCaptureFixture
) -> None:
    pv = f"{gas.prefix}P"

    def fail(reading: Reading) -> None:
        if reading.value is not None:
            raise ZeroDivisionError

    readings.watch(pv, fail)
    await asyncio.to_thread(gas.start)
    put(gas, "P", "300")
    await reads(readings, pv, lambda r: r.value == 300.0)
    assert "a watcher failed" in caplog.text

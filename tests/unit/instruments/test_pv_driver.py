"""The driver of PVs, with PVs in memory: values, alarms, times, loss."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from daqpv.core import Alarm, Reading, Severity, Status
from daqpv.errors import (
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
    StoreError,
)
from daqpv.instruments.driver import Fault
from daqpv.links.ca.kinds import CA, PV
from daqpv.testing import run_virtual
from tests.support.drivers import Opened, driver, instrument
from tests.support.sheet import Lab

CHANNELS: dict[str, Any] = {
    "i": {"at": "BEAM:I"},
    "valve": {"at": "VALVE", "type": "enum", "states": ["Shut", "Open"]},
    "mode": {"at": "VALVE", "type": "enum", "states": {"closed": "A", "open": "B"}},
    "text": {"at": "VALVE", "type": "text"},
    "trace": {"at": "TRACE", "type": "array", "length": 10},
}


class Pvs(Lab):
    """PVs that can be put; what a put raises."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[tuple[str, str]] = []
        self.error: Exception | None = None

    async def ask(self, pv: str) -> Reading:
        return self.latest(pv)

    async def put(self, pv: str, text: str) -> None:
        if self.error is not None:
            raise self.error
        self.puts.append((pv, text))


def lab() -> Pvs:
    pvs = Pvs()
    pvs.becomes("LAB:BEAM:I", 1.5)
    pvs.becomes("LAB:VALVE", 1, label="open")
    pvs.becomes("LAB:TRACE", [1.0, 2.0])
    return pvs


def opened(pvs: Pvs, **keys: Any) -> Opened:
    return Opened(PV, "pv:LAB:", **({"channels": CHANNELS} | keys), readings=pvs)


async def test_values_have_the_time_of_the_pv() -> None:
    async with opened(lab()) as beam:
        assert beam.values["i"] == 1.5
        assert beam.values["valve"] == 1
        assert beam.values["mode"] == "open"
        assert beam.values["text"] == "open"
        assert np.array_equal(beam.values["trace"], [1, 2])
        assert {frame.time for frame in beam.frames} == {1.0}


@pytest.mark.parametrize("severity", [Severity.MINOR, Severity.MAJOR, Severity.INVALID])
async def test_a_value_keeps_its_alarm(severity: Severity) -> None:
    pvs = lab()
    async with opened(pvs) as beam:
        pvs.becomes("LAB:BEAM:I", 9.5, Alarm(severity, Status.HIGH))
        expected = Fault("LAB:BEAM:I: high", severity, Status.HIGH, 9.5)
        assert beam.values["i"] == expected
        pvs.becomes(
            "LAB:VALVE", 1, Alarm(severity, Status.STATE, "stuck"), label="open"
        )
        assert beam.values["mode"].value == "open"
        assert beam.values["mode"].words == "LAB:VALVE: stuck"


async def test_each_reading_gives_all_values_again() -> None:
    async with opened(lab()) as beam:
        beam.frames.clear()
        assert await beam.read() == {}
        assert set(beam.values) == set(CHANNELS)
        assert sum(frame.good for frame in beam.frames) == 0


async def test_a_pv_that_is_gone_is_a_fault_of_its_channel() -> None:
    pvs = lab()
    async with opened(pvs) as beam:
        del pvs.now["LAB:BEAM:I"]
        pvs.watchers["LAB:BEAM:I"][0](pvs.latest("LAB:BEAM:I"))
        assert isinstance(beam.values["i"], Fault)
        assert beam.values["i"].severity is Severity.INVALID
        assert beam.values["i"].value is None
        await beam.read()  # the others are there
        assert beam.driver.is_open


def test_no_pv_at_all_is_a_loss() -> None:
    async def silence() -> None:
        async with opened(Pvs(), timeout=3) as beam:
            with pytest.raises(NoAnswerError, match="LAB:BEAM:I and 4 more PVs"):
                await beam.read()
            assert beam.driver.is_open  # the search goes on

    run_virtual(silence())


async def test_a_pv_that_is_not_defined_is_there() -> None:
    pvs = Pvs()
    pvs.becomes("A", None, Alarm(Severity.INVALID, Status.UDF))
    async with opened(pvs, channels={"a": {"at": "A"}}) as beam:
        pvs.becomes("LAB:A", None, Alarm(Severity.INVALID, Status.UDF))
        await beam.read()
        assert beam.values["a"].status is Status.UDF


@pytest.mark.parametrize("stamp", [0.0, 631152000.0])
async def test_a_record_that_was_never_processed_has_no_time(stamp: float) -> None:
    pvs = lab()
    pvs.now["LAB:BEAM:I"] = Reading(value=0.0, time=stamp)
    async with opened(pvs, channels={"i": {"at": "BEAM:I"}}) as beam:
        assert [frame.time for frame in beam.frames] == [None]


@pytest.mark.parametrize(
    ("value", "text"), [(1.5, "1.5"), (3, "3"), (True, "1"), ("Open", "Open")]
)
async def test_a_value_is_put(value: Any, text: str) -> None:
    pvs = lab()
    channels = {"i": {"at": "BEAM:I", "write": True}}
    async with opened(pvs, channels=channels) as beam:
        await beam.write("i", value)
    assert pvs.puts == [("LAB:BEAM:I", text)]


@pytest.mark.parametrize(
    ("raised", "given"),
    [
        (OperationError("too high"), OperationError),
        (RefusedError("no number"), OperationError),
    ],
)
async def test_a_put_that_fails_is_said(
    raised: Exception, given: type[Exception]
) -> None:
    pvs = lab()
    pvs.error = raised
    channels = {"i": {"at": "BEAM:I", "write": True}}
    async with opened(pvs, channels=channels) as beam:
        with pytest.raises(given, match=str(raised)):
            await beam.write("i", 1.0)


def test_a_put_waits_until_the_pv_is_found() -> None:
    async def search() -> None:
        pvs = lab()
        pvs.error = NotConnectedError("no answer from LAB:BEAM:I")
        channels = {"i": {"at": "BEAM:I", "write": True}}
        async with opened(pvs, channels=channels, timeout=3) as beam:
            with pytest.raises(NotConnectedError, match="no answer from LAB:BEAM:I"):
                await beam.write("i", 1.0)
            asyncio.get_running_loop().call_later(1, setattr, pvs, "error", None)
            await beam.write("i", 2.0)
            assert pvs.puts == [("LAB:BEAM:I", "2.0")]

    run_virtual(search())


async def test_nothing_comes_after_a_close() -> None:
    pvs = lab()
    async with opened(pvs) as beam:
        await beam.driver.close()
        beam.frames.clear()
        pvs.becomes("LAB:BEAM:I", 2.0)
        assert not beam.frames
        assert not any(pvs.watchers.values())
        await beam.driver.open()
        assert beam.values["i"] == 2.0


async def test_without_channel_access_it_is_not_connected() -> None:
    class Without(Pvs):
        def watch(self, pv: str, show: Any) -> Any:
            raise StoreError("libca cannot be loaded")

    with pytest.raises(NotConnectedError, match="libca cannot be loaded"):
        async with opened(Without()):
            pass


@pytest.mark.parametrize("at", ["", "LAB BEAM", "x" * 101, 5])
def test_what_is_no_pv_is_refused(at: object) -> None:
    with pytest.raises(ValueError, match="channel i"):
        driver(CA, instrument("ca:", {"i": {"at": at}}))

"""Reading an instrument: values, loss and return, staleness, stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daqpv.core import Condition, Result, Severity, Status
from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
    RefusedError,
    UnknownOutcomeError,
)
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.device.instrument import Instrument
from daqpv.instruments.device.snapshot import InstrumentState, InstrumentStatus
from daqpv.instruments.driver import Fault, Frame, Write
from daqpv.instruments.settings import Channel
from tests.support.instruments import MemoryDriver, instrument
from tests.support.virtual import Clock
from tests.support.waiting import soon

REFUSED = NotConnectedError("memory: connection refused")


@asynccontextmanager
async def followed(
    driver: MemoryDriver, channels: dict[str, dict[str, Any]], **more: Any
) -> AsyncIterator[Instrument]:
    """An instrument that is read."""
    gas = instrument(driver, channels, **more)
    task = asyncio.ensure_future(gas.run())
    try:
        yield gas
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert not driver.is_open


async def until(condition: Callable[[], bool], within: float = 100.0) -> None:
    async with asyncio.timeout(within):
        await soon(condition, "the condition")


async def test_values_come_with_the_period() -> None:
    driver = MemoryDriver(pressure=300.0)
    async with followed(driver, {"pressure": {}}, period=0.5) as gas:
        await asyncio.sleep(10.1)
        assert gas.snapshot.values["pressure"].value == 300.0
        assert gas.snapshot.status is InstrumentStatus.OK
        assert driver.cycles in (20, 21, 22)
        assert gas.snapshot.rate == pytest.approx(2.0, rel=0.1)
        assert driver.opened == 1


async def test_a_lost_instrument_makes_its_values_invalid_and_comes_back() -> None:
    driver = MemoryDriver(pressure=300.0)
    async with followed(driver, {"pressure": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        driver.error = REFUSED
        await until(lambda: gas.snapshot.condition is Condition.OFFLINE)
        reading = gas.snapshot.values["pressure"]
        assert (reading.value, reading.severity) == (300.0, Severity.INVALID)
        assert gas.snapshot.status is InstrumentStatus.ERROR
        driver.error = None
        await until(lambda: gas.snapshot.online)
        assert gas.snapshot.values["pressure"].severity is Severity.NO_ALARM
        assert driver.opened == 2


async def test_a_lost_instrument_is_tried_less_often() -> None:
    driver = MemoryDriver()
    driver.error = REFUSED
    async with followed(driver, {"pressure": {}}, period=0.1) as gas:
        await asyncio.sleep(1000)
        rest = gas.period()
        assert rest == 10.0
        driver.error = None
        await until(lambda: gas.snapshot.online, within=11)
        assert gas.period() == 0.1


async def test_a_value_that_does_not_come_is_stale() -> None:
    driver = MemoryDriver(pressure=300.0, temperature=20.0)
    channels: dict[str, dict[str, Any]] = {"pressure": {}, "temperature": {}}
    async with followed(driver, channels) as gas:
        await until(lambda: gas.snapshot.online)
        del driver.values["pressure"]
        await until(lambda: bool(gas.snapshot.stale))
        reading = gas.snapshot.values["pressure"]
        assert reading.alarm.status is Status.TIMEOUT
        assert reading.severity is Severity.INVALID
        assert gas.snapshot.values["temperature"].severity is Severity.NO_ALARM
        assert gas.snapshot.status is InstrumentStatus.STALE
        assert gas.snapshot.severity("status") is Severity.MINOR
        del driver.values["temperature"]
        await until(lambda: len(gas.snapshot.stale) == 2)
        assert gas.snapshot.severity("status") is Severity.MAJOR
        driver.values["pressure"] = 301.0
        await until(lambda: len(gas.snapshot.stale) == 1)
        assert gas.snapshot.values["pressure"].severity is Severity.NO_ALARM
        assert gas.snapshot.severity("status") is Severity.MINOR


async def test_a_stream_is_stale_after_its_time() -> None:
    driver = MemoryDriver(polls=False)
    async with followed(driver, {"t": {}}, stale=3.0) as gas:
        await until(lambda: driver.is_open)
        assert driver.listener is not None
        driver.listener.heard(Frame(values={"t": 20.5}))
        assert gas.snapshot.values["t"].value == 20.5
        await asyncio.sleep(2.5)
        assert not gas.snapshot.stale
        await asyncio.sleep(2)
        assert gas.snapshot.status is InstrumentStatus.STALE
        driver.listener.heard(Frame(values={"t": 21.0}))
        assert not gas.snapshot.stale


async def test_a_connection_that_breaks_makes_values_invalid_at_once() -> None:
    driver = MemoryDriver(polls=False)
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: driver.is_open)
        assert driver.listener is not None
        driver.listener.heard(Frame(values={"t": 20.5}))
        await driver.close()
        driver.listener.broken(REFUSED)
        assert gas.snapshot.values["t"].alarm.status is Status.COMM
        await until(lambda: driver.opened == 2, within=1)


async def test_a_connection_that_breaks_again_and_again_is_made_less_often() -> None:
    driver = MemoryDriver(polls=False)
    async with followed(driver, {"t": {}}, period=0.1) as gas:

        async def flood() -> None:
            while True:
                await soon(lambda: driver.is_open, "the connection")
                await driver.close()
                assert driver.listener is not None
                driver.listener.broken(REFUSED)

        flooding = asyncio.ensure_future(flood())
        await asyncio.sleep(100)
        flooding.cancel()
        assert driver.opened < 25
        await asyncio.sleep(30)
        assert gas.period() == 0.1  # it is steady again


async def test_a_longer_period_is_not_stale() -> None:
    driver = MemoryDriver(t=1.0)
    async with followed(driver, {"t": {}}, period=0.1) as gas:
        await until(lambda: gas.snapshot.online)
        await gas.set_period(100.0)
        await asyncio.sleep(1000)
        assert gas.snapshot.status is InstrumentStatus.OK
        assert driver.cycles < 30


async def test_a_stopped_instrument_is_closed_and_keeps_its_values() -> None:
    driver = MemoryDriver(t=1.0)
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        await gas.reach(InstrumentState.STOPPED)
        assert not driver.is_open
        reading = gas.snapshot.values["t"]
        assert (reading.value, reading.severity) == (1.0, Severity.NO_ALARM)
        assert reading.alarm.status is Status.DISABLE
        reads = driver.cycles
        await asyncio.sleep(100)
        assert driver.cycles == reads
        assert gas.snapshot.status is InstrumentStatus.OFF
        with pytest.raises(RefusedError, match="Acquiring"):
            await gas.read()
        await gas.reach(InstrumentState.ACQUIRING)
        await until(lambda: gas.snapshot.status is InstrumentStatus.OK)
        assert driver.opened == 2


async def test_what_does_not_answer_is_stopped_at_once() -> None:
    driver = MemoryDriver(t=1.0)
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        driver.delay = 1.5  # of a time-out of 1 s and its grace
        reading = asyncio.ensure_future(gas.read())
        await until(lambda: driver.is_busy)
        began = asyncio.get_running_loop().time()
        await gas.reach(InstrumentState.STOPPED)
        assert not driver.is_open
        assert asyncio.get_running_loop().time() == began
        with pytest.raises(LinkError):
            await reading
        assert gas.snapshot.status is InstrumentStatus.OFF
        driver.delay = 0.0
        await gas.reach(InstrumentState.ACQUIRING)
        await until(lambda: gas.snapshot.online)


async def test_a_disabled_instrument_takes_no_values() -> None:
    driver = MemoryDriver(t=1.0)
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        await gas.enable(False)
        await until(lambda: not driver.is_open, within=2)  # others may want it
        assert driver.listener is not None
        driver.listener.heard(Frame(values={"t": 2.0}))
        assert gas.snapshot.values["t"].value == 1.0
        assert gas.snapshot.values["t"].alarm.status is Status.DISABLE


async def test_why_a_channel_gets_no_value_is_in_last_bad() -> None:
    """Clients of Channel Access see no reason of an alarm but here."""
    driver = MemoryDriver(p=1.0, t=Fault("BadNodeIdUnknown"))
    async with followed(driver, {"p": {}, "t": {}}) as gas:
        await asyncio.sleep(5.5)
        assert gas.snapshot.last_bad == "t: BadNodeIdUnknown"
        assert gas.snapshot.lines_bad == 0
        driver.values["t"] = 2.0
        await until(lambda: gas.snapshot.values["t"].value == 2.0)
        driver.values["t"] = Fault("BadSensorFailure")
        await until(lambda: gas.snapshot.last_bad == "t: BadSensorFailure")


async def test_words_of_the_settings_are_no_bad_lines() -> None:
    driver = MemoryDriver(p=Fault("no sensor"))
    async with followed(driver, {"p": {"words": {"no sensor": "invalid"}}}) as gas:
        await until(lambda: gas.snapshot.values["p"].alarm.reason == "no sensor")
        assert gas.snapshot.last_bad == ""


async def test_bad_lines_are_counted_and_shown() -> None:
    driver = MemoryDriver(polls=False)
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: driver.is_open)
        assert driver.listener is not None
        driver.listener.heard(Frame(bad=["T=2x: no number"], good=0))
        driver.listener.heard(Frame(values={"t": "2x"}))
        assert gas.snapshot.lines_bad == 2
        assert gas.snapshot.last_bad == "t: '2x' is not a number"
        assert gas.snapshot.values["t"].severity is Severity.INVALID


async def test_answers_that_are_all_bad_are_an_error() -> None:
    driver = MemoryDriver(t=1.0)
    driver.bad = ["garbage: expected a number"]
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: gas.snapshot.condition is Condition.ERROR)
        assert gas.snapshot.lines_bad >= 3
        assert "garbage" in gas.snapshot.message


async def test_a_fault_is_an_alarm_with_the_words_of_the_instrument() -> None:
    driver = MemoryDriver(p=Fault("sensor off", Severity.MAJOR, Status.STATE))
    async with followed(driver, {"p": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        alarm = gas.snapshot.values["p"].alarm
        assert alarm == (Severity.MAJOR, Status.STATE, "sensor off")


async def test_the_value_of_a_word_is_in_the_units_of_the_channel() -> None:
    driver = MemoryDriver(p="OVER", s=5.0, n=Fault("at its limit", value=200))
    word = {"words": {"OVER": {"value": 1000, "severity": "major"}}}
    status = {"status": {"1": {"value": 7, "severity": "minor"}}}
    scale = {"scale": "value / 100", "smooth": 5.0}
    channels = {"p": {**word, **scale}, "s": {**status, **scale}, "n": scale}
    driver.values["s.status"] = 1
    async with followed(driver, channels) as gas:
        await until(lambda: gas.snapshot.online)
        values = gas.snapshot.values
        assert (values["p"].value, values["p"].severity) == (1000, Severity.MAJOR)
        assert (values["s"].value, values["s"].severity) == (7, Severity.MINOR)
        assert (values["n"].value, values["n"].severity) == (2, Severity.INVALID)


async def test_a_time_of_the_instrument_is_that_of_its_values(clock: Clock) -> None:
    driver = MemoryDriver(p=1.0)
    driver.time = clock.time() - 5.0
    async with followed(driver, {"p": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        assert gas.snapshot.values["p"].time == driver.time
        driver.time = clock.time() + 1000.0  # its clock is wrong
        await asyncio.sleep(5)
        assert gas.snapshot.values["p"].time <= clock.time()


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_clock_that_jumps_makes_nothing_stale(
    clock: Clock, step: float
) -> None:
    driver = MemoryDriver(p=1.0)
    async with followed(driver, {"p": {"smooth": 10.0}}) as gas:
        await asyncio.sleep(20)
        clock.step = step
        await asyncio.sleep(20)
        assert gas.snapshot.status is InstrumentStatus.OK
        assert gas.snapshot.values["p"].value == pytest.approx(1.0)


async def test_a_put_waits_for_the_read_and_never_meets_it() -> None:
    driver = MemoryDriver(p=1.0)
    async with followed(driver, {"p": {}}, period=0.1) as gas:
        await until(lambda: gas.snapshot.online)
        driver.delay = 0.05
        await asyncio.gather(*(gas.send("p", float(i)) for i in range(20)))
        assert [one.value for one in driver.written] == [float(i) for i in range(20)]


async def test_the_outcome_of_a_write_without_an_answer_is_unknown() -> None:
    driver = MemoryDriver(p=1.0)
    async with followed(driver, {"p": {}}) as gas:
        await until(lambda: gas.snapshot.online)

        def silent(write: Write) -> None:
            raise NoAnswerError("no answer in 1 s", timed_out=True)

        driver.take = silent
        with pytest.raises(UnknownOutcomeError):
            await gas.send("p", 1.0)

        def refused(write: Write) -> None:
            raise OperationError("gas: E05 out of range")

        driver.take = refused
        with pytest.raises(OperationError, match="E05"):
            await gas.send("p", 1.0)
        assert gas.snapshot.condition is Condition.OK


async def test_a_write_that_is_late_has_the_reason_of_the_driver() -> None:
    driver = MemoryDriver(p=1.0)
    async with followed(driver, {"p": {}}, period=1000.0) as gas:
        await until(lambda: gas.snapshot.online)
        driver.delay = 1.1  # its own deadline ends after that of the write

        def silent(write: Write) -> None:
            raise NoAnswerError("the community may be wrong", timed_out=True)

        driver.take = silent
        with pytest.raises(UnknownOutcomeError, match="the community may be wrong"):
            await gas.send("p", 1.0)


async def test_read_reads_now() -> None:
    driver = MemoryDriver(p=1.0)
    async with followed(driver, {"p": {}}, period=1000.0) as gas:
        await until(lambda: gas.snapshot.online)
        driver.values["p"] = 2.0
        await gas.read()
        assert gas.snapshot.values["p"].value == 2.0
        assert gas.snapshot.result is Result.DONE


async def test_sequence_counts_changes_of_values() -> None:
    driver = MemoryDriver(p=1.0)
    async with followed(driver, {"p": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        before = gas.snapshot.sequence
        await gas.read()
        assert gas.snapshot.sequence == before + 1


def test_why_a_channel_gets_no_value_is_told_once() -> None:
    settings = {"t": Channel()}
    channels = Channels(settings, stale=None, slack=1.0, period=1.0)
    frame = Frame(values={"t": Fault("BadNodeIdUnknown")})
    first, _ = channels.taken(frame, {}, now=0.0, time=0.0)
    assert channels.told(frame, first, {}) == ["t: BadNodeIdUnknown"]
    again, _ = channels.taken(frame, first, now=1.0, time=1.0)
    assert channels.told(frame, again, first) == []


async def test_what_has_no_end_is_told_when_values_are_stale() -> None:
    """The terminator is wrong: bytes come, and never a line."""
    driver = MemoryDriver(polls=False)
    driver.unended = lambda: "20 bytes without the end of a message"
    async with followed(driver, {"t": {}}, stale=2.0) as gas:
        await until(lambda: gas.snapshot.status is InstrumentStatus.STALE)
        assert gas.snapshot.last_bad == driver.unended()


async def test_nonsense_that_ends_a_connection_is_told() -> None:
    driver = MemoryDriver(polls=False)
    async with followed(driver, {"t": {}}) as gas:
        await until(lambda: gas.snapshot.online)
        assert driver.listener is not None
        driver.listener.broken(ProtocolError("more than 1048576 bytes without an end"))
        assert gas.snapshot.last_bad == "more than 1048576 bytes without an end"

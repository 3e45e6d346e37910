"""The examination of an instrument: steps, deadlines, clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from daqpv.core import Alarm, Finding, Reading, Severity, Status
from daqpv.errors import NoAnswerError
from daqpv.instruments.driver import Fault, Frame
from daqpv.instruments.examining.examine import duration, examined
from daqpv.instruments.examining.received import shown
from daqpv.instruments.settings import InstrumentSettings
from daqpv.testing import VirtualClock, run_virtual
from daqpv.testing.virtual import EPOCH
from tests.support.instruments import MemoryDriver

CHANNELS: dict[str, Any] = {"p": {"units": "mbar"}, "t": {}}


def examine(
    driver: MemoryDriver,
    channels: dict[str, Any] = CHANNELS,
    *,
    seconds: float = 10.0,
    sends: Callable[[MemoryDriver], None] | None = None,
) -> tuple[list[Finding], float]:
    """The findings, and how long it took.

    Args:
        driver: of the instrument.
        channels: settings by name.
        seconds: for the examination.
        sends: called after one second: it may send what is not asked for.
    """
    settings = InstrumentSettings.model_validate({"channels": channels})

    async def main() -> tuple[list[Finding], float]:
        loop = asyncio.get_running_loop()
        if sends is not None:
            loop.call_later(1.0, sends, driver)
        found = examined(driver, settings, until=seconds, clock=VirtualClock())
        findings = [one async for one in found]
        assert not driver.is_open, "it was not closed"
        return findings, loop.time()

    return run_virtual(main())


def told(findings: list[Finding]) -> list[str]:
    return [f"{one.step}: {one.good}: {one}" for one in findings]


def test_an_answer_of_all_channels_takes_no_longer_than_itself() -> None:
    driver = MemoryDriver(p=1e-5, t=300)
    driver.delay = 0.25
    findings, took = examine(driver)
    assert told(findings) == [
        "connection: True: memory: opened in 0 ms.",
        "exchange: True: 1 answer in 250 ms.",
        "parse: True: 2 of 2 channels came: p 1e-05 mbar, t 300.",
    ]
    assert took == 0.25


def test_an_old_value_beside_a_new_one_is_no_wrong_clock() -> None:
    """A server of OPC UA gives each node the time of its last change."""
    driver = MemoryDriver(polls=False)

    def sends(driver: MemoryDriver) -> None:
        heard(driver, Frame(values={"p": 1.0}, time=EPOCH + 1.0))
        heard(driver, Frame(values={"t": 2.0}, time=EPOCH - 500.0))

    findings, _ = examine(driver, sends=sends)
    assert told(findings)[-1] == "clock: True: Its newest time is 0 ms behind ours."


@pytest.mark.parametrize(
    ("offset", "text", "warns"),
    [
        (0.4, "Its newest time is 400 ms ahead of ours.", False),
        (-0.9, "Its newest time is 900 ms behind ours.", False),
        (2.5, "Its newest time is 2.5 s ahead of ours.", True),
        (-7200.0, "Its newest time is 2 h behind ours.", True),
    ],
)
def test_the_clock_of_the_instrument(offset: float, text: str, warns: bool) -> None:
    driver = MemoryDriver(p=1.0, t=2.0)
    driver.time = EPOCH + offset
    findings, _ = examine(driver)
    clock = findings[-1]
    assert (clock.step, clock.good, clock.text) == ("clock", True, text)
    assert clock.is_warning == warns
    assert clock.facts["offset"] == pytest.approx(offset)


def test_what_is_not_asked_for_completes_an_answer() -> None:
    findings, took = examine(
        MemoryDriver(p=1.0),
        sends=lambda driver: heard(driver, Frame(values={"t": 2.0})),
    )
    assert findings[-1].good
    assert took == 1.0


def heard(driver: MemoryDriver, frame: Frame) -> None:
    assert driver.listener is not None
    driver.listener.heard(frame)


def test_a_channel_that_does_not_come_is_not_waited_for_to_the_deadline() -> None:
    findings, took = examine(MemoryDriver(p=1.0), seconds=100.0)
    assert told(findings)[2:] == [
        "parse: False: 1 of 2 channels came: p 1 mbar.",
        "parse: False: No value of t. Does a question or a pattern name it, and does "
        "the instrument have it? What it has not: `leave_out`.",
    ]
    assert took == 2.0


def test_a_stream_is_waited_for_until_all_channels_have_come() -> None:
    driver = MemoryDriver(polls=False)
    findings, took = examine(
        driver, sends=lambda driver: heard(driver, Frame(values={"p": 1.0, "t": 2.0}))
    )
    assert told(findings)[1] == (
        "exchange: True: The first line came 1 s after the opening."
    )
    assert findings[-1].good
    assert took == 1.0


def test_history_gives_no_values_but_its_bad_lines() -> None:
    driver = MemoryDriver(polls=False)
    old = Frame(values={"p": 1.0}, time=1.0, bad=["'x': no number"], is_history=True)
    findings, _ = examine(driver, sends=lambda driver: heard(driver, old))
    assert told(findings)[2] == "parse: False: 0 of 2 channels came."
    assert findings[3].facts == {"line": "'x': no number"}
    assert "clock" not in {one.step for one in findings}


def test_a_connection_that_is_lost_is_told() -> None:
    driver = MemoryDriver(polls=False)

    def breaks(driver: MemoryDriver) -> None:
        assert driver.listener is not None
        driver.listener.broken(NoAnswerError("memory is gone", timed_out=False))

    findings, took = examine(driver, sends=breaks)
    assert told(findings)[1:] == ["exchange: False: memory is gone"]
    assert took == 1.0


def test_a_driver_that_takes_too_long_is_cancelled() -> None:
    driver = MemoryDriver(p=1.0, t=1.0)
    driver.delay = 1e6
    findings, took = examine(driver, seconds=5.0)
    assert told(findings)[1] == (
        "exchange: False: memory: not ended in the 5 s that were left."
    )
    assert took == 5.0


def test_many_bad_lines_are_counted() -> None:
    driver = MemoryDriver(p=1.0, t=1.0)
    driver.bad = [f"line {n}" for n in range(1000)]
    findings, _ = examine(driver)
    assert len(findings) < 15
    assert told(findings)[-1] == "parse: False: 992 more lines could not be read."


def test_words_of_the_instrument_are_as_good_as_values() -> None:
    channels = {"p": {"words": {"no sensor": "invalid"}}, "t": {}}
    findings, _ = examine(MemoryDriver(p=Fault("no sensor"), t=1.0), channels)
    assert told(findings)[2:] == [
        "parse: True: 2 of 2 channels came: p (no sensor, INVALID), t 1."
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12.3 ms"),
        (0.9999, "1 s"),
        (59.0, "59 s"),
        (300.0, "5 min"),
        (7200.0, "2 h"),
        (1e6, "11.6 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_limit_has_the_name_of_its_alarm_in_place_of_words() -> None:
    alarm = Alarm(Severity.MAJOR, Status.HIHI)
    assert shown(Reading(value=475.0, alarm=alarm), "Torr") == "475 Torr (HIHI, MAJOR)"


def test_what_the_instrument_does_not_have_is_a_problem() -> None:
    driver = MemoryDriver(p=1.0, t=Fault("no such object 1.3.6.1"))
    findings, _ = examine(driver, seconds=3.0)
    assert told(findings)[2:] == [
        "parse: False: 1 of 2 channels came: p 1 mbar.",
        "parse: False: No value of t: no such object 1.3.6.1.",
    ]

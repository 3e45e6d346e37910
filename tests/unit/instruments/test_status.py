"""Status first, number second."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import Severity, Status
from daqpv.instruments.channels.status import judged
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.parsing import Pattern
from daqpv.instruments.settings import Channel, InstrumentSettings

GAUGE = InstrumentSettings(model="pfeiffer-tpg362", connection="tcp://h:1")


def pressure(answer: str) -> Raw:
    """What becomes of an answer of a gauge controller."""
    values: dict[str, Any] = Pattern("{Gauge1.status:d},{Gauge1:g}").parse(answer)
    return judged(values, GAUGE.channels)["Gauge1"]


def test_a_number_counts_with_a_good_status() -> None:
    assert pressure("0,+8.3400E-03") == 8.34e-3


def test_a_gauge_that_is_not_there_has_no_pressure() -> None:
    assert pressure("5,2.0000E-2") == Fault("no sensor", Severity.INVALID)


def test_the_limit_of_the_range_is_shown_with_an_alarm() -> None:
    assert pressure("1,5.0000E-10") == Fault("under range", Severity.MINOR, value=5e-10)


def test_an_unknown_status_is_invalid() -> None:
    assert pressure("9,1.0000E-3") == Fault("status 9")


def test_a_number_without_its_status_is_invalid() -> None:
    found = judged({"Gauge1": 1e-3}, GAUGE.channels)
    assert found == {"Gauge1": Fault("no status came with it")}


def test_a_status_without_its_number_is_an_alarm_of_the_channel() -> None:
    assert judged({"Gauge1.status": 3}, GAUGE.channels) == {
        "Gauge1": Fault("sensor error")
    }
    assert judged({"Gauge1.status": 0}, GAUGE.channels) == {}


@pytest.mark.parametrize(("unit", "value"), [("V", 1.5), ("", 1.5)])
def test_a_unit_may_stand_behind_the_number(unit: str, value: float) -> None:
    channels = {"v": Channel.model_validate({"status": {"": "none", "V": "none"}})}
    assert judged({"v": value, "v.status": unit}, channels) == {"v": value}
    assert judged({"v": value, "v.status": "mV"}, channels) == {"v": Fault("status mV")}


def test_other_values_stay_as_they_are() -> None:
    channels = {"a": Channel()}
    values: dict[str, Raw] = {"a": 1, "b": "x", "b.status": 5, "a.status": 5}
    assert judged(values, channels) == {"a": 1, "b": "x", "b.status": 5}


CRATE = InstrumentSettings(model="wiener-mpod", connection="snmp://h")


def test_bits_become_words() -> None:
    found = judged({"u0Status": 1 | 1 << 11}, CRATE.channels)
    assert found == {"u0Status": "on, ramps up"}
    assert judged({"u0Status": 0}, CRATE.channels) == {"u0Status": ""}


def test_bits_are_alarms() -> None:
    found = judged({"u0Status": 1 | 1 << 10 | 1 << 5}, CRATE.channels)["u0Status"]
    assert found == Fault(
        "current too high, current limited",
        Severity.MAJOR,
        Status.STATE,
        "on, current too high, current limited",
    )


def test_an_integer_with_bits_stays_a_number() -> None:
    channel = Channel.model_validate(
        {"type": "integer", "bits": {"3": {"label": "trip", "severity": "major"}}}
    )
    assert judged({"s": 12.0}, {"s": channel}) == {
        "s": Fault("trip", Severity.MAJOR, Status.STATE, 12)
    }
    assert judged({"s": 4}, {"s": channel}) == {"s": 4}
    assert judged({"s": "x"}, {"s": channel}) == {"s": Fault("its bits are no integer")}


@given(st.integers(0, 7), st.floats(allow_nan=False, allow_infinity=False))
def test_no_other_status_gives_a_number_without_alarm(code: int, value: float) -> None:
    found = judged({"Gauge2.status": code, "Gauge2": value}, GAUGE.channels)["Gauge2"]
    assert isinstance(found, Fault) == (code != 0)

"""Calculated channels: values, severities and times follow from those of the inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from daqpv.core import NO_ALARM, Alarm, Reading, Severity, Status
from daqpv.instruments.formula import Calc, Calculated, FormulaError, pv_key

BEAM = pv_key("LAB:BEAM:I")


def calculated(**calcs: str | Calc) -> Calculated:
    """Channels of `gas`, which has pressure, temperature, p-1, state and trace."""
    return Calculated(
        "gas",
        {key: Calc(one) if isinstance(one, str) else one for key, one in calcs.items()},
        channels=("pressure", "temperature", "p-1", "state", "trace"),
        others=("hv.voltage", "hv.current"),
    )


def readings(**values: Any) -> dict[str, Reading]:
    return {
        key: one if isinstance(one, Reading) else Reading(value=one, time=100.0)
        for key, one in values.items()
    }


def invalid(status: Status, reason: str, value: Any = None) -> Reading:
    return Reading(value=value, alarm=Alarm(Severity.INVALID, status, reason), time=90)


def test_a_calculated_channel_has_the_newest_time() -> None:
    density = calculated(density="pressure / (temperature + 273.15)")
    given = readings(pressure=1013.25, temperature=Reading(value=20.0, time=107.5))
    made = density.compute(given)
    value = 1013.25 / 293.15
    assert made == {"density": Reading(value=value, alarm=NO_ALARM, time=107.5)}


def test_only_what_has_changed_inputs_is_computed() -> None:
    parts = calculated(a="pressure * 2", b="temperature + 1", c="a + hv.voltage")
    given = readings(pressure=1.0, temperature=2.0) | {"hv.voltage": Reading(value=9.0)}
    assert set(parts.compute(given)) == {"a", "b", "c"}
    assert parts.compute(given) == {}
    again = given | readings(pressure=1.0)
    assert parts.compute(again) == {}
    assert set(parts.compute(given | readings(temperature=3.0))) == {"b"}
    changed = given | readings(temperature=3.0, pressure=4.0)
    assert {key: one.value for key, one in parts.compute(changed).items()} == {
        "a": 8.0,
        "c": 17.0,
    }


def test_an_input_that_comes_later_or_goes_is_a_change() -> None:
    parts = calculated(a="pressure * 2")
    assert parts.compute({})["a"].alarm.reason == "pressure: no value yet"
    assert parts.compute({}) == {}
    assert parts.compute(readings(pressure=2.0))["a"].value == 4.0
    gone = parts.compute({})["a"]
    assert gone.value is None
    assert gone.alarm == Alarm(Severity.INVALID, Status.UDF, "pressure: no value yet")


def test_channels_are_computed_in_the_order_of_their_needs() -> None:
    parts = calculated(c="b * 2", b="gas.a + 1", a="pressure")
    assert parts.order == ("a", "b", "c")
    assert parts.compute(readings(pressure=1.0))["c"].value == 4.0


def test_the_inputs_are_known() -> None:
    parts = calculated(
        a="b + hv.voltage + pv('LAB:BEAM:I')",
        b="pressure + gas.temperature + ch('p-1')",
    )
    assert parts.inputs == ("pressure", "temperature", "p-1", "hv.voltage", BEAM)
    assert parts.needs.others == (("hv", "voltage"),)
    assert parts.needs.pvs == ("LAB:BEAM:I",)


def test_the_worst_severity_of_the_inputs_is_that_of_the_result() -> None:
    parts = calculated(power="hv.voltage * hv.current")
    made = parts.compute(
        {
            "hv.voltage": Reading(
                value=2.0, alarm=Alarm(Severity.MINOR, Status.HIGH, "above 1.5 kV")
            ),
            "hv.current": Reading(value=3.0, alarm=Alarm(Severity.MAJOR, Status.HIHI)),
        }
    )["power"]
    assert made.value == 6.0
    assert made.alarm == Alarm(Severity.MAJOR, Status.LINK, "hv.current: HIHI")


@pytest.mark.parametrize(
    ("pressure", "status", "reason"),
    [
        (invalid(Status.COMM, "no connection"), Status.LINK, "no connection"),
        (invalid(Status.READ, "OVER", 1000.0), Status.LINK, "OVER"),
        (invalid(Status.TIMEOUT, ""), Status.LINK, "TIMEOUT"),
        (invalid(Status.UDF, "not read yet"), Status.UDF, "not read yet"),
        (Reading(value=None), Status.UDF, "no value"),
        (Reading(value=math.nan), Status.LINK, "not a number"),
    ],
)
def test_an_input_without_a_valid_value(
    pressure: Reading, status: Status, reason: str
) -> None:
    parts = calculated(a="pressure if 1 > 2 else temperature", b="a + 1")
    made = parts.compute(readings(pressure=pressure, temperature=20.0))
    assert made["a"].value is None
    assert made["a"].alarm == Alarm(Severity.INVALID, status, f"pressure: {reason}")
    assert made["b"].value is None
    assert made["b"].alarm.reason == f"a: pressure: {reason}"
    assert made["b"].time == 100.0


@pytest.mark.parametrize(
    ("calc", "reason"),
    [
        ("1 / (pressure - 2)", "division by zero"),
        ("10**400 * pressure", "the result is too large"),
        ("pressure * 1e308 * 10", "the result is inf"),
        ("pressure * 1e308 * 10 - inf", "the result is nan"),
        ("(pressure - 3) ** 0.5", "a negative number to the power of a fraction"),
        ("sqrt(pressure - 3)", "sqrt(-1) does not exist"),
        ("'on' if pressure > 1 else 'off'", "the result is a text, not a number"),
        ("trace * pressure", "the result is an array, not a number"),
        ("trace[9] * pressure", "no element 9 in an array of 3"),
        (Calc("pressure + 1", "text"), "the result is not a text"),
        (Calc("pressure * 2.5e9", "integer"), "the result is too large for an integer"),
        (Calc("pressure + 1", "enum", ("Off", "On")), "no state 3"),
        (Calc("pressure / 4", "enum", ("Off", "On")), "no state 0.5"),
        (Calc("'Up' if pressure else 'On'", "enum", ("Off", "On")), "no state 'Up'"),
        (Calc("trace > pressure", "boolean"), "the result is an array, not a number"),
        (Calc("pressure", "array"), "the result is not an array"),
        (Calc("1 / (trace - pressure)", "array"), "element 1 of the result is inf"),
    ],
)
def test_what_has_no_result_is_invalid(calc: str | Calc, reason: str) -> None:
    made = calculated(a=calc).compute(readings(pressure=2.0, trace=[1, 2, 3]))["a"]
    assert made.value is None
    assert made.alarm == Alarm(Severity.INVALID, Status.CALC, reason)
    assert made.time == 100.0


@pytest.mark.parametrize(
    ("calc", "value", "label"),
    [
        (Calc("pressure > 1"), 1.0, ""),
        (Calc("pressure / 3", "integer"), 1, ""),
        (Calc("'on' if pressure > 1 else 'off'", "text"), "on", ""),
        (Calc("pressure > 1", "boolean", ("Off", "On")), 1, "On"),
        (Calc("state & 4", "boolean"), 0, ""),
        (Calc("pressure - 2", "enum", ("Off", "On")), 0, "Off"),
        (Calc("'On' if pressure else 'Off'", "enum", ("Off", "On")), 1, "On"),
        (Calc("state == 'Tripped' and state == 2"), 1.0, ""),
        (Calc("state + 1"), 3.0, ""),
        (Calc("state"), 2.0, ""),
        (Calc("trace * 2", "array"), [2.0, 4.0, 6.0], ""),
        (Calc("trace > pressure", "array"), [0, 0, 1], ""),
        (Calc("mean(trace)"), 2.0, ""),
    ],
)
def test_results_by_type(calc: Calc, value: Any, label: str) -> None:
    state = Reading(value=2, label="Tripped")
    given = readings(pressure=2.0, state=state, trace=[1, 2, 3])
    made = calculated(a=calc).compute(given)["a"]
    assert made.alarm == NO_ALARM
    assert (made.value, made.label) == (value, label)
    assert type(made.value) is type(value)


def test_arrays_of_numpy_are_inputs_as_well() -> None:
    parts = calculated(a="max(trace) * 1000")
    given = readings(trace=np.array([100, 250], dtype=np.uint8))
    assert parts.compute(given)["a"].value == 250_000.0
    assert parts.compute(given) == {}
    again = readings(trace=np.array([100, 200], dtype=np.uint8))
    assert parts.compute(again)["a"].value == 200_000.0


@pytest.mark.parametrize(
    ("calcs", "what"),
    [
        ({"a": "a + 1"}, "a names itself"),
        ({"a": "gas.a + 1"}, "a names itself"),
        ({"a": "b", "b": "c", "c": "a"}, "a needs b, which needs c, which needs a"),
        ({"a": "presure"}, "unknown name 'presure', did you mean 'pressure'"),
        ({"a": "hv.voltag"}, "unknown name 'hv.voltag', did you mean 'hv.voltage'"),
        ({"a": "p-1"}, r'written ch\("p-1"\)'),
        ({"a": "2 * 3"}, "a names no channel"),
    ],
)
def test_what_is_refused_at_load(calcs: dict[str, str], what: str) -> None:
    with pytest.raises(FormulaError, match=what):
        calculated(**calcs)


def test_channels_of_unknown_instruments_can_be_left_to_the_file() -> None:
    parts = Calculated("gas", {"a": Calc("x.y + b")}, channels=("b",))
    assert parts.inputs == ("b", "x.y")
    with pytest.raises(FormulaError, match="unknown name 'c'"):
        Calculated("gas", {"a": Calc("x.y + c")}, channels=("b",))

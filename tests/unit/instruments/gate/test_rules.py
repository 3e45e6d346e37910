"""Which values a settable channel takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.errors import RefusedError
from daqpv.instruments.gate import Rules
from daqpv.instruments.settings import Channel

SWITCH = {"type": "boolean", "states": ["Closed", "Open"]}
RANGE = {"type": "enum", "states": {"R0": "1 mA", "R1": "10 mA", "R2": "100 mA"}}


def rules(**keys: Any) -> Rules:
    return Rules("gas: p", Channel.model_validate({"write": True, "units": "V"} | keys))


@pytest.mark.parametrize(
    ("keys", "given", "value"),
    [
        ({}, 3, 3.0),
        ({}, np.float32(0.5), 0.5),
        ({}, -0.0, 0.0),
        ({"type": "integer"}, 3.0, 3),
        ({"type": "integer"}, np.int64(3), 3),
        ({"type": "text"}, "Argon 5 %", "Argon 5 %"),
        ({"type": "boolean"}, "On", 1),
        ({"type": "boolean"}, True, 1),
        (SWITCH, "Open", 1),
        (SWITCH, 0, 0),
        (RANGE, "100 mA", 2),
        (RANGE, 2.0, 2),
        ({"type": "array", "length": 3}, [1, 2.5], (1.0, 2.5)),
        ({"type": "array", "length": 3}, np.array([1.0]), (1.0,)),
        ({"only": [1, 2.5]}, 2.5, 2.5),
        (RANGE | {"only": ["1 mA"]}, 0, 0),
        ({"type": "text", "only": ["a", "b"]}, "a", "a"),
        ({"min": 0, "max": 10}, 10, 10.0),
    ],
)
def test_a_value_that_fits_is_taken(keys: Any, given: Any, value: Any) -> None:
    taken = rules(**keys).checked(given)
    assert taken == value
    assert type(taken) is type(value)


@pytest.mark.parametrize(
    ("keys", "given", "text"),
    [
        ({}, math.nan, "must be a finite number, not nan"),
        ({}, -math.inf, "must be a finite number, not -inf"),
        ({}, "300", "must be a number, not '300'"),
        ({}, None, "must be a number, not None"),
        ({"min": 0, "max": 10}, 10.5, "must be within 0 to 10 V, not 10.5 V"),
        ({"min": 0}, -1, "must be at least 0 V, not -1 V"),
        ({"max": 10}, 11, "must be at most 10 V, not 11 V"),
        ({"only": [1, 2.5]}, 2, "may only be 1 V, 2.5 V, not 2 V"),
        ({"type": "integer"}, 2.5, "must be a whole number, not 2.5"),
        ({"type": "integer"}, math.nan, "must be a finite number"),
        (SWITCH, "Ajar", "must be Closed or Open, not 'Ajar'"),
        (SWITCH, 2, "must be Closed or Open, not 2"),
        (SWITCH, math.nan, "must be Closed or Open, not nan"),
        (RANGE, "1 A", "must be one of 1 mA, 10 mA, 100 mA, not '1 A'"),
        (RANGE | {"only": ["1 mA"]}, 1, "may only be 1 mA, not 10 mA"),
        ({"type": "text"}, "OFF\nOUTP ON", "must be a text without line ends"),
        ({"type": "text"}, "x" * 40, "must have at most 39 bytes"),
        ({"type": "text"}, 5, "must be a text, not 5"),
        ({"type": "text", "only": ["a", "b"]}, "c", "may only be 'a', 'b', not 'c'"),
        ({"type": "array", "length": 2}, [1, 2, 3], "must have at most 2 elements"),
        ({"type": "array", "length": 2}, [1, math.nan], "must be a finite number"),
        ({"type": "array", "length": 2, "max": 1}, [1, 2], "must be at most 1 V"),
        ({"type": "array", "length": 2}, 7, "must be numbers, not 7"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(keys: Any, given: Any, text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        rules(**keys).checked(given)
    assert str(refused.value).startswith(f"gas: p {text}")


@given(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text()
    | st.binary()
    | st.lists(st.floats(), max_size=4)
    | st.complex_numbers(),
    st.sampled_from(
        [
            {},
            {"type": "integer", "min": 0, "max": 5},
            {"type": "text"},
            SWITCH,
            RANGE,
            {"type": "array", "length": 3},
        ]
    ),
)
def test_any_value_is_taken_or_refused(given: Any, keys: Any) -> None:
    one = rules(**keys)
    try:
        value = one.checked(given)
    except RefusedError:
        return
    assert one.agrees(value, value)
    assert one.checked(value) == value


@pytest.mark.parametrize(
    ("keys", "found", "wanted", "agrees"),
    [
        ({"precision": 1}, 300.04, 300.0, True),
        ({"precision": 1}, 300.06, 300.0, False),
        ({}, float(np.float32(1e6 + 0.1)), 1e6 + 0.1, True),
        ({"tolerance": 2}, 298.0, 300.0, True),
        ({"tolerance": 2}, 297.9, 300.0, False),
        ({"tolerance": 0.1}, 0.3, 0.2, True),
        ({"tolerance": 0}, 0.3, 0.3, True),
        ({}, math.nan, 1.0, False),
        ({}, "300", 300.0, False),
        ({"type": "integer"}, 4, 5, False),
        ({"type": "integer", "tolerance": 1}, 4, 5, True),
        (SWITCH, 1, 1, True),
        (SWITCH, 0, 1, False),
        ({"type": "text"}, "Argon ", "Argon", True),
        ({"type": "text"}, 7, "7", False),
        ({"type": "array", "length": 2}, np.array([1.0, 2.0]), (1.0, 2.0), True),
        ({"type": "array", "length": 2}, [1.0], (1.0, 2.0), False),
        ({"type": "array", "length": 2}, 1.0, (1.0, 2.0), False),
    ],
)
def test_what_agrees(keys: Any, found: Any, wanted: Any, agrees: bool) -> None:
    assert rules(**keys).agrees(found, wanted) is agrees


def test_a_step_is_measured_from_the_present_value() -> None:
    one = rules(step=10)
    one.check_step(20.0, 10.0)
    one.check_step(20.0, None)
    with pytest.raises(
        RefusedError, match="at most 10 V at once, and is 9 V now: not 20 V"
    ):
        one.check_step(20.0, 9.0)


def test_values_that_look_alike_are_told_apart() -> None:
    assert rules().apart(300.00001, 300.0) == ("300.00001", "300.0")

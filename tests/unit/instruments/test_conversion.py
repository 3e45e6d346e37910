"""What an instrument sends becomes a value of its channel's type, or none at all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import Reading, Severity
from daqpv.instruments.channels.conversion import Conversion
from daqpv.instruments.driver import Fault
from daqpv.instruments.settings import Channel
from daqpv.iocs.instruments.instrument import declared

TYPES: dict[str, dict[str, Any]] = {
    "number": {},
    "integer": {},
    "text": {},
    "boolean": {},
    "enum": {"states": ["Off", "On", {"label": "Tripped", "severity": "major"}]},
    "array": {"length": 3},
}
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=50),
    st.binary(max_size=50),
    st.lists(st.one_of(st.floats(), st.text(max_size=3)), max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from([object(), int, np.array([object()]), np.zeros((2, 2))]),
    st.integers(-(2**31), 2**31).map(np.int64),
    st.floats(width=32).map(np.float32),
    st.builds(Fault, st.text(max_size=5), value=st.one_of(st.none(), st.floats())),
)


def reading(raw: Any, last: Reading | None = None, **channel: Any) -> Reading:
    """What `raw` becomes."""
    conversion = Conversion("x", Channel.model_validate(channel))
    return conversion.reading(raw, 1.7e9, last)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("number", "1.5", 1.5),
        ("number", b" 2e-3 ", 2e-3),
        ("number", np.float32(1.5), 1.5),
        ("number", np.int64(3), 3.0),
        ("integer", np.uint16(7), 7),
        ("integer", "-12", -12),
        ("boolean", np.bool_(True), 1),
        ("boolean", "OFF", 0),
        ("enum", np.int32(1), 1),
        ("enum", "On", 1),
        ("text", b"abc", "abc"),
    ],
)
def test_a_value_of_its_type_is_taken(kind: str, raw: Any, value: Any) -> None:
    found = reading(raw, type=kind, **TYPES[kind])
    assert (found.value, found.severity) == (value, Severity.NO_ALARM)


@pytest.mark.parametrize(
    ("kind", "raw", "why"),
    [
        ("number", "OVER", "not a number"),
        ("number", None, "not a number"),
        ("number", [1.0], "not a number"),
        ("number", 10**400, "too large"),
        ("integer", 1.5, "not a whole number"),
        ("integer", 2**31, "does not fit into 32 bits"),
        ("boolean", 2, "none of its states"),
        ("enum", "Onn", "none of its states"),
        ("array", None, "not an array"),
        ("array", {"a": 1}, "not an array"),
        ("array", 1j, "not an array"),
        ("array", np.array([object()]), "not an array"),
        ("array", np.zeros((2, 2)), "2 dimensions"),
    ],
)
def test_what_is_none_is_refused_with_a_reason(kind: str, raw: Any, why: str) -> None:
    with pytest.raises((ValueError, ArithmeticError), match=why):
        reading(raw, type=kind, **TYPES[kind])


@pytest.mark.parametrize("kind", TYPES)
@given(raw=ANYTHING)
def test_whatever_comes_is_a_value_or_an_alarm(kind: str, raw: Any) -> None:
    try:
        found = reading(raw, type=kind, **TYPES[kind])
    except (ValueError, ArithmeticError):
        return
    if found.severity is Severity.INVALID:
        return
    match kind:
        case "number":
            assert isinstance(found.value, float)
            assert math.isfinite(found.value)
        case "integer":
            assert -(2**31) <= found.value < 2**31
        case "boolean" | "enum":
            assert found.value in range(3)
        case "text":
            assert len(found.value.encode()) <= 39
        case "array":
            assert found.value.ndim == 1
            assert len(found.value) <= 3


def test_a_long_text_is_cut_by_its_pv_which_says_so() -> None:
    text = "It is too hot. " * 10
    found = reading(text, type="text", length=50)
    assert found.value == text.strip()
    pv = declared("x", Channel.model_validate({"type": "text", "length": 50}))
    shown = pv.form.coerce(found.value)
    assert len(shown.encode()) <= 50
    assert shown.endswith(f" ... ({len(found.value)} bytes)")


def test_half_a_surrogate_pair_is_refused() -> None:
    for length in (None, 50):
        with pytest.raises(ValueError, match="surrogates"):
            reading("\ud800", type="text", length=length)


def test_a_word_keeps_the_last_value_with_its_alarm() -> None:
    last = Reading(value=7.0, time=1.6e9)
    words = {"OVER": "major", "LOW": {"severity": "minor", "value": 0.001}}
    over = reading("OVER", last, words=words)
    assert (over.value, over.severity, over.alarm.reason) == (7.0, 2, "OVER")
    low = reading("LOW", last, words=words)
    assert (low.value, low.severity) == (0.001, Severity.MINOR)
    with pytest.raises(ValueError, match="not a number"):
        reading("UNDER", last, words=words)


def test_a_number_that_means_that_there_is_none_is_no_value() -> None:
    words = {"9.91E37": {"severity": "invalid", "text": "no number"}}
    found = reading(9.91e37, Reading(value=7.0), words=words)
    assert (found.value, found.severity) == (7.0, Severity.INVALID)
    assert found.alarm.reason == "no number"

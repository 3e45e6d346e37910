"""Answers in JSON."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.parsing import Pattern

GAUGE = json.dumps(
    {
        "gauge": {"p": 1.2e-5, "ok": True, "state": "ON", "n": 7, "old": None},
        "sensors": [{"t": 20.5}, {"t": 21}],
        "trace": [1, 2, 3],
        "odd key": {"x-y": 1},
        "big": 2**70,
    }
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.gauge.p", 1.2e-5),
        ("gauge.p", 1.2e-5),
        ("$.gauge.ok", True),
        ("$.gauge.state", "ON"),
        ("$.gauge.n", 7),
        ("$.gauge.old", "null"),
        ("$.sensors[1].t", 21),
        ("$.sensors[-1].t", 21),
        ("$['odd key']['x-y']", 1),
        ("$.big", 2.0**70),
        ("$.sensors[*].t", [20.5, 21.0]),
        ("$..t", [20.5, 21.0]),
        ("$.sensors[?@.t > 21].t", []),
        ("$.trace", [1, 2, 3]),
    ],
)
def test_a_path_finds_a_value(path: str, expected: object) -> None:
    made = Pattern({"a": path, "n": "$.gauge.n"})
    assert made.names == ("a", "n")
    found: object = made.parse(GAUGE.encode()).get("a", [])
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected
    assert type(found) is type(expected) or isinstance(expected, list)


def test_one_value_needs_no_name() -> None:
    assert Pattern("json: $.gauge.n").parse(GAUGE) == {"value": 7}


def test_arrays_of_integers_stay_integers_and_null_becomes_nan() -> None:
    made = Pattern({"a": "$.a", "b": "$.b"})
    found = made.parse('{"a": [1, 2], "b": [1, null, 2.5]}')
    assert isinstance(found["a"], np.ndarray)
    assert isinstance(found["b"], np.ndarray)
    assert found["a"].dtype == np.int64
    assert math.isnan(found["b"][1])


def test_what_is_not_there_is_left_out() -> None:
    made = Pattern({"a": "$.a", "b": "$.b"})
    assert made.parse('{"b": 1}') == {"b": 1}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "'' is no JSON: Expecting value at character 1"),
        ('{"a": 1', "is no JSON: Expecting ',' delimiter at character 8"),
        ("[" * 100_000, "is too deep"),
        ("9" * 5000, "has too long numbers"),
        ('{"c": 1}', """'{"c": 1}' has nothing at $['a'], $['b']['c']"""),
        ('{"a": {"x": 1}}', "a ($['a']) is an object, not a value"),
        ('{"a": [1, "x"]}', "a ($['a']) is an array of others than numbers"),
        ('{"a": [99999999999999999999]}', "has numbers that are too large"),
        ("3", "has nothing at"),
        ('"text"', "has nothing at"),
    ],
)
def test_a_wrong_document_is_refused(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Pattern({"a": "$.a", "b": "$.b.c"}).parse(line)


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        ({}, "there is no path"),
        ({"a": ""}, "a path is empty; $ is the whole document"),
        ({"a": "$.a["}, "'$.a[' is no JSON path: unexpected end of query"),
        ({"a": "$.a b"}, "is no JSON path"),
        ({"a": "$.a | $.b"}, "joined with | or & are not possible"),
    ],
)
def test_a_wrong_path_is_refused(paths: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Pattern(paths)


def test_json_is_only_read() -> None:
    with pytest.raises(ValueError, match="only read"):
        Pattern("json: $").format(value=1)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner),
)


@given(documents)
def test_any_document_is_read_or_refused(document: object) -> None:
    for path in ("$.a", "$..b", "$.a[*]", "$[?@.a > 1 || @.b == 'x']", "$.a[1:3].b"):
        try:
            found = Pattern({"x": path}).parse(json.dumps(document))
        except ValueError:
            continue
        assert isinstance(found["x"], int | float | str | np.ndarray)

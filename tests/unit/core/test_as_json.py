"""The values of snapshots as JSON: what goes in comes back, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core.as_json import JsonForm


class Mode(IntEnum):
    OFF = 0
    SLOW = 1
    FAST = 2


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Window:
    low: float
    high: float


def told(kind: Any, value: Any) -> Any:
    """What becomes of a value on its way into a text and out of it."""
    form = JsonForm[Any](kind)
    return form.decode(json.loads(json.dumps(form.encode(value))))


@given(
    st.one_of(
        st.tuples(st.just(bool), st.booleans()),
        st.tuples(st.just(int), st.integers(-(2**63), 2**63)),
        st.tuples(st.just(float), st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just(str), st.text()),
        st.tuples(st.just(Mode), st.sampled_from(Mode)),
        st.tuples(st.just(Mode | None), st.sampled_from([*Mode, None])),
        st.tuples(
            st.just(tuple[Mode, ...]), st.lists(st.sampled_from(Mode)).map(tuple)
        ),
        st.tuples(
            st.just(dict[str, Colour]),
            st.dictionaries(st.text(), st.sampled_from(Colour)),
        ),
        st.tuples(
            st.just(Window),
            st.builds(
                Window,
                st.floats(-1e300, 1e300),
                st.floats(allow_nan=False, max_value=1),
            ).filter(lambda window: window.low > -1e300 < window.high),
        ),
    )
)
def test_what_is_told_comes_back_with_its_type(case: tuple[Any, Any]) -> None:
    kind, value = case
    back = told(kind, value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "encoded"),
    [(Mode, Mode.FAST, "FAST"), (Mode | None, None, None), (Colour, Colour.RED, "RED")],
)
def test_an_enum_goes_by_name(kind: Any, value: Any, encoded: Any) -> None:
    assert JsonForm[Any](kind).encode(value) == encoded


@pytest.mark.parametrize(
    ("kind", "encoded", "why"),
    [
        (bool, 1, "boolean"),
        (bool, "yes", "boolean"),
        (float, "5", "number"),
        (float, None, "number"),
        (int, 1.5, "integer"),
        (str, 5, "string"),
        (Mode, 2, "2 is not one of OFF, SLOW, FAST"),
        (Mode, "WARP", "'WARP' is not one of OFF, SLOW, FAST"),
        (Mode, ["OFF"], "not one of"),
        (Window, {"low": 1.0}, "high: Field required"),
        (Window, [1.0, 2.0], "object"),
    ],
)
def test_what_does_not_fit_is_not_bent(kind: Any, encoded: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        JsonForm[Any](kind).decode(encoded)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (float, float("nan")),
        (float, float("inf")),
        (float, "text"),
        (float, None),
        (Mode, 1),
        (tuple[Mode, ...], (Mode.OFF, None)),
    ],
)
def test_what_could_not_be_read_back_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|valid|none of|no value"):
        JsonForm[Any](kind).encode(value)


class Opaque(Enum):
    A = object()


def test_the_value_of_an_enum_does_not_matter() -> None:
    assert told(Opaque, Opaque.A) is Opaque.A


class Tool:
    """Nothing that JSON could tell."""


def test_a_type_that_json_cannot_tell_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="Tool"):
        JsonForm[Any](Tool)

"""The inverse of a scale: what is written for a value in units."""

from __future__ import annotations

import pytest

from daqpv.instruments.formula import Formula, inverse


@pytest.mark.parametrize(
    ("text", "undo"),
    [
        ("value / 1000", "value * 1000"),
        ("value * 0.001", "value * 1000"),
        ("value * 9 / 5 + 32", "(value - 32) * 5 / 9"),
        ("-(value + 3)", "(value + 3) * -1"),
        ("value * 2 + value", "value / 3"),
        ("value * sqrt(4) - 10 ** -3", "(value + 0.001) / 2"),
        ("value", "value"),
    ],
)
def test_what_is_linear_has_an_inverse(text: str, undo: str) -> None:
    found = inverse(Formula(text, names={"value"}))
    assert found is not None
    assert found.text == undo


@pytest.mark.parametrize(
    "text",
    [
        "value ** 2",
        "10 ** value",
        "1 / value",
        "sqrt(value)",
        "value - value",
        "value * value",
        "value / 0",
        "value * 'a'",
        "value * nan",
        "value + gas.pressure",
        "value if value > 0 else 0",
        "value / 1e300 / 1e300",
        "12",
    ],
)
def test_what_is_not_linear_has_none(text: str) -> None:
    assert inverse(Formula(text)) is None


def test_a_set_point_is_written_exactly() -> None:
    undo = inverse(Formula("value / 1000", names={"value"}))
    assert undo is not None
    assert undo({"value": 0.7}) == 700.0
    assert 0.7 / 0.001 != 700.0

"""No formula takes long, takes much memory, or reaches what is no value."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from daqpv.instruments.formula import Formula, FormulaError

MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("10**10**10", "too large"),
        ("(10**300)**300", "too large"),
        ("x * x", "too large"),
        ("1 << 1000 << 1000", "too large"),
        ("'a' * 10**9", "takes numbers, not the text 'a'"),
        ("10**9 * ['a']", "takes numbers, not a list of texts"),
        ("'%d' % 5", "takes numbers, not the text '%d'"),
        ("long + long", "more than 1000 characters"),
        ("mean([1, 2][0:2] + long)", "takes numbers"),
        ("round(1, 10**9)", "at most 300 digits"),
    ],
)
def test_results_are_bounded(text: str, what: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FormulaError, match=what):
            Formula(text)({"x": 10**200, "long": "a" * 600})
        assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_list_times_a_number_is_no_longer_list() -> None:
    result = Formula("[0, 1] * 10**9")({})
    assert np.shape(result) == (2,)


def test_a_large_array_of_a_channel() -> None:
    trace = np.arange(1_000_000, dtype=np.uint16)
    assert Formula("max(trace[10:] * 2 + 1)")({"trace": trace}) == 131_071.0


@pytest.mark.parametrize(
    "text",
    [
        "(" * 150 + "x" + ")" * 150 + "+ 1" * 200,
        "(" * 1000 + "x" + ")" * 1000,
        "-" * 3000 + "x",
        "not " * 900 + "x",
        "x" + " + x" * 900,
        "x" + "[0]" * 1000,
        "abs(" * 150 + "x" + ")" * 150,
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(FormulaError, match=r"deep|read|parenthes"):
        Formula(text)


@pytest.mark.parametrize("text", ["x" + " + x" * 98, "abs(" * 90 + "x" + ")" * 90])
def test_as_deep_as_formulas_may_be(text: str) -> None:
    assert Formula(text)({"x": 1}) in (1, 99)


def test_a_long_text_is_refused() -> None:
    with pytest.raises(FormulaError, match="longer than 4000 characters"):
        Formula("1 " * 3000)


def test_a_number_of_many_digits_is_refused() -> None:
    with pytest.raises(FormulaError, match="too large"):
        Formula("9" * 400)


@pytest.mark.parametrize(
    "text",
    ["x.real", "(x).real", "x[0].size", "sqrt(x).real", "'a'.upper()", "a.b.c", "x._y"],
)
def test_attributes_are_refused(text: str) -> None:
    with pytest.raises(
        FormulaError, match=r"dot only joins|unknown name|called|not the"
    ):
        Formula(text, names={"x"})


@pytest.mark.parametrize("text", ["_x", "x__._y", "__x__", "ünder"])
def test_names_that_no_channel_can_have(text: str) -> None:
    with pytest.raises(FormulaError, match="is not the name of a channel"):
        Formula(text)


@pytest.mark.parametrize("text", ["x\0", "\ud800", "\\", "'\\d' == x"])
def test_odd_characters_are_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        Formula(text, names={"x"})

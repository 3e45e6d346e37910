"""Formulas: what they compute, and what they say of what they cannot compute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from daqpv.instruments.formula import Formula, FormulaError

VALUES = {"x": 2.0, "n": 6, "on": True, "name": "Ready", "trace": [1, 2, 3, 6]}


def test_a_formula_is_evaluated_again_and_again() -> None:
    formula = Formula("p / (t + 273.15)", names={"p", "t"})
    assert formula({"p": 1013.25, "t": 20}) == 1013.25 / 293.15
    assert formula({"p": 0.0, "t": 20}) == 0
    assert formula.names_used == {"p", "t"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("x ** 3 - -x", 10.0),
        ("n // 4 + n % 4", 3),
        ("n & 4 | 1", 5),
        ("n >> 1 << 3", 24),
        ("~n", -7),
        ("~on", False),
        ("x & 2", 2),  # most channels are floats
        ("1 < x <= 2 and not n == 5", True),
        ("n if x > 5 else x", 2.0),
        ("where(x > 0, 1 / x, 1 / (x - 2))", 0.5),
        ("name == 'Ready' and name in ['On', 'Ready']", True),
        ("'ea' in name", True),
        ("n in [1, 6]", True),
        ("'T' + name", "TReady"),
        ("hypot(3, 4) + atan2(0, 1)", 5.0),
        ("ln(e) + log(e) + log10(100) + log2(8) + exp(0)", 8.0),
        ("degrees(pi) + radians(0)", 180.0),
        ("min(x, n, 9) + max(x, n) + sum(x, n)", 16.0),
        ("mean(x, n) + median(1, x, 9) + std(x, x)", 6.0),
        ("clip(n, 0, 5) + clip(-n, 0, 5)", 5),
        ("round(2.567, 2) + round(2.5) + floor(2.5) + ceil(2.5)", 9.57),
        ("sign(-x) + abs(-x) + trunc(-2.5)", -1.0),
        ("interp(15, [10, 20], [1, 2]) + interp(99, [10, 20], [1, 2])", 3.5),
        ("polyval([1, 0, 5], x)", 9.0),
        ("bit(n, 1) and not bit(n, 0) and xor(n, 3) == 5", True),
        ("isfinite(x) and not isnan(x) and isnan(nan) and not isfinite(inf)", True),
        ("all(on, 1) and any(0, on) and true and not false", True),
        ("float('1.5e3') + len(name)", 1505.0),
        ("mean(trace) + max(trace) + sum(trace > 2)", 11.0),
        ("median(trace) + min(trace) + len(trace)", 7.5),
        ("trace[0] + trace[-1] + sum(trace[1:3])", 12.0),
        ("std(trace - trace)", 0.0),
        ("max(max(trace, x))", 6.0),
        ("sum((trace > 1) & (trace < 6))", 2.0),
        ("sum((trace > 1) + (trace > 1))", 6.0),  # numpy would say 3
        ("sum(where(trace > 2, trace, 0))", 9.0),
        ("sum(interp(trace, [0, 10], [0, 100]))", 120.0),
        ("sum(abs(-sqrt(trace ** 2)) + polyval([1, 0], trace))", 24.0),
        ("all(isfinite(trace)) and not any(isnan(trace))", True),
        ("\n x +\n n ", 8.0),
    ],
)
def test_what_formulas_compute(text: str, result: object) -> None:
    given = Formula(text)(VALUES)
    assert type(given) is type(result)
    assert given == (pytest.approx(result) if isinstance(result, float) else result)


def test_arrays_give_arrays() -> None:
    given = Formula("(trace - 1) * x / 10")(VALUES)
    np.testing.assert_allclose(given, [0, 0.2, 0.4, 1.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32])
def test_small_integers_of_an_array_do_not_wrap_around(kind: type) -> None:
    trace: Any = np.full(3, 200, dtype=kind)
    assert Formula("sum(trace * 1000)")({"trace": trace}) == 600_000.0


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float64(2), float),
        (np.float32(2), float),
        (np.int16(2), int),
        (np.bool_(1), bool),
        (np.array(2.0), float),
    ],
)
def test_numbers_of_numpy_become_those_of_python(value: Any, kind: type) -> None:
    assert type(Formula("value")({"value": value})) is kind
    with pytest.raises(FormulaError, match="division by zero"):
        Formula("1 / (value - value)")({"value": value})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pressure", {"pressure"}),
        ("gas.pressure + pressure", {"gas.pressure", "pressure"}),
        ("ch('p-1') + ch('gas-2.p-1')", {"p-1", "gas-2.p-1"}),
        ('pv("LAB:BEAM:I.VAL") * pi', {'pv("LAB:BEAM:I.VAL")'}),
        ("sqrt(max(a, b[i]))", {"a", "b", "i"}),
    ],
)
def test_names_of_three_sorts(text: str, names: set[str]) -> None:
    formula = Formula(text)
    assert formula.names_used == names
    values: Mapping[str, object] = dict.fromkeys(names, 1) | {"b": [1, 2]}
    assert formula(values)


def test_a_channel_hides_the_constant_of_its_name() -> None:
    assert Formula("e * 2", names={"e"})({"e": 9}) == 18
    assert Formula("e * 2", names={"x"})({}) == 2 * math.e


def test_a_channel_may_have_the_name_of_a_function() -> None:
    assert Formula("min(min, 5)", names={"min"})({"min": 3}) == 3


def test_further_functions() -> None:
    formula = Formula("x + noise(0.5)", functions={"noise": lambda sigma: sigma * 2})
    assert formula({"x": 1}) == 2.0
    with pytest.raises(FormulaError, match=r"noise takes 1 argument, not 0"):
        Formula("noise()", functions={"noise": lambda sigma: sigma})
    with pytest.raises(FormulaError, match="unknown function 'noise'"):
        Formula("noise(1)")


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("", None, "without anything"),
        ("2 + presure", 5, "unknown name 'presure', did you mean 'pressure'?"),
        ("2 + sqr(2)", 5, "unknown function 'sqr', did you mean 'sqrt'?"),
        ("1 + sqrt", 5, "sqrt is a function: sqrt(a)"),
        ("p-1 * 2", 1, 'the channel p-1 is written ch("p-1")'),
        ("sqrt(1, 2)", 1, "sqrt takes 1 argument, not 2"),
        ("round()", 1, "round takes 1 to 2 arguments, not 0"),
        ("max()", 1, "max takes at least 1 argument, not 0"),
        ("round(2, digits=1)", 1, "arguments have no names"),
        ("pressure ^ 2", 1, "`^` is written `**` for a power"),
        ("pressure && 1", 10, "`&&` is written `and`"),
        ("pressure || 1", 10, "`||` is written `or`"),
        ("!pressure", 1, "`!` is written `not`"),
        ("pressure = 1", 10, "`equal` is written `==`"),
        ("pressure # 1", 10, "`not equal` is written `!=`"),
        ("pressure ? 1 : 2", 10, "is written `b if a else c`"),
        ("if(pressure, 1, 2)", 1, "is written `b if a else c`"),
        ("pressure is 1", 1, "`is` is written `==`"),
        ("1; 2", 2, "one expression"),
        ("3,14 * 2", 1, "the decimal point is `.`"),
        ("(1 + 2", 1, "was never closed"),
        ("2 * °C", 5, "invalid character"),
        ("5 mbar", 3, "not understood"),
        ("'°' == 'a' and 5 mbar", 18, "not understood"),
        ("'°' == presure", 8, "unknown name"),  # counted in characters, not in bytes
        ("import os", 1, "not understood"),
        ("'abc", 1, "a text has no end"),
        ("ch(1)", 1, 'ch takes one text: ch("NAME")'),
        ("ch('a b')", 1, "not the name of a channel"),
        ("pv('LAB:X')", 1, "other PVs cannot be used here"),
        ("gas.pressure", 1, "unknown name 'gas.pressure'"),
        ("None", 1, "neither number nor text"),
        ("2j", 1, "neither number nor text"),
        ("[i for i in pressure]", 1, "loops cannot be used"),
        ("f'{pressure}'", 1, "braces cannot be used"),
        ("lambda: 1", 1, "functions cannot be made"),
        ("(x := 1)", 2, "formulas keep nothing"),
        ("{1: 2}", 1, "cannot be used"),
        ("max(*pressure)", 5, "cannot be used"),
        ("pressure @ 2", 1, "no operator `@`"),
    ],
)
def test_what_is_no_formula(text: str, column: int | None, what: str) -> None:
    with pytest.raises(FormulaError) as caught:
        Formula(text, names={"pressure", "p-1", "x"})
    error = caught.value
    assert isinstance(error, ValueError)
    assert what in error.what
    assert error.column == column
    assert column is None or f"column {column}: " in str(error)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1 / (x - 2)", "division by zero"),
        ("n % 0", "division by zero"),
        ("sqrt(-4)", "sqrt(-4) does not exist"),
        ("log(x - 2)", "log(0) does not exist"),
        ("exp(1000)", "the result is too large"),
        ("(-8) ** (1 / 3)", "a negative number to the power of a fraction"),
        ("name + 1", "+ takes numbers, not the text 'Ready'"),
        ("name == 1", "compares a text with what is no text"),
        ("name > 1", "> takes numbers"),
        ("2.5 & 1", "& takes whole numbers, not 2.5"),
        ("missing + 1", "no value of missing"),
        ("nothing + 1", "nothing: no value"),
        ("odd + 1", "odd: elements that are no numbers"),
        ("trace and x", "an array is neither true nor false"),
        ("1 if trace > 2 else 0", "an array is neither true nor false"),
        ("trace + [1, 2]", "arrays of different length"),
        ("trace == [1, 2]", "arrays of different length"),
        ("trace[4]", "no element 4 in an array of 4"),
        ("trace[trace]", "[...] takes"),
        ("x[0]", "[...] takes an element of an array"),
        ("name[0]", "[...] takes an element of an array"),
        ("mean([])", "mean of an array without elements"),
        ("mean(trace, x)", "mean takes one array, or numbers"),
        ("interp(1, [2, 1], [0, 1])", "does not rise"),
        ("interp(1, [1, 2], [0])", "equal length"),
        ("clip(x, 5, 1)", "not above"),
        ("float('1_0')", "'1_0' is no number"),
        ("['a', 'b']", "the result is a list of texts"),
        ("[1, 'a']", "numbers only, or texts only"),
        ("[[1], [2]]", "numbers only"),
        ("bit(n, 64)", "0 to 63"),
        ("1 << -1", "0 to 1023"),
    ],
)
def test_what_has_no_result(text: str, what: str) -> None:
    formula = Formula(text)
    with pytest.raises(FormulaError) as caught:
        formula(VALUES | {"nothing": None, "odd": [[1], [2, 3]]})
    assert what in caught.value.what
    assert repr(text)[:40] in str(caught.value)


def test_number_is_finite() -> None:
    assert Formula("value * 2").number({"value": np.int16(4)}) == 8.0
    for wrong in ("value * 1e308 * 10", "nan", "'a'", "[1]", "2**1023 + 2**1023"):
        with pytest.raises(FormulaError):
            Formula(wrong).number({"value": 3})


def test_truth_of_a_check() -> None:
    check = Formula("V * I < 420", names={"V", "I"})
    assert check.truth({"V": 10, "I": 10})
    assert not check.truth({"V": 100, "I": 10})
    with pytest.raises(FormulaError):
        Formula("V").truth({"V": math.nan})


def test_a_scalar_formula_does_not_warn_and_an_array_is_silent() -> None:
    """Warnings are errors in tests: numpy warns of 1 / 0 in arrays."""
    assert Formula("any(isnan(1 / trace - 1 / trace))")({"trace": [0, 1]})

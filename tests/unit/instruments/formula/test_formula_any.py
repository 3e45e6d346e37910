"""Any arithmetic formula over floats gives what Python gives, or neither has a result.

Any other text is a formula or a FormulaError.
"""

from __future__ import annotations

import math
import operator as op
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.formula import Formula, FormulaError, inverse

Reference = Callable[[Mapping[str, float]], Any]
Term = tuple[str, Reference]

NAMES = ("a", "b", "gas.p")
TWO: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": op.add,
    "-": op.sub,
    "*": op.mul,
    "/": op.truediv,
    "//": op.floordiv,
    "%": op.mod,
    "**": op.pow,
    "<": op.lt,
    "==": op.eq,
}

floats = st.floats(width=64)
small = st.integers(-400, 400).map(lambda n: n / 4)


def _joined(symbol: str, a: Term, b: Term) -> Term:
    apply, first, second = TWO[symbol], a[1], b[1]
    return f"({a[0]} {symbol} {b[0]})", lambda v: apply(first(v), second(v))


def _both(a: Term, b: Term) -> Term:
    return f"({a[0]} and {b[0]})", lambda v: a[1](v) and b[1](v)


def _either(a: Term, b: Term) -> Term:
    return f"({a[0]} or {b[0]})", lambda v: a[1](v) or b[1](v)


def _chosen(test: Term, a: Term, b: Term) -> Term:
    text = f"({a[0]} if {test[0]} else {b[0]})"
    return text, lambda v: a[1](v) if test[1](v) else b[1](v)


def _negative(a: Term) -> Term:
    return f"(-{a[0]})", lambda v: -a[1](v)


def _constant(x: float) -> Term:
    return f"({x!r})", lambda v: x


def _named(name: str) -> Term:
    return name, lambda v: v[name]


leaves = st.sampled_from(NAMES).map(_named) | small.map(_constant)
terms = st.recursive(
    leaves,
    lambda inner: (
        st.builds(_joined, st.sampled_from(sorted(TWO)), inner, inner)
        | st.builds(_both, inner, inner)
        | st.builds(_either, inner, inner)
        | st.builds(_negative, inner)
        | st.builds(_chosen, inner, inner, inner)
    ),
    max_leaves=12,
)
values = st.fixed_dictionaries(dict.fromkeys(NAMES, small | floats))


@given(terms, values)
def test_results_are_those_of_python(term: Term, given: dict[str, float]) -> None:
    text, reference = term
    try:
        expected = reference(given)
    except (ArithmeticError, TypeError):  # TypeError: a complex number was compared
        expected = None
    try:
        result = Formula(text, names=NAMES)(given)
    except FormulaError:
        result = None
    if expected is None or isinstance(expected, complex):
        assert result is None
    elif result is None:  # a complex number on the way
        assert "**" in text
    else:
        same = result == expected
        assert same or (math.isnan(result) and math.isnan(expected))  # type: ignore[arg-type]


PIECES = """a b gas .p 1 2.5 1e9 ( ) [ ] , : + - * ** / // % < == != and or not if else
in is sqrt( max( interp( where( ch( pv( 'a' "LAB:X" ~ & | ^ << ? # ; = lambda"""
pieces = st.sampled_from(PIECES.split())


@given(st.lists(pieces, max_size=15).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_formula_or_an_error(text: str) -> None:
    with suppress(FormulaError):
        formula = Formula(text)
        formula(dict.fromkeys(formula.names_used, 2.0))


line = st.recursive(
    st.just("value"),
    lambda inner: (
        st.builds("({} + {})".format, inner, small)
        | st.builds("({} - {})".format, small, inner)
        | st.builds("({} * {})".format, inner, small.filter(bool))
        | st.builds("({} / {})".format, inner, small.filter(bool))
        | st.builds("-{}".format, inner)
    ),
    max_leaves=1,
)


@given(line, small)
def test_the_inverse_of_a_line_undoes_it(text: str, value: float) -> None:
    formula = Formula(text, names={"value"})
    undo = inverse(formula)
    if undo is not None:  # None: the slope is too small
        scaled = formula.number({"value": value})
        back = formula.number({"value": undo.number({"value": scaled})})
        assert math.isclose(back, scaled, rel_tol=1e-9, abs_tol=1e-9)

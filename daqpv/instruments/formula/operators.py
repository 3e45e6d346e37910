"""The operators of formulas: those of Python for numbers, texts and arrays, bounded.

The library's own take any object: ``%`` of a text makes texts of any length, and
``**`` of two integers below 4,000,000 takes minutes.
"""

from __future__ import annotations

import ast
import operator as op
from collections.abc import Callable, Mapping
from typing import Any

from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.values import (
    BITS,
    NUMBERS,
    State,
    is_array,
    numeric,
    whole,
)

TEXT_LENGTH = 1000
"""Most characters of a text that a formula makes."""

_SHIFT = 1023

Two = Callable[[Any, Any], Any]
One = Callable[[Any], Any]


def _arithmetic(symbol: str, apply: Two) -> Two:
    def computed(a: Any, b: Any) -> Any:
        if type(a) not in NUMBERS or type(b) not in NUMBERS:
            a, b = numeric(a, symbol), numeric(b, symbol)
        return apply(a, b)

    return computed


def _bounded(value: Any) -> Any:
    if type(value) is int and value.bit_length() > BITS:
        raise OverflowError
    return value


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, str) and isinstance(b, str):
        if len(a) + len(b) > TEXT_LENGTH:
            raise FormulaError(f"a text of more than {TEXT_LENGTH} characters")
        return a + b
    return _numbers_added(a, b)


def _times(a: Any, b: Any) -> Any:
    return _bounded(a * b)


def power(a: Any, b: Any) -> Any:
    """``a ** b``: of integers as an integer if that is small, else as a float.

    Raises:
        FormulaError: the power is complex.
        OverflowError: it is too large.
    """
    a, b = numeric(a, "**"), numeric(b, "**")
    if isinstance(a, int) and isinstance(b, int) and a.bit_length() * b > BITS:
        a = float(a)
    result = a**b
    if isinstance(result, complex):
        raise FormulaError("a negative number to the power of a fraction")
    return result


def _bits(symbol: str, apply: Two) -> Two:
    def computed(a: Any, b: Any) -> Any:
        if is_array(a) and is_array(b) and a.dtype.kind == b.dtype.kind == "b":
            return apply(a, b)
        result = apply(whole(a, symbol), whole(b, symbol))
        return result.astype(float) if is_array(result) else result

    return computed


def _shifted(symbol: str, apply: Two) -> Two:
    def computed(a: Any, b: Any) -> Any:
        if is_array(b) or not 0 <= b <= (63 if is_array(a) else _SHIFT):
            raise FormulaError(f"{symbol} shifts by 0 to {_SHIFT} bits, of arrays 63")
        return _bounded(apply(a, b))

    return _bits(symbol, computed)


def _inverted(a: Any) -> Any:
    """``~``; of a boolean its opposite, where Python says -2."""
    if isinstance(a, bool):
        return not a
    if is_array(a) and a.dtype.kind == "b":
        return ~a
    result = ~whole(a, "~")
    return result.astype(float) if is_array(result) else result


def _signed(symbol: str, apply: One) -> One:
    return lambda a: apply(a if type(a) in NUMBERS else numeric(a, symbol))


def _equal(a: Any, b: Any) -> Any:
    """``==``, which refuses what could never be equal, such as a number and a text."""
    if isinstance(b, str):
        a, b = b, a
    if isinstance(a, str):
        if isinstance(b, State):
            b = b.label
        if not isinstance(b, str):
            raise FormulaError("== compares a text with what is no text")
        return a == b
    if isinstance(a, tuple) or isinstance(b, tuple):
        raise FormulaError("a list of texts is compared with `in`")
    return a == b


def _unequal(a: Any, b: Any) -> Any:
    equal = _equal(a, b)
    return ~equal if is_array(equal) else not equal


def _ordered(symbol: str, apply: Two) -> Two:
    def computed(a: Any, b: Any) -> Any:
        if isinstance(a, str) and isinstance(b, str):
            return apply(a, b)
        if type(a) not in NUMBERS or type(b) not in NUMBERS:
            a, b = numeric(a, symbol), numeric(b, symbol)
        return apply(a, b)

    return computed


def _within(a: Any, b: Any) -> bool:
    if isinstance(b, str) and isinstance(a, str):
        return a in b
    if isinstance(b, tuple):
        return any(_equal(a, one) for one in b)
    if not is_array(b) or isinstance(a, str) or is_array(a):
        raise FormulaError("`in` takes a value and a list, or two texts")
    return bool((b == a).any())


_numbers_added = _arithmetic("+", op.add)

OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _add,
    ast.Sub: _arithmetic("-", op.sub),
    ast.Mult: _arithmetic("*", _times),
    ast.Div: _arithmetic("/", op.truediv),
    ast.FloorDiv: _arithmetic("//", op.floordiv),
    ast.Mod: _arithmetic("%", op.mod),
    ast.Pow: power,
    ast.BitAnd: _bits("&", op.and_),
    ast.BitOr: _bits("|", op.or_),
    ast.LShift: _shifted("<<", op.lshift),
    ast.RShift: _shifted(">>", op.rshift),
    ast.Invert: _inverted,
    ast.USub: _signed("-", op.neg),
    ast.UAdd: _signed("+", op.pos),
    ast.Not: op.not_,
    ast.Eq: _equal,
    ast.NotEq: _unequal,
    ast.Lt: _ordered("<", op.lt),
    ast.LtE: _ordered("<=", op.le),
    ast.Gt: _ordered(">", op.gt),
    ast.GtE: _ordered(">=", op.ge),
    ast.In: _within,
    ast.NotIn: lambda a, b: not _within(a, b),
}
"""By the class of Python's tree. ``^`` is missing: EPICS and Python differ on it."""

xor = _bits("xor", op.xor)

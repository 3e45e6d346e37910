"""The inverse of a formula that is linear in ``value``, to write scaled values."""

from __future__ import annotations

import ast
import math
from fractions import Fraction
from typing import NamedTuple

from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.formula import Formula

VALUE = "value"
_EXACT = 2**53
"""Integers up to this are floats without loss."""


class _Line(NamedTuple):
    """``slope * value + offset``; exact, so that the inverse of ``/ 1000`` is so."""

    slope: Fraction
    offset: Fraction


def inverse(formula: Formula) -> Formula | None:
    """The formula that undoes `formula`: ``(value - 32) * 5 / 9``.

    Returns:
        A formula of ``value``; None: `formula` is not linear in it, does not use it,
        or uses other names.
    """
    if formula.names != (VALUE,):
        return None
    try:
        line = _line(formula.tree)
    except (ArithmeticError, ValueError):  # a part that is too large, or divides by 0
        return None
    if line is None or not line.slope:
        return None
    text = _undone(line)
    return None if text is None else Formula(text, names=(VALUE,))


def _undone(line: _Line) -> str | None:
    offset = _number(abs(line.offset))
    text = VALUE
    if offset is None:
        return None
    if line.offset:
        text = f"(value {'-' if line.offset > 0 else '+'} {offset})"
    up, down = line.slope.denominator, line.slope.numerator
    if max(up, abs(down)) > _EXACT:
        slope = _number(line.slope)
        return slope and f"{text} / {slope}"
    if down < 0:
        up, down = -up, -down
    text += f" * {up}" if up != 1 else ""
    return text + (f" / {down}" if down != 1 else "")


def _number(exact: Fraction) -> str | None:
    """The text of a number; None: it is none that a float can be."""
    if exact.denominator == 1 and abs(exact) <= _EXACT:
        return str(exact.numerator)
    try:
        number = float(exact)
    except OverflowError:
        return None
    return repr(number) if abs(number) > 1e-300 else None


def _line(node: ast.expr) -> _Line | None:
    """What `node` is as a line; None: it is none."""
    match node:
        case ast.Name():
            return _Line(Fraction(1), Fraction(0))
        case ast.BinOp(left, op, right) if _uses_value(node):
            first, second = _line(left), _line(right)
            return first and second and _joined(first, op, second)
        case ast.UnaryOp(ast.USub() | ast.UAdd() as op, operand) if _uses_value(node):
            line = _line(operand)
            if line is None or isinstance(op, ast.UAdd):
                return line
            return _Line(-line.slope, -line.offset)
    return None if _uses_value(node) else _constant(node)


def _joined(a: _Line, op: ast.operator, b: _Line) -> _Line | None:
    match op:
        case ast.Add():
            return _Line(a.slope + b.slope, a.offset + b.offset)
        case ast.Sub():
            return _Line(a.slope - b.slope, a.offset - b.offset)
        case ast.Mult() if not a.slope or not b.slope:
            slope = a.slope * b.offset + b.slope * a.offset
            return _Line(slope, a.offset * b.offset)
        case ast.Div() if not b.slope:
            return _Line(a.slope / b.offset, a.offset / b.offset)
    return None


def _uses_value(node: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) and one.id == VALUE for one in ast.walk(node))


def _constant(node: ast.expr) -> _Line | None:
    """A part without ``value``: 0.001 is taken as 1/1000, as it was meant."""
    try:
        number = Formula(ast.unparse(node), names=()).number({})
    except FormulaError:
        return None
    if not math.isfinite(number):
        return None
    return _Line(Fraction(0), Fraction(repr(number)))

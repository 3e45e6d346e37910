"""A formula: parsed once, evaluated often, over the library simpleeval."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import simpleeval  # type: ignore[import-untyped]

from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.functions import FUNCTIONS
from daqpv.instruments.formula.operators import OPERATORS
from daqpv.instruments.formula.parsing import Rules, parse
from daqpv.instruments.formula.signatures import Signature
from daqpv.instruments.formula.values import (
    PLAIN,
    Value,
    entered,
    is_array,
    listed,
    returned,
    whole,
)

_SIGNATURES = {name: Signature(name, f.least, f.most) for name, f in FUNCTIONS.items()}
_CALLS = {name: function.call for name, function in FUNCTIONS.items()}


class Formula:
    """A formula over named values: ``pressure / (temperature + 273.15)``.

    Its names are those of channels: ``pressure``, ``gas.pressure`` of another
    instrument, ``ch("p-1")`` if there is a ``-`` in it, ``pv("LAB:BEAM:I")`` of any PV.
    docs/instruments/formulas.md has operators and functions. Not to be evaluated in two
    threads at a time.

    Args:
        text: the formula.
        names: that it may use, besides constants, which a name here hides; None: any.
        functions: further ones, or others in place of those of the same name.
        foreign: whether it may use ``pv("...")``; default: if any name may be used.

    Attributes:
        text: as given.
        tree: parsed and checked; each name of it is one of `names_used`.
        names: that it uses, in their order: ``pressure``, ``gas.pressure``, ``p-1``,
            ``pv("LAB:BEAM:I")``.

    Raises:
        FormulaError: it cannot be used; the text says what is wrong, and where.
    """

    def __init__(
        self,
        text: str,
        *,
        names: Collection[str] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        foreign: bool | None = None,
    ) -> None:
        own = functions or {}
        signatures = {name: Signature.of(name, call) for name, call in own.items()}
        foreign = names is None if foreign is None else foreign
        self.text = text
        rules = Rules(names, _SIGNATURES | signatures, foreign)
        self.tree, self.names = parse(text, rules)
        self._evaluator = _Evaluator({**_CALLS, **own})
        self._has_lists = any(isinstance(n, ast.List) for n in ast.walk(self.tree))

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    @property
    def names_used(self) -> frozenset[str]:
        """The names that it uses."""
        return frozenset(self.names)

    def __call__(self, values: Mapping[str, object]) -> Value:
        """Evaluate it; lists of numbers are arrays, NaN and infinity are results.

        Args:
            values: by name; further ones do no harm.

        Returns:
            A number, text, boolean or array of float64 or bool.

        Raises:
            FormulaError: there is no result: a value is missing or of a wrong type,
                a division by zero, too large a number, an array where a number must be.
        """
        names, quiet = {}, not self._has_lists
        for name in self.names:
            if name not in values:
                raise self._error(f"no value of {name}")
            value = values[name]
            if type(value) not in PLAIN:
                value, quiet = self._entered(value, name), False
            names[name] = value
        with _UNTOUCHED if quiet else _silent():
            return self._result(names)

    def number(self, values: Mapping[str, object]) -> float:
        """Evaluate it to a finite number.

        Raises:
            FormulaError: as a call, or the result is not a finite number.
        """
        result = self(values)
        if isinstance(result, str) or is_array(result):
            raise self._error("the result is not a number")
        try:
            number = float(result)
        except OverflowError:
            raise self._error("the result is too large") from None
        if not math.isfinite(number):
            raise self._error(f"the result is {number}")
        return number

    def truth(self, values: Mapping[str, object]) -> bool:
        """Evaluate a condition.

        Raises:
            FormulaError: as a call, or the result is neither true nor false: a text, an
                array, NaN.
        """
        return bool(self.number(values))

    def _entered(self, value: object, name: str) -> object:
        try:
            return entered(value, name)
        except FormulaError as error:
            raise self._error(error.what) from None

    def _result(self, names: dict[str, object]) -> Value:
        self._evaluator.names = names
        try:
            result: Value = returned(self._evaluator.eval("", self.tree))
            return result
        except FormulaError as error:
            raise self._error(error.what) from None
        except ZeroDivisionError:
            raise self._error("division by zero") from None
        except OverflowError:
            raise self._error("the result is too large") from None
        except _UNFIT as error:
            raise self._error(_words(error)) from None
        finally:
            self._evaluator.names = {}

    def _error(self, what: str) -> FormulaError:
        return FormulaError(what, text=self.text)


_UNFIT = (
    TypeError,
    ValueError,
    IndexError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    simpleeval.InvalidExpression,
)

_UNTOUCHED = nullcontext()


def _silent() -> AbstractContextManager[Any]:
    """Let numpy give NaN and infinity without a warning."""
    import numpy as np  # noqa: PLC0415 - slow

    return np.errstate(all="ignore")


def _words(error: Exception) -> str:
    text = str(error)
    if "truth value of an array" in text:
        return "an array is neither true nor false: use all(), any() or where()"
    if "broadcast" in text or "elementwise comparison" in text:
        return "arrays of different length"
    if isinstance(error, MemoryError):
        return "not enough memory"
    return text.partition("\n")[0] or type(error).__name__


class _Evaluator(simpleeval.SimpleEval):  # type: ignore[misc]
    """The library's evaluator, for the nodes that `parsing` lets through.

    Attributes, texts with braces and loops are not among them.
    """

    nodes: dict[type[ast.AST], Callable[[Any], Any]]

    def __init__(self, functions: dict[str, Callable[..., Any]]) -> None:
        super().__init__(operators=dict(OPERATORS), functions=functions, names={})
        given = self.nodes
        kept = (ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp)
        self.nodes = {kind: given[kind] for kind in kept} | {
            ast.Constant: lambda node: node.value,
            ast.List: self._list,
            ast.Subscript: self._part,
            ast.Call: self._call,
        }

    def _list(self, node: ast.List) -> Any:
        return listed([self._eval(one) for one in node.elts])

    def _part(self, node: ast.Subscript) -> Any:
        of = self._eval(node.value)
        if not is_array(of):
            raise FormulaError("[...] takes an element of an array")
        if isinstance(node.slice, ast.Slice):
            ends = (node.slice.lower, node.slice.upper, node.slice.step)
            return of[slice(*(one and self._index(one) for one in ends))]
        index = self._index(node.slice)
        if not -len(of) <= index < len(of):
            raise FormulaError(f"no element {index} in an array of {len(of)}")
        return of[index].item()

    def _index(self, node: ast.expr) -> int:
        index = whole(self._eval(node), "[...]")
        if not isinstance(index, int):
            raise FormulaError("[...] takes a number")
        return index

    def _call(self, node: Any) -> Any:
        """Call a function; `where` of one number evaluates only what it gives."""
        if node.func.id == "where":
            condition = self._eval(node.args[0])
            if not is_array(condition):
                return self._eval(node.args[1] if condition else node.args[2])
            yes, no = (self._eval(one) for one in node.args[1:])
            return self.functions["where"](condition, yes, no)
        return self._eval_call(node)

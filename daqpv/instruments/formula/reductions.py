"""Functions of formulas that take one array, or several numbers: mean, max, sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.values import any_array, numeric

Reduce = Callable[[Any], Any]


def reduction(name: str, plain: Callable[[Sequence[Any]], Any]) -> Callable[..., Any]:
    """Make a function of one array or several numbers; `plain` is for numbers.

    Args:
        name: of the function, also in numpy.
        plain: the same for Python's numbers, at least one.
    """

    def reduced(*given: Any) -> Any:
        values = [numeric(one, name) for one in given]
        if not any_array(values):
            return plain(values)
        if len(values) > 1:
            raise FormulaError(f"{name} takes one array, or numbers")
        import numpy as np  # noqa: PLC0415 - slow

        return getattr(np, name)(_filled(values[0], name)).item()

    return reduced


def extreme(name: str, plain: Callable[..., Any], pairs: str) -> Callable[..., Any]:
    """Make min or max; of several arrays, or arrays and numbers, element by element."""
    reduced = reduction(name, lambda values: _first_nan(values) or plain(values))

    def chosen(*given: Any) -> Any:
        if len(given) == 1 or not any_array(given):
            return reduced(*given)
        import numpy as np  # noqa: PLC0415 - slow

        result, *others = (numeric(one, name) for one in given)
        for other in others:
            result = getattr(np, pairs)(result, other)
        return result

    return chosen


def _first_nan(values: Sequence[Any]) -> Any:
    """Return NaN if there is one, for Python's min and max depend on its place."""
    return next((one for one in values if one != one), None)  # noqa: PLR0124 - NaN


def _filled(values: Any, name: str) -> Any:
    if not values.size:
        raise FormulaError(f"{name} of an array without elements")
    return values


def mean(values: Sequence[Any]) -> Any:
    """Mean of numbers."""
    return sum(values) / len(values)


def median(values: Sequence[Any]) -> Any:
    """Middle of numbers, or mean of the two in the middle."""
    if (nan := _first_nan(values)) is not None:
        return nan
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else mean(ordered[half - 1 : half + 1])


def std(values: Sequence[Any]) -> Any:
    """Standard deviation of numbers, divided by n."""
    middle = mean(values)
    return math.sqrt(mean([(one - middle) ** 2 for one in values]))


def truths(name: str, plain: Callable[[Sequence[Any]], bool]) -> Callable[..., Any]:
    """Make `all` or `any`."""

    def judged(*given: Any) -> bool:
        values = [numeric(one, name) for one in given]
        if not any_array(values):
            return plain(values)
        if len(values) > 1:
            raise FormulaError(f"{name} takes one array, or numbers")
        return bool(getattr(values[0], name)())

    return judged


def length(value: Any) -> int:
    """Elements of an array, or characters of a text."""
    if isinstance(value, str | tuple) or any_array([value]):
        return len(value)
    raise FormulaError("len takes an array or a text")

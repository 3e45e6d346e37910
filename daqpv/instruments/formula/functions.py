"""The functions of formulas: each takes numbers, most take arrays as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daqpv.errors import quoted
from daqpv.instruments.formula import reductions
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.operators import xor
from daqpv.instruments.formula.values import (
    NUMBERS,
    any_array,
    is_array,
    numeric,
    whole,
)

CONSTANTS: Mapping[str, Any] = {
    "pi": math.pi,
    "e": math.e,
    "nan": math.nan,
    "inf": math.inf,
    "true": True,
    "false": False,
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that formulas may call.

    Attributes:
        call: takes and gives values of formulas.
        least: so many arguments at least.
        most: so many at most; None: any number.
    """

    call: Callable[..., Any]
    least: int = 1
    most: int | None = 1


def _each(name: str, plain: Callable[[Any], Any], array: str = "") -> Function:
    """Make a function of one number; of an array it is applied to each element.

    Args:
        name: in formulas.
        plain: for a number.
        array: its name in numpy; default: `name`.
    """

    def applied(x: Any) -> Any:
        x = x if type(x) in NUMBERS else numeric(x, name)
        if not is_array(x):
            try:
                return plain(x)
            except ValueError:
                raise FormulaError(f"{name}({_shown(x)}) does not exist") from None
        import numpy as np  # noqa: PLC0415 - slow

        return getattr(np, array or name)(x)

    return Function(applied)


def _shown(x: Any) -> str:
    return f"{x:g}" if abs(x) < 1e300 or math.isinf(x) else "a huge number"


def _each_pair(name: str, plain: Callable[[Any, Any], Any], array: str) -> Function:
    def applied(a: Any, b: Any) -> Any:
        a, b = numeric(a, name), numeric(b, name)
        if not any_array((a, b)):
            return plain(a, b)
        import numpy as np  # noqa: PLC0415 - slow

        return getattr(np, array)(a, b)

    return Function(applied, 2, 2)


def _rounded(x: Any, digits: Any = 0) -> Any:
    """Rounds half to even, as Python does."""
    x, digits = numeric(x, "round"), whole(digits, "round")
    if is_array(digits) or not -300 <= digits <= 300:
        raise FormulaError("round takes at most 300 digits")
    if is_array(x):
        return x.round(digits)
    return _kept(round)(x) if digits == 0 else round(x, digits)


def _kept(plain: Callable[[float], int]) -> Callable[[Any], Any]:
    """Apply to finite numbers; NaN and infinity stay, for they have no integer."""
    return lambda x: plain(x) if isinstance(x, int) or math.isfinite(x) else x


def _sign(x: Any) -> Any:
    return x if x != x else (x > 0) - (x < 0)  # noqa: PLR0124 - NaN


def _clipped(x: Any, low: Any, high: Any) -> Any:
    x, low, high = (numeric(one, "clip") for one in (x, low, high))
    if any_array((low, high)) or not low <= high:
        raise FormulaError("clip takes a low that is not above its high")
    if is_array(x):
        return x.clip(low, high)
    return low if x < low else high if x > high else x


def _interpolated(x: Any, xs: Any, ys: Any) -> Any:
    x = numeric(x, "interp")
    if not (is_array(xs) and is_array(ys) and len(xs) == len(ys) > 0):
        raise FormulaError("interp takes x and two lists of equal length")
    if not (xs[1:] > xs[:-1]).all():  # numpy would give any number
        raise FormulaError("interp: its second argument does not rise")
    import numpy as np  # noqa: PLC0415 - slow

    result = np.interp(x, xs, ys)
    return result if is_array(x) else float(result)


def _polynomial(coefficients: Any, x: Any) -> Any:
    x = numeric(x, "polyval")
    if not is_array(coefficients):
        raise FormulaError("polyval takes a list of coefficients, then x")
    result = 0 * x
    for coefficient in numeric(coefficients, "polyval").tolist():
        result = result * x + coefficient
    return result


def _number(x: Any) -> float:
    if not isinstance(x, str):
        x = numeric(x, "float")
        if is_array(x):
            raise FormulaError("float takes one number or text")
        return float(x)
    try:
        return float(x.replace("_", "?"))  # Python reads 1_0 as 10
    except ValueError:
        raise FormulaError(f"float: {quoted(x)} is no number") from None


def _bit(x: Any, n: Any) -> Any:
    x, n = whole(x, "bit"), whole(n, "bit")
    if is_array(n) or not 0 <= n <= 63:
        raise FormulaError("bit counts from 0 to 63")
    return (x >> n) & 1 == 1


def _chosen(condition: Any, yes: Any, no: Any) -> Any:
    """Elements of `yes` where the mask is true, of `no` elsewhere."""
    import numpy as np  # noqa: PLC0415 - slow

    return np.where(condition, numeric(yes, "where"), numeric(no, "where"))


FUNCTIONS: Mapping[str, Function] = {
    "sqrt": _each("sqrt", math.sqrt),
    "cbrt": _each("cbrt", math.cbrt),
    "exp": _each("exp", math.exp),
    "ln": _each("ln", math.log, "log"),
    "log": _each("log", math.log),
    "log2": _each("log2", math.log2),
    "log10": _each("log10", math.log10),
    "sin": _each("sin", math.sin),
    "cos": _each("cos", math.cos),
    "tan": _each("tan", math.tan),
    "asin": _each("asin", math.asin, "arcsin"),
    "acos": _each("acos", math.acos, "arccos"),
    "atan": _each("atan", math.atan, "arctan"),
    "atan2": _each_pair("atan2", math.atan2, "arctan2"),
    "sinh": _each("sinh", math.sinh),
    "cosh": _each("cosh", math.cosh),
    "tanh": _each("tanh", math.tanh),
    "degrees": _each("degrees", math.degrees),
    "radians": _each("radians", math.radians),
    "hypot": _each_pair("hypot", math.hypot, "hypot"),
    "abs": _each("abs", abs),
    "sign": _each("sign", _sign),
    "floor": _each("floor", _kept(math.floor)),
    "ceil": _each("ceil", _kept(math.ceil)),
    "trunc": _each("trunc", _kept(math.trunc)),
    "round": Function(_rounded, 1, 2),
    "clip": Function(_clipped, 3, 3),
    "isfinite": _each("isfinite", math.isfinite),
    "isnan": _each("isnan", math.isnan),
    "where": Function(_chosen, 3, 3),
    "interp": Function(_interpolated, 3, 3),
    "polyval": Function(_polynomial, 2, 2),
    "min": Function(reductions.extreme("min", min, "minimum"), 1, None),
    "max": Function(reductions.extreme("max", max, "maximum"), 1, None),
    "sum": Function(reductions.reduction("sum", sum), 1, None),
    "mean": Function(reductions.reduction("mean", reductions.mean), 1, None),
    "median": Function(reductions.reduction("median", reductions.median), 1, None),
    "std": Function(reductions.reduction("std", reductions.std), 1, None),
    "all": Function(reductions.truths("all", all), 1, None),
    "any": Function(reductions.truths("any", any), 1, None),
    "len": Function(reductions.length),
    "float": Function(_number),
    "bit": Function(_bit, 2, 2),
    "xor": Function(xor, 2, 2),
}
"""By their names. docs/instruments/formulas.md says what each gives."""

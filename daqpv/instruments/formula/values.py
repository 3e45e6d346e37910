"""Values inside formulas: numbers, texts, arrays of numbers, states with a label."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

from daqpv.errors import quoted
from daqpv.instruments.formula.errors import FormulaError

if TYPE_CHECKING:  # the import of numpy is slow, and many formulas have no arrays
    from numpy.typing import NDArray

Value: TypeAlias = "float | int | bool | str | NDArray[Any]"
"""What a formula takes and gives. Arrays are one-dimensional, of float64 or bool."""

NUMBERS = frozenset({float, int, bool})
PLAIN = NUMBERS | {str}
BITS = 1024
"""Integers of more bits are not computed: no float is that large."""


class State(int):
    """The number of a state, with its label; both can be compared with."""

    label: str

    def __new__(cls, number: int, label: str) -> State:
        """Make the state `number` that is called `label`."""
        state = super().__new__(cls, number)
        state.label = label
        return state


def is_array(value: object) -> bool:
    """Whether it is an array of numpy."""
    numpy = sys.modules.get("numpy")  # what is not imported has made no array
    return numpy is not None and isinstance(value, numpy.ndarray)


def entered(value: object, name: str) -> Any:
    """Make a value of a channel, called `name`, one with which formulas can compute.

    Arrays become float64: small integers would wrap around, ``40000 + 40000`` of an
    array of uint16 is 14464.

    Raises:
        FormulaError: it is neither a number nor text nor an array of numbers.
    """
    if type(value) in PLAIN or isinstance(value, State):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):  # of numpy, too
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple) or is_array(value):
        return array(value, name)
    if type(value).__name__ in ("bool", "bool_"):  # of numpy
        return bool(value)
    what = "no value" if value is None else "neither number, text nor array"
    raise FormulaError(f"{name}: {what}")


def array(values: Any, name: str) -> Any:
    """Make an array of float64, or of bool, from a list or another array.

    Raises:
        FormulaError: elements that are no numbers, or more than one dimension.
    """
    import numpy as np  # noqa: PLC0415 - slow

    try:
        made = np.asarray(values)
    except ValueError:  # lists of different length
        made = np.empty((0, 0))
    if made.ndim > 1 or (made.dtype.kind not in "biuf" and made.size):
        raise FormulaError(f"{name}: elements that are no numbers")
    if made.ndim == 0:
        return made.item()
    return made if made.dtype.kind == "b" else made.astype(np.float64, copy=False)


def listed(values: list[Any]) -> Any:
    """Make the value of ``[a, b, c]``: an array, or a tuple of texts."""
    if values and all(isinstance(one, str) for one in values):
        return tuple(values)
    if any(type(one) not in NUMBERS and not isinstance(one, State) for one in values):
        raise FormulaError("a list has numbers only, or texts only")
    return array([float(one) for one in values], "the list")


def numeric(value: Any, what: str) -> Any:
    """Make an operand one that can be added: states and masks become numbers.

    numpy has no difference of two masks, and calls their union a sum.

    Raises:
        FormulaError: it is text.
    """
    if type(value) in NUMBERS:
        return value
    if isinstance(value, State):
        return int(value)
    if is_array(value):
        return value.astype(float) if value.dtype.kind == "b" else value
    shown = f"the text {quoted(value)}" if isinstance(value, str) else "a list of texts"
    raise FormulaError(f"{what} takes numbers, not {shown}")


def whole(value: Any, what: str) -> Any:
    """Make integers of whole numbers, for bits: most channels are floats.

    Raises:
        FormulaError: it is text, or not whole.
    """
    value = value if type(value) in (int, bool) else numeric(value, what)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        raise FormulaError(f"{what} takes whole numbers, not {value:g}")
    if (value != value.round()).any() or (abs(value) >= 2**63).any():
        raise FormulaError(f"{what} takes whole numbers")
    return value.astype("int64")


def returned(value: Any) -> Any:
    """Make the result of a formula one of Python's types, or an array.

    Raises:
        FormulaError: it is nothing that a channel can be.
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, complex):  # also numpy's
        raise FormulaError("the result is a complex number")
    if isinstance(value, tuple):
        raise FormulaError("the result is a list of texts")
    if isinstance(value, State):
        return int(value)
    return entered(value, "the result")


def any_array(values: Iterable[object]) -> bool:
    """Whether one of them is an array."""
    return any(type(value) not in PLAIN and is_array(value) for value in values)

"""The result of a formula as the value of a channel of a certain type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from daqpv.errors import quoted
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.values import Value, is_array

_LARGEST = 2**31 - 1  # of longin and longout


@dataclass(frozen=True, slots=True)
class Calc:
    """A calculated channel.

    Attributes:
        formula: its text.
        type: number, integer, text, boolean, enum or array: as `ChannelType`.
        states: labels of an enum or boolean.
    """

    formula: str
    type: str = "number"
    states: tuple[str, ...] = ()

    def shaped(self, result: Value) -> tuple[Any, str]:
        """The result as the value of the channel, and its label if it has states.

        Raises:
            FormulaError: it is not a value of this type.
        """
        if self.type == "text":
            return _text(result), ""
        if self.type == "array":
            return _elements(result), ""
        if self.type in ("enum", "boolean"):
            index = self._state(result)
            return index, self.states[index] if index < len(self.states) else ""
        number = _finite(result)
        return (_integer(number) if self.type == "integer" else float(number)), ""

    def _state(self, result: Value) -> int:
        if isinstance(result, str):
            if result not in self.states:
                raise FormulaError(f"no state {quoted(result)}")
            return self.states.index(result)
        number = _finite(result)
        if self.type == "boolean":
            return int(bool(number))
        count = len(self.states) or 16
        if number != int(number) or not 0 <= number < count:
            raise FormulaError(f"no state {number:g}")
        return int(number)


def _finite(result: Value) -> float:
    if isinstance(result, str) or is_array(result):
        kind = "a text" if isinstance(result, str) else "an array"
        raise FormulaError(f"the result is {kind}, not a number")
    try:
        number = float(result)
    except OverflowError:
        raise FormulaError("the result is too large") from None
    if not math.isfinite(number):
        raise FormulaError(f"the result is {number}")
    return number


def _integer(number: float) -> int:
    if abs(number) > _LARGEST:
        raise FormulaError("the result is too large for an integer")
    return round(number)


def _text(result: Value) -> str:
    if not isinstance(result, str):
        raise FormulaError("the result is not a text")
    return result


def _elements(result: Value) -> list[Any]:
    import numpy as np  # noqa: PLC0415 - slow

    if not isinstance(result, np.ndarray):
        raise FormulaError("the result is not an array")
    if (wrong := ~np.isfinite(result)).any():
        at = int(wrong.argmax())
        raise FormulaError(f"element {at} of the result is {result[at]}")
    return [int(one) if isinstance(one, bool) else one for one in result.tolist()]

"""Constants of EPICS records, independent of the protocol: types, sizes, epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

EPICS_EPOCH: Final = 631152000  # 1990-01-01 in Unix time [s]
LAST_TIME: Final = EPICS_EPOCH + 2**32 - 1  # [s since 1970] EPICS stamps have 32 bits
STRING_SIZE: Final = 40  # bytes of a short text, with the closing zero
LABEL_SIZE: Final = 26  # bytes of a state's text, likewise
LABELS: Final = 16  # states of an enum
MOST_SINGLE: Final = 3.4028234663852886e38


class Element(StrEnum):
    """The type of the elements of a value."""

    STRING = "string"
    SHORT = "short"
    FLOAT = "float"
    ENUM = "enum"
    CHAR = "char"
    INTEGER = "integer"
    DOUBLE = "double"


RANGE = {
    Element.SHORT: (-(2**15), 2**15 - 1),
    Element.ENUM: (0, 2**16 - 1),
    Element.CHAR: (0, 255),
    Element.INTEGER: (-(2**31), 2**31 - 1),
}

DTYPE: dict[Element, np.dtype[Any]] = {
    Element.SHORT: np.dtype(np.int16),
    Element.FLOAT: np.dtype(np.float32),
    Element.ENUM: np.dtype(np.uint16),
    Element.CHAR: np.dtype(np.uint8),
    Element.INTEGER: np.dtype(np.int32),
    Element.DOUBLE: np.dtype(np.float64),
}


def converter(element: Element) -> Callable[[float], Any] | None:
    """The conversion of a Python number to `element`; None: not needed."""
    if element in RANGE:
        least, most = RANGE[element]
        return lambda value: whole_number(value, least, most)
    return single if element is Element.FLOAT else None


def single(value: float) -> float:
    """Limit `value` to the range of a 32-bit float; NaN and inf are kept."""
    if abs(value) <= MOST_SINGLE or not math.isfinite(value):
        return value
    return math.copysign(MOST_SINGLE, value)


def whole_number(value: float, least: int, most: int) -> int:
    """Cut the fraction of `value` and limit it to `least` and `most`; NaN becomes 0."""
    if value != value:  # noqa: PLR0124, the fastest test for NaN
        return 0
    return int(min(max(value, least), most))


def cast(array: Array, element: Element) -> Array:
    """Limit `array` to the range of `element`; NaN becomes 0 in integers."""
    if element is Element.DOUBLE or np.can_cast(array.dtype, DTYPE[element]):
        return array
    if array.dtype.kind == "f":
        array = array.astype(np.float64)  # exact for the limits of the integers
    if element is Element.FLOAT:
        limited = np.clip(array, -MOST_SINGLE, MOST_SINGLE)
        return np.where(np.isinf(array), array, limited)
    if array.dtype.kind == "f":
        array = np.nan_to_num(array, nan=0.0, posinf=np.inf, neginf=-np.inf)
    return np.clip(array, *RANGE[element])

"""Reads and formats values of observables."""

from __future__ import annotations

import math

Value = int | float | str | None


def is_value(value: Value, kind: str) -> bool:
    """Whether `value` is one of an observable of type `kind`: int, float or string."""
    match kind:
        case "float":
            return isinstance(value, int | float)
        case "int":
            return isinstance(value, int)
        case _:
            return isinstance(value, str)


def read(text: str, kind: str) -> Value:
    """The value of `text`; None: it is empty, or NaN.

    Raises:
        ValueError: it is not a value of that type.
    """
    if kind == "string" or not text.strip():
        return text or None if kind == "string" else None
    if kind == "int":
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return None if math.isnan(number) else number


def value_text(value: Value) -> str:
    """`value` as text for the history of a run; "": no value."""
    return "" if value is None else str(value)

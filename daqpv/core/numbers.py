"""Parses numbers from outside, within bounds."""

from __future__ import annotations

import math
import re

LARGEST = 2**63 - 1
"""The largest size that a file system can report."""

_DIGITS = len(str(LARGEST))
_REAL = re.compile(
    r"\s*[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eEdD][+-]?\d{1,4})?\s*", re.ASCII
)


def whole(text: bytes, *, most: int = LARGEST) -> int:
    """Parse `text`, decimal digits, as an integer from 0 to `most`.

    Raises:
        ValueError: it is not an integer, or out of bounds.
    """
    digits = text.lstrip(b"0") or text[-1:]
    if not digits.isdigit() or len(digits) > _DIGITS or int(digits) > most:
        raise ValueError(f"{text[:60]!r} is not a number from 0 to {most}")
    return int(digits)


def finite(value: object) -> float:
    """`value` as a finite number, to be written to a device.

    Raises:
        ValueError: it is not one; the text goes on after the name of what was written.
    """
    try:
        found = float(value)  # type: ignore[arg-type] # whatever it is
    except (TypeError, ValueError):
        raise ValueError("takes numbers only") from None
    if not math.isfinite(found):
        raise ValueError(f"takes numbers only, not {found}")
    return found


def number(text: str) -> float:
    """Parse a number as instruments write it: "1.2E-05", " +3.", "1.5D3".

    Raises:
        ValueError: it is not a number, not finite, or followed by text such as a unit.
    """
    if not _REAL.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is not a number")
    value = float(text.replace("D", "e").replace("d", "e"))
    if not math.isfinite(value):
        raise ValueError(f"{text[:60]!r} is not a number")
    return value

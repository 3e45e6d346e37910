"""Numbers that come from outside: within bounds before anything is computed of them."""

from __future__ import annotations

import math
import re

LARGEST = 2**63 - 1
"""What a file system can give as a size."""

_DIGITS = len(str(LARGEST))
_REAL = re.compile(
    r"\s*[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,4})?\s*", re.ASCII
)


def whole(text: bytes, *, most: int = LARGEST) -> int:
    """The whole number from 0 to `most` that `text` is, in decimal digits.

    Raises:
        ValueError: it is none, or out of bounds.
    """
    digits = text.lstrip(b"0") or text[-1:]
    if not digits.isdigit() or len(digits) > _DIGITS or int(digits) > most:
        raise ValueError(f"{text[:60]!r} is no number from 0 to {most}")
    return int(digits)


def number(text: str) -> float:
    """The number that `text` is, as an instrument writes it: "1.2E-05", " +3.".

    Raises:
        ValueError: it is none, not finite, or has something behind it, such as a unit.
    """
    if not _REAL.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:60]!r} is not a number")
    return value

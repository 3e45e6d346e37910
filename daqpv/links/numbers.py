"""Numbers that come from outside: within bounds before anything is computed of them."""

from __future__ import annotations

LARGEST = 2**63 - 1
"""What a file system can give as a size."""

_DIGITS = len(str(LARGEST))


def whole(text: bytes, *, most: int = LARGEST) -> int:
    """The whole number from 0 to `most` that `text` is, in decimal digits.

    Raises:
        ValueError: it is none, or out of bounds.
    """
    digits = text.lstrip(b"0") or text[-1:]
    if not digits.isdigit() or len(digits) > _DIGITS or int(digits) > most:
        raise ValueError(f"{text[:60]!r} is no number from 0 to {most}")
    return int(digits)

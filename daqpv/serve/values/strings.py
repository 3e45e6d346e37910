"""Conversion of texts to bytes and back, and of numbers to texts."""

from __future__ import annotations

import math


def cut(text: str, size: int) -> bytes:
    """`text` in UTF-8, at most `size` bytes, cut at a character."""
    data = text.encode(errors="replace")
    if len(data) <= size:
        return data
    return data[:size].decode(errors="ignore").encode()


def c_bytes(data: bytes | memoryview) -> bytes:
    """The bytes before the first zero byte."""
    return bytes(data).partition(b"\0")[0]


def c_string(data: bytes | memoryview) -> str:
    """The text before the first zero byte: UTF-8, or Latin-1 from older clients."""
    data = c_bytes(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def real_text(value: float, precision: int) -> str:
    """A real number as a C IOC prints it (libCom, cvtDoubleToString)."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    if precision > 8 or size > 1e7:
        if precision > 8 or size > 1e16:
            return f"{value:.{min(precision, 17)}e}"
        precision = min(precision, 3)
    return f"{value:.{precision}f}"

"""Converts values to plain ones that files, the spool and all databases accept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any


def microseconds(moment: float) -> int:
    """UTC [us since 1970] of UTC [s since 1970]."""
    return round(moment * 1e6)


def cut(text: str, length: int) -> str:
    """`text`, clean, of at most `length` characters; one that was cut ends in "..."."""
    text = clean(text)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def clean(text: str) -> str:
    r"""`text` with NUL and lone surrogates escaped: ``\x00``, ``\udc80``.

    Devices send them, and PostgreSQL accepts neither.
    """
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")


_PLAIN = frozenset({bool, int, type(None)})  # what is as it is


def plain(value: Any) -> Any:
    """`value` as JSON of RFC 8259 has it, clean; what it has not becomes text."""
    kind = type(value)  # a quick look first: isinstance of abstract classes is slow
    if kind in _PLAIN:
        return value
    if kind is dict:
        return _plain_dict(value)
    match value:
        case str():
            return clean(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case Integral():
            return int(value)
        case Mapping():
            return _plain_dict(value)
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case _:
            return clean(str(value))


def _plain_dict(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {clean(str(key)): plain(value) for key, value in values.items()}

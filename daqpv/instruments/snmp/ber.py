"""BER as SNMP uses it: definite lengths, integers, object identifiers.

An object identifier stays in its encoded form (`Oid`), which compares and hashes fast:
an answer of 64 values needs none of them as numbers. A subtree is a common beginning of
bytes, for each number ends with a byte below 0x80. The order is not that of the bytes:
sort by `numbers`.

Source: ITU-T X.690; RFC 3417, section 8.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

Oid: TypeAlias = bytes
"""An object identifier, encoded, without tag and length."""

LONGEST_OID = 128  # numbers (RFC 3416, section 4.1)
_MOST = 2**32 - 1  # of one of its numbers
_DOTTED = re.compile(r"\.?\d{1,10}(?:\.\d{1,10})+", re.ASCII)
_WANTED = "an OID is 2 to 128 numbers with dots, such as 1.3.6.1.2.1"


def packed(tag: int, content: bytes) -> bytes:
    """Tag, length and content."""
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 128 | len(digits))) + digits + content


def taken(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read tag and length at `at`; return tag, begin and end of the content.

    Raises:
        ValueError: it is cut, or goes beyond `end`.
    """
    if at + 2 > end:
        raise ValueError("it is cut")
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 128:
        digits = size & 127
        if not 1 <= digits <= 4 or at + digits > end:
            raise ValueError("it has a length that is not definite, or cut")
        size = int.from_bytes(data[at : at + digits], "big")
        at += digits
    if at + size > end:
        raise ValueError("it is cut")
    return tag, at, at + size


def whole(data: bytes) -> int:
    """The signed integer of a content.

    Raises:
        ValueError: it is empty, or has more than 64 bits.
    """
    if not 1 <= len(data) <= 9:  # Counter64 may have a leading zero
        raise ValueError(f"it has an integer of {len(data)} bytes")
    return int.from_bytes(data, "big", signed=True)


def integer(value: int) -> bytes:
    """The shortest content of a signed integer."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return value.to_bytes(size, "big", signed=True)


@lru_cache(maxsize=4096)
def oid(text: str) -> Oid:
    """Encode ``1.3.6.1.2.1``; a dot before it is accepted.

    Raises:
        ValueError: it is no object identifier of numbers.
    """
    if not _DOTTED.fullmatch(text):
        raise ValueError(_WANTED)
    parts = [int(part) for part in text.removeprefix(".").split(".")]
    return of_numbers(tuple(parts))


def of_numbers(parts: tuple[int, ...]) -> Oid:
    """Encode numbers.

    Raises:
        ValueError: there are less than 2 or more than 128, or one is out of range.
    """
    if not 2 <= len(parts) <= LONGEST_OID or not all(0 <= p <= _MOST for p in parts):
        raise ValueError(_WANTED)
    if parts[0] > 2 or (parts[0] < 2 and parts[1] >= 40):
        raise ValueError("an OID begins with 0, 1 or 2, and then a number below 40")
    content = bytearray()
    for part in (parts[0] * 40 + parts[1], *parts[2:]):
        content += _base128(part)
    return bytes(content)


def _base128(part: int) -> bytes:
    digits = [part & 127]
    while part := part >> 7:
        digits.append(128 | part & 127)
    return bytes(reversed(digits))


@lru_cache(maxsize=4096)
def numbers(encoded: Oid) -> tuple[int, ...]:
    """The numbers of an encoded object identifier.

    Raises:
        ValueError: it is empty, cut, too long, or not in the shortest form.
    """
    if not encoded or encoded[-1] & 128 or len(encoded) > 5 * LONGEST_OID:
        raise ValueError("it has an OID that is empty, cut or too long")
    parts: list[int] = []
    part, is_first = 0, True
    for byte in encoded:
        if is_first and byte == 128:
            raise ValueError("it has an OID that is not in its shortest form")
        part = part << 7 | byte & 127
        is_first = not byte & 128
        if is_first:
            parts.append(part)
            part = 0
    first = min(parts[0] // 40, 2)
    return (first, parts[0] - 40 * first, *parts[1:])


def dotted(encoded: Oid) -> str:
    """``1.3.6.1.2.1`` of an encoded object identifier."""
    return ".".join(map(str, numbers(encoded)))

"""Values of SNMP: their types, as bytes and as Python has them.

Opaque values are those of net-snmp, within an OCTET STRING of tag 0x44: WIENER crates
send floats as ``44 07 9F 78 04`` and four bytes of IEEE 754, highest first.

Source: RFC 3416, section 3; RFC 2578, section 7.1; net-snmp, asn1.c.
"""

from __future__ import annotations

import ipaddress
import struct
from enum import IntEnum
from typing import NamedTuple

from daqpv.instruments.snmp.ber import dotted, integer, oid, packed, taken, whole


class Kind(IntEnum):
    """The type of a value: its tag, or that inside an Opaque."""

    INTEGER = 0x02
    TEXT = 0x04  # OCTET STRING, also BITS
    NULL = 0x05
    OID = 0x06
    IP = 0x40
    COUNTER = 0x41
    GAUGE = 0x42  # also Unsigned32
    TICKS = 0x43  # hundredths of a second
    OPAQUE = 0x44
    COUNTER64 = 0x46
    NO_OBJECT = 0x80
    NO_INSTANCE = 0x81
    END = 0x82  # of the view
    FLOAT = 0x9F78
    DOUBLE = 0x9F79

    @property
    def words(self) -> str:
        """What an agent says with it, in place of a value; "" for values."""
        return _WORDS.get(self, "")


_WORDS = {
    Kind.NO_OBJECT: "no such object",
    Kind.NO_INSTANCE: "no such instance",
    Kind.END: "no such instance",
    Kind.NULL: "no value",
}

Plain = int | float | str | bytes | None


class Value(NamedTuple):
    """A value and its type.

    Attributes:
        kind: its type.
        plain: int, float; bytes of TEXT and OPAQUE; str of OID and IP; else None.
    """

    kind: Kind
    plain: Plain = None


EMPTY = Value(Kind.NULL)
_NOTHING = {kind: Value(kind) for kind in _WORDS}
_UNSIGNED = {
    Kind.COUNTER: 32,
    Kind.GAUGE: 32,
    Kind.TICKS: 32,
    Kind.COUNTER64: 64,
}
_REAL = {Kind.FLOAT: struct.Struct(">f"), Kind.DOUBLE: struct.Struct(">d")}
_WHOLE = frozenset({Kind.INTEGER, *_UNSIGNED})


_KINDS = {int(kind): kind for kind in Kind if kind < 256}


def read(tag: int, content: bytes) -> Value:
    """Decode a value from its tag and content.

    Raises:
        ValueError: the tag is unknown, or the content does not fit it.
    """
    kind = _KINDS.get(tag)
    if kind is None:
        raise ValueError(f"it has a value of the unknown type 0x{tag:02X}")
    if kind in _WHOLE:
        return Value(kind, _integer(kind, content))
    if kind is Kind.TEXT:
        return Value(kind, content)
    if kind is Kind.OPAQUE:
        return _opaque(content)
    if kind is Kind.OID:
        return Value(kind, dotted(content))
    if kind is Kind.IP:
        if len(content) != 4:
            raise ValueError(f"it has an IpAddress of {len(content)} bytes")
        return Value(kind, ".".join(map(str, content)))
    return _NOTHING[kind]


def _integer(kind: Kind, content: bytes) -> int:
    value = whole(content)
    bits = _UNSIGNED.get(kind)
    # Some agents leave out the zero before a highest bit that is set
    return value if bits is None or value >= 0 else value % 2**bits


def _opaque(content: bytes) -> Value:
    """A float or double inside an Opaque; other contents stay bytes."""
    if len(content) > 3 and content[0] == 0x9F and content[1] in (0x78, 0x79):
        kind = Kind(0x9F00 | content[1])
        _, begin, end = taken(content, 1, len(content))
        if end - begin != _REAL[kind].size or end != len(content):
            raise ValueError(f"it has an Opaque {kind.name} of {end - begin} bytes")
        return Value(kind, _REAL[kind].unpack_from(content, begin)[0])
    return Value(Kind.OPAQUE, content)


def written(value: Value) -> bytes:
    """Encode a value: tag, length, content.

    Raises:
        ValueError: it is out of the range of its type.
    """
    kind, plain = value
    if kind in _WHOLE:
        return packed(kind, integer(_in_range(kind, int(plain or 0))))
    if kind in (Kind.TEXT, Kind.OPAQUE) and isinstance(plain, bytes):
        return packed(kind, plain)
    if kind in _REAL and isinstance(plain, int | float):
        inner = _REAL[kind].pack(plain)
        content = bytes((0x9F, kind & 0xFF, len(inner))) + inner
        return packed(Kind.OPAQUE, content)
    if kind is Kind.OID and isinstance(plain, str):
        return packed(kind, oid(plain))
    if kind is Kind.IP and isinstance(plain, str):
        return packed(kind, ipaddress.IPv4Address(plain).packed)
    if kind in _NOTHING:
        return packed(kind, b"")
    raise ValueError(f"{plain!r} is no value of the type {kind.name}")


def _in_range(kind: Kind, value: int) -> int:
    bits = _UNSIGNED.get(kind)
    least, most = (0, 2**bits - 1) if bits else (-(2**31), 2**31 - 1)
    if not least <= value <= most:
        raise ValueError(f"{value} is not from {least} to {most}")
    return value


def of_plain(kind: Kind, given: object, encoding: str = "utf-8") -> Value:
    """The value of a type that something to be written makes.

    Raises:
        ValueError: it does not fit the type: text for a number, 3.7 for an integer.
    """
    if kind in _WHOLE or kind in _REAL:
        number = _number(given)
        if kind in _REAL:
            return Value(kind, number)
        if number != round(number):
            raise ValueError(f"{given!r} is not a whole number")
        return Value(kind, _in_range(kind, round(number)))
    if kind in (Kind.TEXT, Kind.OPAQUE):
        plain = given if isinstance(given, bytes) else str(given).encode(encoding)
        return Value(kind, plain)
    if kind in (Kind.OID, Kind.IP):
        value = Value(kind, str(given))
        written(value)  # checks it
        return value
    raise ValueError(f"the agent has {kind.words or 'no value'} there")


def _number(given: object) -> float | int:
    if isinstance(given, int):  # also bool
        return int(given)
    try:
        number = float(str(given))
    except ValueError:
        number = float("nan")
    if number - number != 0:  # also infinite
        raise ValueError(f"{given!r} is not a number")
    return number


def bits(content: bytes) -> int:
    """The bits of a BITS value: bit n of the result is its bit n.

    Bit 0 of a BITS is the most significant bit of its first byte.
    """
    text = "".join(f"{byte:08b}" for byte in content)
    return int(text[::-1] or "0", 2)


def bits_content(value: int, size: int) -> bytes:
    """The content of a BITS of `size` bytes, or more if `value` needs more."""
    size = max(size, (value.bit_length() + 7) // 8)
    text = f"{value:0{8 * size}b}"[::-1]
    return int(text or "0", 2).to_bytes(size, "big")

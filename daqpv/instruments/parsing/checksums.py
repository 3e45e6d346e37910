"""Check sums at the end of messages, by name: ``sum8``, ``xor8 HEX from 2``."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias

Sum: TypeAlias = Callable[[bytes], int]

DIGITS = ("binary", "hex", "HEX", "decimal", "nibbles")
"""How a sum is written: as bytes, in hexadecimal digits of either sort, in decimal
digits, or as characters 0 to ? for four bits each ("poor man's hex")."""


def _sum(data: bytes) -> int:
    return sum(data)


def _xor(data: bytes) -> int:
    result = 0
    for byte in data:
        result ^= byte
    return result


def _leybold(data: bytes) -> int:
    """255 - sum; 32 more if that were a control character. Leybold GRAPHIX."""
    result = 255 - sum(data) % 256
    return result if result >= 32 else result + 32


def _brooks(data: bytes) -> int:
    """Of Brooks cryopumps."""
    total = sum(byte & 0x7F for byte in data)
    return ((total >> 6 ^ total) & 0x3F) + 0x30


def _hex_digits(data: bytes) -> list[int]:
    return [int(chr(b), 16) for b in data if chr(b) in "0123456789abcdefABCDEF"]


def _hexsum(data: bytes) -> int:
    return sum(_hex_digits(data))


def _bits(data: bytes) -> int:
    return sum(byte.bit_count() for byte in data)


@dataclass(frozen=True)
class _Crc:
    """A cyclic redundancy check, by its parameters as catalogues have them.

    Attributes:
        width: in bits, 8 or more.
        reflected: the lowest bit comes first, in the data and in the sum.
    """

    width: int
    polynomial: int
    begin: int
    reflected: bool
    end: int

    def __call__(self, data: bytes) -> int:
        table, crc, mask = _table(self), self.begin, (1 << self.width) - 1
        if self.reflected:
            for byte in data:
                crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
        else:
            high = self.width - 8
            for byte in data:
                crc = table[(crc >> high ^ byte) & 0xFF] ^ crc << 8 & mask
        return crc ^ self.end


@cache
def _table(crc: _Crc) -> list[int]:
    """What each value of a byte does to the sum."""
    return [_entry(crc, byte) for byte in range(256)]


def _entry(crc: _Crc, byte: int) -> int:
    mask = (1 << crc.width) - 1
    if crc.reflected:
        polynomial = int(f"{crc.polynomial:0{crc.width}b}"[::-1], 2)
        for _ in range(8):
            byte = byte >> 1 ^ polynomial * (byte & 1)
        return byte
    value, top = byte << crc.width - 8, 1 << crc.width - 1
    for _ in range(8):
        value = (value << 1 ^ crc.polynomial * bool(value & top)) & mask
    return value


@dataclass(frozen=True)
class Checksum:
    """A check sum: how it is computed, written, and over which bytes.

    Calling it with the bytes of a message gives the bytes to append.

    Attributes:
        name: as it was given, for messages.
        function: of the bytes it counts; its result is cut to `size` bytes.
        size: of the sum, in bytes.
        order: of the bytes of the sum.
        digits: one of `DIGITS`.
        first: the first byte that counts, from 1.
        less: so many bytes just before the sum do not count.
    """

    name: str
    function: Sum
    size: int = 1
    order: Literal["big", "little"] = "big"
    digits: str = "binary"
    first: int = 1
    less: int = 0

    @property
    def length(self) -> int:
        """Bytes of the message that the sum takes."""
        if self.digits == "decimal":
            return len(str(256**self.size - 1))
        return self.size if self.digits == "binary" else 2 * self.size

    def __call__(self, data: bytes) -> bytes:
        """The bytes to append to `data`."""
        counted = data[self.first - 1 : len(data) - self.less]
        number = self.function(counted) & (1 << 8 * self.size) - 1
        if self.digits == "decimal":
            return b"%0*d" % (self.length, number)
        raw = number.to_bytes(self.size, self.order)
        if self.digits == "binary":
            return raw
        if self.digits == "nibbles":
            return bytes(0x30 | half for byte in raw for half in divmod(byte, 16))
        text = raw.hex()
        return (text.upper() if self.digits == "HEX" else text).encode()

    def checked(self, message: bytes) -> bytes:
        """The message without its sum.

        Raises:
            ValueError: the sum is wrong, or missing.
        """
        if len(message) < self.length:
            raise ValueError(f"the message is too short for the check sum {self.name}")
        data, given = message[: -self.length], message[-self.length :]
        right = self(data)
        if given == right:
            return data
        if self.digits in {"hex", "HEX"} and given.lower() == right.lower():
            return data
        raise ValueError(
            f"the check sum {self.name} is {_shown(given)}, and should be "
            f"{_shown(right)}: a byte was lost or changed"
        )


def _shown(data: bytes) -> str:
    text = data.decode("latin-1")
    return repr(text) if text.isascii() and text.isprintable() else data.hex(" ")


def _not(function: Sum) -> Sum:
    return lambda data: ~function(data)


def _minus(function: Sum) -> Sum:
    return lambda data: -function(data)


def _sized(name: str, function: Sum) -> dict[str, Checksum]:
    sizes = (1, 2, 4)
    return {f"{name}{8 * n}": Checksum(name, function, n) for n in sizes}


def _crc(*parameters: int, order: Literal["big", "little"] = "big") -> Checksum:
    width, polynomial, begin, reflected, end = parameters
    crc = _Crc(width, polynomial, begin, bool(reflected), end)
    return Checksum("", crc, width // 8, order)


NAMES: Mapping[str, Checksum] = {
    **_sized("sum", _sum),
    **_sized("negsum", _minus(_sum)),
    **_sized("notsum", _not(_sum)),
    **_sized("bitsum", _bits),
    "xor8": Checksum("", _xor),
    "notxor8": Checksum("", _not(_xor)),
    "xor7": Checksum("", lambda data: _xor(data) & 0x7F),
    "lrc": Checksum("", _minus(_sum)),
    "hexsum8": Checksum("", _hexsum),
    "leybold": Checksum("", _leybold),
    "brooks": Checksum("", _brooks),
    "spellman": Checksum("", lambda data: -sum(data) & 0x7F | 0x40),
    "cpi": Checksum("", lambda data: (sum(data) - 32 * len(data)) % 95 + 32),
    "crc8": _crc(8, 0x07, 0, 0, 0),
    "crc8-maxim": _crc(8, 0x31, 0, 1, 0),
    "crc16-arc": _crc(16, 0x8005, 0, 1, 0),
    "crc16-umts": _crc(16, 0x8005, 0, 0, 0),
    "crc16-modbus": _crc(16, 0x8005, 0xFFFF, 1, 0, order="little"),
    "crc16-usb": _crc(16, 0x8005, 0xFFFF, 1, 0xFFFF),
    "crc16-ccitt": _crc(16, 0x1021, 0xFFFF, 0, 0),
    "crc16-aug-ccitt": _crc(16, 0x1021, 0x1D0F, 0, 0),
    "crc16-xmodem": _crc(16, 0x1021, 0, 0, 0),
    "crc16-kermit": _crc(16, 0x1021, 0, 1, 0),
    "crc16-x25": _crc(16, 0x1021, 0xFFFF, 1, 0xFFFF),
    "crc32": Checksum("", zlib.crc32, 4),
    "crc32-bzip2": _crc(32, 0x04C11DB7, 0xFFFFFFFF, 0, 0xFFFFFFFF),
    "crc32-jam": Checksum("", _not(zlib.crc32), 4),
    "adler32": Checksum("", zlib.adler32, 4),
}
"""The check sums that there are."""

STREAM_DEVICE: Mapping[str, str] = {
    **{name: name for name in ("sum8", "sum16", "sum32", "lrc", "xor7", "leybold")},
    **{name: name for name in ("bitsum8", "bitsum16", "bitsum32", "hexsum8", "cpi")},
    **{f"nsum{n}": f"negsum{n}" for n in (8, 16, 32)},
    **dict.fromkeys(("negsum", "-sum", "nsum", "negsum8", "-sum8"), "negsum8"),
    **{"sum": "sum8", "notsum": "notsum8", "bitsum": "bitsum8", "xor": "xor8"},
    **{"xor8": "xor8", "xor8ff": "notxor8", "brkscryo": "brooks"},
    **{"hv_mps": "spellman", "crc8": "crc8", "ccitt8": "crc8-maxim"},
    **{"crc16": "crc16-umts", "crc16r": "crc16-arc", "modbus": "crc16-modbus big"},
    **{"ccitt16": "crc16-ccitt", "ccitt16a": "crc16-aug-ccitt"},
    **dict.fromkeys(("ccitt16x", "crc16c", "xmodem"), "crc16-xmodem"),
    **{"crc32": "crc32-bzip2", "crc32r": "crc32", "jamcrc": "crc32-jam"},
    "adler32": "adler32",
}
"""Our names of those of StreamDevice, in lower case; its flags are not part of them."""


def checksum(text: str) -> Checksum:
    """The check sum of a name, with how it is written, and over which bytes.

    Args:
        text: the name; then, in any order, ``hex``, ``HEX``, ``decimal`` or
            ``nibbles``; ``big`` or ``little``; ``from 2`` (the first byte that counts);
            ``less 1`` (bytes before the sum that do not count).

    Raises:
        ValueError: there is none of this name, or a word is not known.
    """
    name, *words = text.split() or [""]
    made = NAMES.get(name.lower())
    if made is None:
        raise ValueError(f"{name!r} is no check sum; there are {', '.join(NAMES)}")
    made = replace(made, name=text)
    while words:
        word = words.pop(0)
        if word in {"from", "less"} and words and words[0].isdecimal():
            number = int(words.pop(0))
            if word == "from":
                made = replace(made, first=max(number, 1))
            else:
                made = replace(made, less=number)
        elif word in DIGITS:
            made = replace(made, digits=word)
        elif word in {"big", "little"}:
            made = replace(made, order="big" if word == "big" else "little")
        else:
            known = ", ".join([*DIGITS, "big", "little", "from N", "less N"])
            raise ValueError(
                f"{word!r} in the check sum {text!r} is not known: {known}"
            )
    return made

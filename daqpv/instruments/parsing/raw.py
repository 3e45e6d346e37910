"""Forms of fields that are bytes: integers, floats, BCD, blocks of bytes.

Lines are given as characters up to 255, one for each byte.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

from daqpv.instruments.parsing.forms import Form, Taken, as_real, as_whole
from daqpv.instruments.parsing.values import Value

Order: TypeAlias = Literal["little", "big"]
"""Of the bytes of a number: the lowest, or the highest, comes first."""

_SPEC = re.compile(r"([<>]?)([iuf])(\d)")
_SIZES = {"i": (1, 2, 3, 4, 8), "u": (1, 2, 3, 4, 8), "f": (2, 4, 8)}
_FLOATS = {2: "e", 4: "f", 8: "d"}
_OTHER = re.compile(r"(bytes|bcd)(\d{0,5})")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


@dataclass(frozen=True)
class Number:
    """A number of so many bytes.

    Attributes:
        kind: i (signed), u (unsigned), f (IEEE 754 float) or d (BCD).
        size: in bytes.
        order: of the bytes.
    """

    kind: Literal["i", "u", "f", "d"]
    size: int
    order: Order
    ends_itself = True
    takes_words = False
    is_binary = True

    @property
    def what(self) -> str:
        """For messages."""
        some = "1 byte" if self.size == 1 else f"{self.size} bytes"
        return f"{some} of decimal digits" if self.kind == "d" else some

    @property
    def dtype(self) -> str:
        """As numpy names it."""
        return f"{'<' if self.order == 'little' else '>'}{self.kind}{self.size}"

    def take(self, line: str, at: int) -> Taken | None:
        """The number in the next bytes."""
        value = self.read(line[at : at + self.size])
        return None if value is None else (value, at + self.size)

    def read(self, text: str) -> Value | None:
        """The number, if there are as many bytes."""
        if len(text) != self.size:
            return None
        data = _bytes(text)
        if self.kind == "f":
            value: float = struct.unpack(self._format, data)[0]
            return value
        if self.kind == "d":
            digits = (data if self.order == "big" else data[::-1]).hex()
            return int(digits) if digits.isdigit() else None
        return int.from_bytes(data, self.order, signed=self.kind == "i")

    def write(self, value: object) -> str:
        """The bytes of a number.

        Raises:
            ValueError: it does not fit.
        """
        try:
            return self._packed(value).decode("latin-1")
        except OverflowError:
            raise ValueError(f"{value} does not fit into {self.what}") from None

    def _packed(self, value: object) -> bytes:
        if self.kind == "f":
            return struct.pack(self._format, as_real(value))
        number = as_whole(value)
        if self.kind != "d":
            return number.to_bytes(self.size, self.order, signed=self.kind == "i")
        digits = f"{number:0{2 * self.size}d}"
        if number < 0 or len(digits) > 2 * self.size:
            raise OverflowError
        data = bytes.fromhex(digits)
        return data if self.order == "big" else data[::-1]

    @property
    def _format(self) -> str:
        return ("<" if self.order == "little" else ">") + _FLOATS[self.size]


@dataclass(frozen=True)
class Block:
    """Bytes as they are: a number of them, or all up to what follows."""

    size: int | None = None
    takes_words = False
    is_binary = True

    @property
    def ends_itself(self) -> bool:
        """Whether it has a size."""
        return self.size is not None

    @property
    def what(self) -> str:
        """For messages."""
        return "bytes" if self.size is None else f"{self.size} bytes"

    def take(self, line: str, at: int) -> Taken | None:
        """So many bytes."""
        if self.size is None or len(line) < at + self.size:
            return None
        return _bytes(line[at : at + self.size]), at + self.size

    def read(self, text: str) -> Value | None:
        """All of them."""
        return _bytes(text) if self.size in {None, len(text)} else None

    def write(self, value: object) -> str:
        """The bytes, or the text in UTF-8."""
        data = value.encode() if isinstance(value, str) else value
        if not isinstance(data, bytes | bytearray | memoryview):
            raise ValueError(f"{value!r} are no bytes")
        data = bytes(data)
        if self.size not in {None, len(data)}:
            raise ValueError(f"{len(data)} bytes are not {self.size}")
        return data.decode("latin-1")


@dataclass(frozen=True)
class Numbers:
    """An array of numbers, side by side."""

    form: Number
    ends_itself = False
    takes_words = False
    is_binary = True

    @property
    def what(self) -> str:
        """For messages."""
        return f"a multiple of {self.form.what}"

    def take(self, line: str, at: int) -> Taken | None:
        """None: its end is not known."""
        return None

    def read(self, text: str) -> Value | None:
        """A read-only array; None: the last number is not whole."""
        import numpy as np  # noqa: PLC0415 - its import is slow

        if len(text) % self.form.size:
            return None
        return np.frombuffer(_bytes(text), dtype=self.form.dtype)

    def write(self, value: object) -> str:
        """The elements, side by side."""
        elements = value.tolist() if hasattr(value, "tolist") else value
        if isinstance(elements, str | bytes) or not hasattr(elements, "__iter__"):
            raise ValueError(f"{value!r} is no array")
        return "".join(self.form.write(one) for one in elements)


def raw(spec: str) -> Form | None:
    """The form that `spec` names: ``>f4``, ``<i2``, ``u1``, ``bcd2``, ``bytes4``.

    With ``...`` at its end it is an array. None: it names none of these.

    Raises:
        ValueError: the sort is known, but not the size or the order of the bytes.
    """
    name = spec.removesuffix("...")
    if found := _OTHER.fullmatch(name):
        return _other(found[1], found[2])
    found = _SPEC.fullmatch(name)
    if found is None:
        return None
    order, kind, size = found[1], found[2], int(found[3])
    if size not in _SIZES[kind]:
        sizes = ", ".join(map(str, _SIZES[kind]))
        raise ValueError(f"{name!r} has {size} bytes; possible are {sizes}")
    if size > 1 and not order:
        raise ValueError(f"{name!r} does not say the order of its bytes: < or >")
    form = Number(kind, size, "little" if order == "<" else "big")  # type: ignore[arg-type]
    if name == spec:
        return form
    if size == 3:
        raise ValueError(f"{spec!r}: an array cannot have elements of 3 bytes")
    return Numbers(form)


def _other(sort: str, size: str) -> Form:
    if sort == "bcd":
        return Number("d", int(size or 1), "big")
    return Block(int(size) if size else None)

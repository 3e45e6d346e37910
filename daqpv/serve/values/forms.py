"""The forms that values have: how each looks in Python, on the wire, and in a put."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from struct import Struct
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from daqpv.errors import RefusedError
from daqpv.serve.ca.protocol import (
    BASIC_TYPES,
    CHAR,
    DOUBLE,
    ELEMENT_SIZE,
    ENUM,
    FLOAT,
    INTEGER,
    SHORT,
    STRING,
    STRING_SIZE,
    c_string,
    cut,
)
from daqpv.serve.values.meta import Meta, single, whole_number

Array: TypeAlias = npt.NDArray[Any]

RANGE = {
    SHORT: (-(2**15), 2**15 - 1),
    ENUM: (0, 2**16 - 1),
    CHAR: (0, 255),
    INTEGER: (-(2**31), 2**31 - 1),
}
_CODE = {SHORT: "h", FLOAT: "f", ENUM: "H", CHAR: "B", INTEGER: "i", DOUBLE: "d"}
_SCALAR = {basic: Struct(f">{code}") for basic, code in _CODE.items()}
DTYPE = {basic: np.dtype(f">{code}") for basic, code in _CODE.items()}
NATIVE_DTYPE = {basic: dtype.newbyteorder("=") for basic, dtype in DTYPE.items()}


class Form(Protocol):
    """What the values of a PV are.

    Attributes:
        native: the basic type that clients are told.
        nelm: the most elements.
        blank: the value before the first one.
    """

    native: int
    nelm: int
    blank: Any

    def coerce(self, value: Any) -> Any:
        """`value` as it is kept. ValueError, TypeError: it cannot be."""
        ...

    def same(self, old: Any, new: Any) -> bool:
        """Whether two kept values are equal."""
        ...

    def length(self, value: Any, basic: int) -> int:
        """How many elements a kept value has as `basic`."""
        ...

    def pack(
        self, value: Any, basic: int, meta: Meta, count: int
    ) -> bytes | memoryview:
        """At most `count` elements as `basic`. ValueError: there is no such view."""
        ...

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> Any:
        """The kept value that a put of the elements `given` asks for.

        Raises:
            RefusedError: they are no value for this PV.
        """
        ...


def converter(basic: int) -> Callable[[float], Any] | None:
    """What makes a Python number fit for `basic`; None: any number does."""
    if basic in RANGE:
        least, most = RANGE[basic]
        return lambda value: whole_number(value, least, most)
    return single if basic == FLOAT else None


_CONVERT = {basic: converter(basic) for basic in _CODE}


def pack_number(value: float, basic: int) -> bytes:
    """A number as the numeric type `basic`."""
    convert = _CONVERT[basic]
    return _SCALAR[basic].pack(convert(value) if convert else value)


def pack_text(text: str | bytes) -> bytes:
    """A text as one DBR_STRING."""
    data = cut(text, STRING_SIZE - 1) if isinstance(text, str) else text
    return data.ljust(STRING_SIZE, b"\0")


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


def decode(dbr: int, count: int, data: bytes | memoryview) -> Sequence[Any] | Array:
    """The elements of a put.

    Raises:
        RefusedError: `dbr` is no basic type, or `data` is too short for `count`.
    """
    if not 0 <= dbr < BASIC_TYPES:
        raise RefusedError(f"a put of DBR type {dbr} is not understood")
    if dbr == STRING:
        if count == 0:
            return []
        data = bytes(data)
        if len(data) > count * STRING_SIZE:
            data = data[: count * STRING_SIZE]
        starts = range(0, max(len(data), 1), STRING_SIZE)
        return [c_string(data[i : i + STRING_SIZE]) for i in starts]
    if len(data) < count * ELEMENT_SIZE[dbr]:
        raise RefusedError(f"the put announces {count} elements and brings fewer")
    if count == 1:
        return _SCALAR[dbr].unpack_from(data)
    return np.frombuffer(data, DTYPE[dbr], count)


def one_of(given: Sequence[Any] | Array) -> Any:
    """The first element of a put.

    Raises:
        RefusedError: there is none.
    """
    if len(given) == 0:
        raise RefusedError("an empty array is no value")
    return given[0]


def number_of(text: str) -> float:
    """The number that a text spells.

    Raises:
        RefusedError: it spells none.
    """
    text = text.strip()
    try:
        return int(text, 0)  # as C: 0x10 is sixteen
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise RefusedError(f"{text!r} is not a number") from None


class Real:
    """A real number: ai, ao."""

    nelm = 1
    blank = 0.0
    coerce = float

    def __init__(self, native: int = DOUBLE) -> None:
        self.native = native

    def same(self, old: float, new: float) -> bool:
        """Equal, or both NaN."""
        return old == new or (old != old and new != new)  # noqa: PLR0124

    def length(self, value: float, basic: int) -> int:
        """One."""
        return 1

    def pack(self, value: float, basic: int, meta: Meta, count: int) -> bytes:
        """As a number, or as text with the PV's precision."""
        if basic == STRING:
            return pack_text(real_text(value, meta.precision))
        return pack_number(value, basic)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> float:
        """Any number within the drive limits, also as text."""
        one = one_of(given)
        value = float(number_of(one) if isinstance(one, str) else one)
        check_drive(value, meta)
        return value


class Integer:
    """A whole number: longin, longout."""

    nelm = 1
    blank = 0

    def __init__(self, native: int = INTEGER) -> None:
        self.native = native
        self._least, self._most = RANGE[native]

    def coerce(self, value: Any) -> int:
        """Without its fraction, held inside the range of the type."""
        return whole_number(value, self._least, self._most)

    def same(self, old: int, new: int) -> bool:
        """Equal."""
        return old == new

    def length(self, value: int, basic: int) -> int:
        """One."""
        return 1

    def pack(self, value: int, basic: int, meta: Meta, count: int) -> bytes:
        """As a number, or as its digits."""
        return pack_text(str(value)) if basic == STRING else pack_number(value, basic)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> int:
        """A number within the drive limits and the type, or a text that spells one.

        The fraction of a number is cut off, as a C IOC does it; a text with a fraction
        was typed by a person and is refused.
        """
        number = whole_of(one_of(given))
        if not self._least <= number <= self._most:
            raise RefusedError(f"{number} is not in {self._least} to {self._most}")
        check_drive(number, meta)
        return number


def whole_of(one: float | str) -> int:
    """The whole number that one element of a put asks for.

    Raises:
        RefusedError: it is not finite, or a text that spells no whole number.
    """
    number = number_of(one) if isinstance(one, str) else one
    if not math.isfinite(number) or (isinstance(one, str) and number != int(number)):
        raise RefusedError(f"{number} is not a whole number")
    return int(number)


def check_drive(value: float, meta: Meta) -> None:
    """Hold a put against the drive limits.

    Raises:
        RefusedError: `value` is outside of them, or no number at all.
    """
    if meta.has_drive_limits and not meta.drvl <= value <= meta.drvh:
        units = f" {meta.units}" if meta.units else ""
        raise RefusedError(
            f"{value:g} is outside the limits {meta.drvl:g} to {meta.drvh:g}{units}"
        )


class Choice:
    """One of a few states with texts: bi, bo, mbbi, mbbo, and the menus of fields.

    Args:
        members: what the domain calls them, by index; None: their indices.
        size: how many there are; default: that of `members`, else all that CA has.
    """

    native = ENUM
    nelm = 1
    blank = 0

    def __init__(
        self, members: Sequence[Enum] | None = None, size: int = 2**16
    ) -> None:
        self.members = members
        self._index = {m: i for i, m in enumerate(members)} if members else {}
        self._size = len(members) if members else size

    def coerce(self, value: Any) -> int:
        """The index of a member, or the number itself. ValueError: no such state."""
        if type(value) is int and 0 <= value < self._size:  # nearly always
            return value
        index = self._index.get(value) if isinstance(value, Enum) else None
        if index is not None:
            return index
        if isinstance(value, float | str) or not 0 <= int(value) < self._size:
            raise ValueError(f"{value!r} is not one of its {self._size} states")
        return int(value)

    def same(self, old: int, new: int) -> bool:
        """Equal."""
        return old == new

    def length(self, value: int, basic: int) -> int:
        """One."""
        return 1

    def pack(self, value: int, basic: int, meta: Meta, count: int) -> bytes:
        """As its index, or as its text."""
        if basic == STRING:
            known = value < len(meta.labels)
            return pack_text(meta.labels[value] if known else str(value))
        return pack_number(value, basic)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> int:
        """A text (exactly, else in any case), or an index, also as text."""
        one = one_of(given)
        if isinstance(one, str):
            index = _label_index(one.strip(), meta.labels)
            if index is not None:
                return index
            try:
                one = number_of(one)
            except RefusedError:
                known = ", ".join(label for label in meta.labels if label)
                raise RefusedError(f"{one!r} is none of: {known}") from None
        if not math.isfinite(one) or one != int(one) or not 0 <= one < len(meta.labels):
            known = ", ".join(f"{n} {label}" for n, label in enumerate(meta.labels))
            raise RefusedError(f"{one} is none of: {known}")
        return int(one)


def _label_index(text: str, labels: tuple[str, ...]) -> int | None:
    if text in labels:
        return labels.index(text)
    folded = [label.casefold() for label in labels]
    if text and folded.count(text.casefold()) == 1:
        return folded.index(text.casefold())
    return None

"""Values of more than one element: long texts, arrays of numbers, arrays of texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from daqpv.errors import RefusedError
from daqpv.serve.values.elements import (
    DTYPE,
    MOST_SINGLE,
    RANGE,
    STRING_SIZE,
    Array,
    Element,
    cast,
)
from daqpv.serve.values.forms import number_of, whole_of
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.strings import cut
from daqpv.serve.values.texts import put_text

_SINGLE = (-MOST_SINGLE, MOST_SINGLE)


def fitted(text: str, size: int) -> str:
    """Fit `text` into at most `size` bytes; a note at the end says that it was cut.

    Only whole lines are kept: part of a name may be another valid name.
    """
    data = text.encode(errors="replace")
    if len(data) <= size:
        return data.decode()
    lines = text.split("\n")
    for kept in range(data[: size + 1].count(b"\n"), 0, -1):
        note = f"\n... {len(lines) - kept:,} more lines do not fit here"
        head = "\n".join(lines[:kept])
        if len(head.encode(errors="replace")) + len(note) <= size:
            return head + note
    note = f" ... ({len(data):,} bytes)"
    if len(note) >= size:
        return cut(text, size).decode()
    return cut(text, size - len(note)).decode() + note


class LongText:
    """A long text as an array of bytes, UTF-8, its closing zero counted.

    Args:
        nelm: most bytes.
    """

    native = Element.CHAR
    blank = ""

    def __init__(self, nelm: int) -> None:
        self.nelm = nelm

    def coerce(self, value: Any) -> str:
        """Fit the text to the size of the PV, see `fitted`."""
        return fitted(str(value), self.nelm - 1)

    def same(self, old: str, new: str) -> bool:
        """Equal."""
        return old == new

    def length(self, value: str) -> int:
        """Its bytes and a closing zero."""
        return len(value.encode()) + 1

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> str:
        """Accept a DBR_STRING, or an array of bytes or of UTF-16 code units.

        A single number is a text of one character, as sent by caput -S.
        """
        if len(given) == 0:
            return ""
        if not isinstance(given[0], str):
            given = np.asarray(given)
        text = put_text(given)
        if len(text.encode()) >= self.nelm:
            raise RefusedError(f"the text has more than {self.nelm - 1} bytes")
        return text


class Numbers:
    """An array of numbers: waveform.

    Args:
        native: the type of its elements.
        nelm: maximum number of elements.
    """

    def __init__(self, native: Element, nelm: int) -> None:
        self.native = native
        self.nelm = nelm
        self.blank = self.coerce(())

    def coerce(self, value: Any) -> Array:
        """A read-only array of the PV's type, cut to its size."""
        array = np.asarray(value)
        dtype = DTYPE[self.native]
        if array.dtype != dtype or array.flags.writeable or array.ndim != 1:
            array = cast(array.reshape(-1), self.native).astype(dtype)
        array = array[: self.nelm]
        array.flags.writeable = False
        return array

    def same(self, old: Array, new: Array) -> bool:
        """Equal in length and every bit: a NaN equals itself."""
        bits = f"u{old.dtype.itemsize}"
        return np.array_equal(old.view(bits), new.view(bits))

    def length(self, value: Array) -> int:
        """The number of elements."""
        return len(value)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> Array:
        """Accept up to NELM numbers, also as texts, within the range of the type."""
        if len(given) > self.nelm:
            raise RefusedError(f"{len(given)} elements, and the PV holds {self.nelm}")
        if len(given) and isinstance(given[0], str):
            given = [self._spelled(one) for one in given]
        array = np.asarray(given)
        if self.native is not Element.DOUBLE:
            self._check_range(array)
        return self.coerce(array)

    def join(self, parts: Sequence[Array]) -> Array:
        """Join accepted parts to one array."""
        return self.coerce(np.concatenate(parts))

    def _spelled(self, text: str) -> float:
        return whole_of(text) if self.native in RANGE else number_of(text)

    def _check_range(self, array: Array) -> None:
        if np.can_cast(array.dtype, DTYPE[self.native]):
            return
        least: float
        most: float
        if self.native in RANGE:
            least, most = RANGE[self.native]
            inside = (array > least - 1) & (array < most + 1)  # excludes NaN
        else:
            least, most = _SINGLE
            inside = (abs(array) <= most) | ~np.isfinite(array)
        if not inside.all():
            raise RefusedError(f"{array[~inside][0]} is not in {least} to {most}")


class Texts:
    """An array of short texts: a waveform of FTVL STRING.

    Args:
        nelm: maximum number of elements.
    """

    native = Element.STRING
    blank: tuple[str, ...] = ()

    def __init__(self, nelm: int) -> None:
        self.nelm = nelm

    def coerce(self, value: Any) -> tuple[str, ...]:
        """Cut each text to 39 bytes, and the array to NELM."""
        texts = (cut(str(text), STRING_SIZE - 1).decode() for text in value)
        return tuple(texts)[: self.nelm]

    def same(self, old: tuple[str, ...], new: tuple[str, ...]) -> bool:
        """Equal."""
        return old == new

    def length(self, value: tuple[str, ...]) -> int:
        """The number of elements."""
        return len(value)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> tuple[str, ...]:
        """Accept up to NELM texts."""
        if len(given) > self.nelm:
            raise RefusedError(f"{len(given)} elements, and the PV holds {self.nelm}")
        return self.coerce(given)

    def join(self, parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        """Join accepted parts to one array."""
        return tuple(chain.from_iterable(parts))

"""Short texts, and the forms of text puts: one string, bytes, UTF-16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daqpv.errors import RefusedError
from daqpv.serve.values.elements import STRING_SIZE, Array, Element
from daqpv.serve.values.forms import one_of
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.strings import c_string, cut


class Text:
    """A short text, at most 39 bytes: stringin, stringout, string fields.

    Args:
        size: most bytes, without a closing zero.
    """

    native = Element.STRING
    nelm = 1
    blank = ""

    def __init__(self, size: int = STRING_SIZE - 1) -> None:
        self.size = size

    def coerce(self, value: Any) -> str:
        """Cut to the size of the PV, between characters."""
        return cut(str(value), self.size).decode()

    def same(self, old: str, new: str) -> bool:
        """Equal."""
        return old == new

    def length(self, value: str) -> int:
        """One."""
        return 1

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> str:
        """Accept a text; several elements are its bytes or code units."""
        text = put_text(given)
        if len(text.encode()) > self.size:
            raise RefusedError(f"the text has more than {self.size} bytes")
        return text


_LAST_CODE_POINT = 0x10FFFF


def put_text(given: Sequence[Any] | Array) -> str:
    """The text of a put: a DBR_STRING, an array, or the digits of a number.

    Raises:
        RefusedError: an element of the array is no character.
    """
    if isinstance(given, np.ndarray):
        one_byte = given.dtype.itemsize == 1
        return c_string(given.tobytes()) if one_byte else text_of_units(given)
    one = one_of(given)
    return f"{one:g}" if isinstance(one, float) else str(one)


def text_of_units(units: Array) -> str:
    """The text of UTF-16 code units up to the first 0, as Phoebus sends texts.

    A single half of a surrogate pair becomes U+FFFD.

    Raises:
        RefusedError: an element is no code unit.
    """
    if units.dtype.kind == "i" and units.dtype.itemsize == 2:  # DBR_SHORT is signed
        units = units.astype(np.uint16)
    units = units[: next(iter(np.flatnonzero(units == 0)), len(units))]
    is_unit = (units >= 0) & (units <= _LAST_CODE_POINT) & (units == np.trunc(units))
    if not is_unit.all():
        raise RefusedError(
            f"an array with the element {units[~is_unit][0]:g} is no text: "
            "the elements are bytes or UTF-16 code units, up to a 0"
        )
    text = "".join(map(chr, units.astype(np.int64)))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

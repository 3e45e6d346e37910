"""The forms of values: their representation in Python, as text, and in a put."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

from daqpv.errors import RefusedError
from daqpv.serve.values.elements import RANGE, Array, Element, whole_number
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.strings import real_text


class Form(Protocol):
    """The type of the values of a PV.

    Attributes:
        native: the type of its elements.
        nelm: maximum number of elements.
        blank: the value before the first one.
    """

    native: Element
    nelm: int
    blank: Any

    def coerce(self, value: Any) -> Any:
        """Convert `value` to the stored form. ValueError, TypeError: not possible."""
        ...

    def same(self, old: Any, new: Any) -> bool:
        """Whether two stored values are equal."""
        ...

    def length(self, value: Any) -> int:
        """The number of elements of a stored value."""
        ...

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> Any:
        """The stored value that a put of the elements `given` requests.

        Raises:
            RefusedError: the elements are not valid for this PV.
        """
        ...


def one_of(given: Sequence[Any] | Array) -> Any:
    """The first element of a put.

    Raises:
        RefusedError: the array is empty.
    """
    if len(given) == 0:
        raise RefusedError("an empty array is not a value")
    return given[0]


def number_of(text: str) -> float:
    """The number that a text contains.

    Raises:
        RefusedError: the text is not a number.
    """
    text = text.strip()
    try:
        return int(text, 0)  # as in C: 0x10 is sixteen
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

    def __init__(self, native: Element = Element.DOUBLE) -> None:
        self.native = native

    def same(self, old: float, new: float) -> bool:
        """Equal, or both NaN."""
        return old == new or (old != old and new != new)  # noqa: PLR0124

    def length(self, value: float) -> int:
        """One."""
        return 1

    def text(self, value: float, meta: Meta) -> str:
        """As text with the PV's precision."""
        return real_text(value, meta.precision)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> float:
        """Accept any number within the drive limits, also as text."""
        one = one_of(given)
        value = float(number_of(one) if isinstance(one, str) else one)
        check_drive(value, meta)
        return value


class Integer:
    """A whole number: longin, longout."""

    nelm = 1
    blank = 0

    def __init__(self, native: Element = Element.INTEGER) -> None:
        self.native = native
        self._least, self._most = RANGE[native]

    def coerce(self, value: Any) -> int:
        """Cut the fraction, and limit the value to the range of the type."""
        return whole_number(value, self._least, self._most)

    def same(self, old: int, new: int) -> bool:
        """Equal."""
        return old == new

    def length(self, value: int) -> int:
        """One."""
        return 1

    def text(self, value: int, meta: Meta) -> str:
        """Its digits."""
        return str(value)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> int:
        """Accept a number within the drive limits and the type, also as text.

        The fraction of a number is cut, as in a C IOC; a text with a fraction was typed
        by an operator and is refused.
        """
        number = whole_of(one_of(given))
        if not self._least <= number <= self._most:
            raise RefusedError(f"{number} is not in {self._least} to {self._most}")
        check_drive(number, meta)
        return number


def whole_of(one: float | str) -> int:
    """The integer that one element of a put requests.

    Raises:
        RefusedError: it is not finite, or a text that is not an integer.
    """
    number = number_of(one) if isinstance(one, str) else one
    if not math.isfinite(number) or (isinstance(one, str) and number != int(number)):
        raise RefusedError(f"{number} is not a whole number")
    return int(number)


def check_drive(value: float, meta: Meta) -> None:
    """Check a put against the drive limits.

    Raises:
        RefusedError: `value` is outside the limits, or NaN.
    """
    if meta.drvl < meta.drvh and not meta.drvl <= value <= meta.drvh:
        units = f" {meta.units}" if meta.units else ""
        raise RefusedError(
            f"{value:g} is outside the limits {meta.drvl:g} to {meta.drvh:g}{units}"
        )


class Choice:
    """One of a few states with texts: bi, bo, mbbi, mbbo, and the menus of fields.

    Args:
        members: values of the domain, by index; None: the indices.
        size: number of states; default: that of `members`, otherwise the maximum of CA.
    """

    native = Element.ENUM
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
        if type(value) is int and 0 <= value < self._size:  # the most frequent case
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

    def length(self, value: int) -> int:
        """One."""
        return 1

    def text(self, value: int, meta: Meta) -> str:
        """The text of the state, or its index."""
        labels = meta.labels
        return labels[value] if value < len(labels) else str(value)

    def accept(self, given: Sequence[Any] | Array, meta: Meta) -> int:
        """Accept a text (exact, otherwise in any case), or an index, also as text."""
        one = one_of(given)
        if isinstance(one, str):
            index = _label_index(one.strip(), meta.labels)
            if index is not None:
                return index
            try:
                one = number_of(one)
            except RefusedError:
                known = ", ".join(label for label in meta.labels if label)
                raise RefusedError(f"{one!r} is not one of: {known}") from None
        if not math.isfinite(one) or one != int(one) or not 0 <= one < len(meta.labels):
            known = ", ".join(f"{n} {label}" for n, label in enumerate(meta.labels))
            raise RefusedError(f"{one} is not one of: {known}")
        return int(one)


def _label_index(text: str, labels: tuple[str, ...]) -> int | None:
    if text in labels:
        return labels.index(text)
    folded = [label.casefold() for label in labels]
    if text and folded.count(text.casefold()) == 1:
        return folded.index(text.casefold())
    return None

"""What a form is, and those of numbers.

A form finds the text of a field in a line, and converts it both ways.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Protocol, TypeAlias

from daqpv.instruments.parsing.values import REAL, WHITE, Value, to_float

Taken: TypeAlias = tuple[Value, int]
"""A value, and where its text ends in the line."""

MOST_DIGITS = 400
"""Of an integer. The time to convert more of them grows as their square."""


class Form(Protocol):
    """How the text of a field is found, read and written."""

    @property
    def what(self) -> str:
        """For messages: "expected a number at ..."."""

    @property
    def ends_itself(self) -> bool:
        """The end of its text is known without what follows."""

    @property
    def takes_words(self) -> bool:
        """A word in place of the value is no error: "OVER"."""

    @property
    def is_binary(self) -> bool:
        """Its text are bytes, as characters up to 255."""

    def take(self, line: str, at: int) -> Taken | None:
        """The longest value that begins at `at`; None: there is none."""

    def read(self, text: str) -> Value | None:
        """The value that the whole `text` is; None: it is none."""

    def write(self, value: object) -> str:
        """The text of a value.

        Raises:
            ValueError: it cannot be written in this form.
        """


def as_real(value: object) -> float:
    """`value` as a finite number.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str | bytes):
        raise ValueError(f"{value!r} is no number")
    try:
        number = float(value)  # type: ignore[arg-type] # numpy's numbers, too
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} cannot be sent: it is no finite number")
    return number


def as_whole(value: object) -> int:
    """`value` as an integer.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, int):
        return int(value)
    number = as_real(value)
    if not number.is_integer():
        raise ValueError(f"{number} is no integer")
    return int(number)


class Numeric:
    """A number: a regular expression finds it, a function converts it.

    Args:
        regex: of its text, without groups and white space.
        convert: makes the value of what `regex` matches.
        number: makes what `spec` can format of a value.
        spec: of Python's format().
        digits: the characters for 0 and 1, of binary digits.
        white: the white space that may stand before it.
    """

    ends_itself = True
    takes_words = True
    is_binary = False

    def __init__(
        self,
        what: str,
        regex: str,
        convert: Callable[[str], float | int],
        number: Callable[[object], float | int],
        spec: str = "",
        *,
        digits: str = "01",
        white: str = WHITE,
    ) -> None:
        self.what, self.convert = what, convert
        self._made_of = (what, regex, convert, number, spec)
        self._number, self._spec, self._digits = number, spec, digits
        before = f"[{white}]*" if white else ""
        self._match = re.compile(f"{before}({regex})", re.ASCII).match
        self._fullmatch = re.compile(regex, re.ASCII).fullmatch

    def after(self, white: str) -> Numeric:
        """The same form with other `white` space before it."""
        return Numeric(*self._made_of, digits=self._digits, white=white)

    def take(self, line: str, at: int) -> Taken | None:
        """The longest number that begins at `at`."""
        found = self._match(line, at)
        if found is None:
            return None
        return self.convert(found[1]), found.end()

    def read(self, text: str) -> Value | None:
        """The number that the whole `text` is."""
        return self.convert(text) if self._fullmatch(text) else None

    def write(self, value: object) -> str:
        """As Python formats it."""
        text = format(self._number(value), self._spec)
        if self._digits == "01":
            return text
        return text.translate(str.maketrans("01", self._digits))


def real(spec: str = "") -> Numeric:
    """The form of a real number."""
    return Numeric("a number", REAL, to_float, as_real, spec)


_DIGITS = {10: r"\d", 16: "[0-9A-Fa-f]", 8: "[0-7]", 2: "[01]"}
_PREFIX = {10: "", 16: "(?:0[xX])?", 8: "(?:0[oO])?", 2: "(?:0[bB])?"}


def whole(base: int = 10, spec: str = "d") -> Numeric:
    """The form of an integer of `base` 2, 8, 10 or 16; 0: as its prefix says."""
    some = f"{{1,{MOST_DIGITS}}}"
    if base:
        regex = f"[+-]?{_PREFIX[base]}{_DIGITS[base]}{some}"
        return Numeric("an integer", regex, lambda t: int(t, base), as_whole, spec)
    regex = rf"[+-]?(?:0[xX][0-9A-Fa-f]{some}|\d{some})"
    return Numeric("an integer", regex, _of_any_base, as_whole, spec)


def _of_any_base(text: str) -> int:
    """As C reads ``%i``: 0x is hexadecimal, another 0 at the beginning octal."""
    digits = text.lstrip("+-")
    is_octal = digits.isdigit() and digits.startswith("0") and not set(digits) & {*"89"}
    return int(text, 8) if is_octal else int(text, 0 if "x" in text.lower() else 10)


def bits(digits: str) -> Numeric:
    """The form of an integer in binary digits: `digits` are those for 0 and 1."""
    back = str.maketrans(digits, "01")
    regex = f"[{re.escape(digits)}]{{1,{MOST_DIGITS}}}"
    return Numeric(
        f"digits {digits[0]} and {digits[1]}",
        regex,
        lambda text: int(text.translate(back), 2),
        as_whole,
        "b",
        digits=digits,
    )

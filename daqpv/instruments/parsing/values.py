"""Values that are read from texts, and the sentences when they cannot be."""

from __future__ import annotations

import math
import re
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # the import of numpy is slow
    from numpy.typing import NDArray

Value: TypeAlias = "float | int | bool | str | bytes | NDArray[Any]"
"""A value as a pattern gives it; `Raw` of a driver without a `Fault`."""

REAL = (
    r"[+-]?(?:1\.#(?:INF|QNAN|SNAN|IND)\d*|(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?"
    r"|(?:[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)(?![A-Za-z]))"
)
"""A number as instruments write it: ``+1.2E-05``, ``3.``, ``.5``, ``1.2D-3``, NAN,
``-1.#INF``."""

WHITE = " \t\r\n\f\v"
"""White space between values."""

LONGEST_WORD = 80
"""Characters; what is longer in place of a number is garbage, not a word."""

_REAL = re.compile(REAL, re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_BEGINS = re.compile(r"[+-]?\.?\d", re.ASCII)
_D = str.maketrans("Dd", "EE")
_SHOWN = 60  # characters of a line in a message


def real(text: str) -> float | None:
    """The number that `text` is, white space around it aside; None: it is none."""
    text = text.strip()
    return to_float(text) if _REAL.fullmatch(text) else None


def to_float(text: str) -> float:
    """Convert what `REAL` matches; also 1.2D-3 of Fortran, and 1.#QNAN of Windows."""
    try:
        return float(text)
    except ValueError:
        if "#" in text:
            found = math.inf if "INF" in text else math.nan
            return -found if text.startswith("-") else found
        return float(text.translate(_D))


def number(text: str) -> float | int | None:
    """The integer or real number that `text` is; None: it is none."""
    text = text.strip()
    return int(text) if _WHOLE.fullmatch(text) else real(text)


def is_word(text: str) -> bool:
    """Whether `text` may stand in place of a number: "OVER", "LO<E-3", "----", "".

    What begins with a number is none: "10.0V" and "1.2.3" are errors of the line.
    """
    fits = len(text) <= LONGEST_WORD and text.isprintable()
    return fits and not _BEGINS.match(text)


def where(line: str, at: int, *, is_binary: bool = False) -> str:
    """A place in a line, for messages: "character 9 of '1.2E-5;3'".

    Args:
        line: it is cut around the place, if it is long.
        at: from 0.
        is_binary: the characters are bytes; they are shown in hexadecimal digits.
    """
    place = f"{'byte' if is_binary else 'character'} {at + 1} of "
    first = max(0, at - _SHOWN // 2) if len(line) > _SHOWN else 0
    part = line[first : first + _SHOWN]
    shown = part.encode("latin-1").hex(" ") if is_binary else repr(part)
    if first:
        shown = f"...{shown}"
    return place + (f"{shown}..." if first + _SHOWN < len(line) else shown or "nothing")


def expected(what: str, line: str, at: int, *, is_binary: bool = False) -> ValueError:
    """The error of a line that does not go on with `what` at `at`."""
    return ValueError(f"expected {what} at {where(line, at, is_binary=is_binary)}")


def compiled(regex: str, flags: int = 0) -> re.Pattern[str]:
    """A regular expression of a user, compiled.

    Raises:
        ValueError: it is none; where and why.
    """
    try:
        with warnings.catch_warnings():  # "possible nested set": it means the same now
            warnings.simplefilter("ignore")
            return re.compile(regex, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{regex!r} is no regular expression: {error}") from None

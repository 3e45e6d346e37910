r"""Patterns that are regular expressions: ``/T=(?P<temperature>[-+.\\d]+) ?C/``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from daqpv.instruments.parsing.values import Value, compiled, expected, number

LONGEST = 4096
"""Characters of a line. A regular expression may need a time that grows as their
square."""

_REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}
_MOST_ANY = 2  # repeats of any character: each makes the time grow by one more power


class Regular:
    """A regular expression that the whole line has to match; named groups are values.

    Numbers are converted; all else is text.

    Args:
        text: with its slashes; ``i`` after the second one ignores case.
        texts: names whose values stay texts, such as a serial number 00123.

    Raises:
        ValueError: it is none, has no named group, or could take forever.
    """

    is_binary = False

    def __init__(self, text: str, texts: Collection[str] = ()) -> None:
        body, _, flags = text[1:].rpartition("/")
        if flags not in {"", "i"}:
            raise ValueError(f"{flags!r} after the second / is not known: only i is")
        self._regex = compiled(body, re.IGNORECASE if flags else 0)
        _check(self._regex)
        self.names = tuple(self._regex.groupindex)
        if not self.names:
            raise ValueError("no group has a name: (?P<pressure>...)")
        self._texts = frozenset(texts)

    def parse(self, line: str) -> dict[str, Value]:
        """The values of a line; groups that matched nothing are left out.

        Raises:
            ValueError: it does not match, or is longer than `LONGEST`.
        """
        if len(line) > LONGEST:
            raise ValueError(
                f"{len(line)} characters are too many for a regular expression: "
                f"at most {LONGEST}"
            )
        found = self._regex.fullmatch(line)
        if found is None:
            raise expected(f"what matches /{self._regex.pattern}/", line, 0)
        return {
            name: text if name in self._texts else _value(text)
            for name, text in found.groupdict().items()
            if text is not None
        }

    def format(self, values: object) -> str:
        """Not possible.

        Raises:
            ValueError: always.
        """
        raise ValueError("a regular expression cannot be written, only read")


def _value(text: str) -> Value:
    found = number(text)
    return text if found is None else found


def _check(regex: re.Pattern[str]) -> None:
    """Refuse what can take a time that grows beyond all bounds.

    Raises:
        ValueError: a repeat stands in a repeat, or too many repeat any character.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = _parser.parse(regex.pattern, regex.flags & re.IGNORECASE)
    if _nested(parsed, is_inside=False):
        raise ValueError(
            "a repeat or alternatives stand in a repeat, such as (a+)+ or (a|ab)+, and "
            "can take forever; use (?>...) inside"
        )
    if _any_repeats(parsed) > _MOST_ANY:
        raise ValueError(
            f"more than {_MOST_ANY} repeats of any character, .*; "
            "use [^,]* with what ends it"
        )


def _nested(parsed: Any, *, is_inside: bool) -> bool:
    """Whether what a repeat repeats can match the same text in several ways."""
    for op, argument in parsed:
        if op in _REPEATS:
            least, most, body = argument
            is_free = least != most and op != sre.POSSESSIVE_REPEAT
            if (is_inside and is_free) or _nested(
                body, is_inside=is_inside or most > 1
            ):
                return True
        elif op == sre.BRANCH and is_inside:
            return True
        else:
            is_atomic = op == sre.ATOMIC_GROUP
            for one in _inner(argument):
                if _nested(one, is_inside=is_inside and not is_atomic):
                    return True
    return False


def _any_repeats(parsed: Any) -> int:
    count = 0
    for op, argument in parsed:
        if op in _REPEATS:
            inner = list(argument[2])
            is_any = len(inner) == 1 and inner[0][0] == sre.ANY and argument[1] > 1
            count += is_any or _any_repeats(argument[2])
        else:
            count += sum(_any_repeats(one) for one in _inner(argument))
    return count


def _inner(argument: Any) -> list[Any]:
    """The expressions in the argument of an operation: groups, branches."""
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, tuple | list):
        return [found for one in argument for found in _inner(one)]
    return []

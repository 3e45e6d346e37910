"""How often a regular expression may have to try again, so that it cannot hang.

Python's `re` goes back and tries again where it had a choice. One choice makes the time
grow as the square of the length, two as the cube; a choice in a repeat doubles it with
each character. There is a choice where a repeat may go on or end, or an alternative may
be taken or not, with the same next character.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, TypeAlias

_Chars: TypeAlias = frozenset[int]

_OTHER, _END = 256, 257  # all characters above 255; the end of the line
_ALL: _Chars = frozenset(range(257))
_LONG = 16  # a repeat that can differ by fewer counts as none
_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
_REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}


def choices(regex: re.Pattern[str]) -> int:
    """The number of repeats after which the next character does not tell the way.

    Raises:
        ValueError: one of them stands in a repeat.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = _parser.parse(regex.pattern, regex.flags & re.IGNORECASE)
    ignores = bool(regex.flags & re.IGNORECASE)
    return _Walk(ignores_case=ignores).count(parsed, frozenset({_END}), is_inside=False)


class _Walk:
    """Walks an expression from its end to its beginning."""

    def __init__(self, *, ignores_case: bool) -> None:
        self._ignores_case = ignores_case

    def count(self, parsed: Iterable[Any], after: _Chars, *, is_inside: bool) -> int:
        """The choices in `parsed`, before something that begins with `after`."""
        number = 0
        for op, argument in reversed(list(parsed)):
            if op in _REPEATS:
                number += self._repeat(op, argument, after, is_inside=is_inside)
            else:
                if op == sre.BRANCH and is_inside:
                    self._check_branches(argument[1], after)
                is_open = is_inside and op != sre.ATOMIC_GROUP  # it is not tried again
                for inner in _inner(argument):
                    number += self.count(inner, after, is_inside=is_open)
            after = self.first([(op, argument)], after)
        return number

    def _repeat(self, op: Any, argument: Any, after: _Chars, *, is_inside: bool) -> int:
        least, most, body = argument
        again = self.first(body, frozenset())
        is_choice = least != most and op != sre.POSSESSIVE_REPEAT and again & after
        if is_choice and is_inside:
            raise _nested()
        then = after | again if most > 1 else after
        number = self.count(body, then, is_inside=is_inside or most > 1)
        return number + bool(is_choice and most - least > _LONG)

    def _check_branches(self, branches: Iterable[Any], after: _Chars) -> None:
        seen: _Chars = frozenset()
        for branch in branches:
            begins = self.first(branch, after)
            if begins & seen:
                raise _nested()
            seen |= begins

    def first(self, parsed: Iterable[Any], after: _Chars) -> _Chars:
        """The characters that `parsed` can begin with; `after`, where it is empty."""
        for op, argument in reversed(list(parsed)):
            if op in _REPEATS:
                body = self.first(argument[2], after)
                after = body | after if argument[0] == 0 else body
            elif op == sre.BRANCH:
                parts = [self.first(branch, after) for branch in argument[1]]
                after = frozenset().union(*parts)
            elif op in {sre.SUBPATTERN, sre.ATOMIC_GROUP}:
                after = self.first(_inner(argument)[-1], after)
            elif op not in {sre.AT, sre.ASSERT, sre.ASSERT_NOT}:
                after = self._characters(op, argument)
        return after

    def _characters(self, op: Any, argument: Any) -> _Chars:
        """The characters that one item matches; of a reference, all."""
        if op in {sre.LITERAL, sre.NOT_LITERAL}:
            one = self._cased({argument})
            return one if op == sre.LITERAL else _ALL - (one - {_OTHER})
        if op != sre.IN:
            return _ALL
        found: _Chars = frozenset().union(*(_of_set(*item) for item in argument))
        found = self._cased(found)
        if argument[0][0] == sre.NEGATE:
            return _ALL - (found - {_OTHER})
        return found

    def _cased(self, codes: Iterable[int]) -> _Chars:
        """The characters, in both cases if case is ignored."""
        if self._ignores_case:
            texts = {case for n in codes for case in (chr(n).lower(), chr(n).upper())}
            codes = {ord(text[0]) for text in texts} | set(codes)
        return frozenset(min(code, _OTHER) for code in codes)


def _of_set(op: Any, argument: Any) -> _Chars:
    if op == sre.LITERAL:
        return frozenset({min(argument, _OTHER)})
    if op == sre.RANGE:
        low, high = argument
        return frozenset(range(min(low, _OTHER), min(high, _OTHER) + 1))
    if op == sre.CATEGORY:
        match = re.compile(_CATEGORIES[argument]).match
        return frozenset({_OTHER, *(n for n in range(256) if match(chr(n)))})
    return frozenset()  # NEGATE: by the caller


def _inner(argument: Any) -> list[Any]:
    """The expressions in the argument of an operation: groups, branches."""
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, tuple | list):
        return [found for one in argument for found in _inner(one)]
    return []


def _nested() -> ValueError:
    return ValueError(
        "a repeat or alternatives stand in a repeat, and the next character does not "
        "tell which of them goes on, such as in (a+)+ or (a|ab)+: that can take "
        "forever. Use (?>...) inside, or what they end with"
    )

"""Channel filters: the text after a field's name, as in ``X.VAL[2:5]{dbnd:{abs:0.5}}``.

Source: EPICS base 7, "Field Modifiers and Channel Filters" (filters.dbd.pod),
dbChannel.c, chfPlugin.c; and what a C IOC of base 7.0.10 takes and refuses.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Protocol

from daqpv.serve.pv.masks import DBE_ALARM, DBE_PROPERTY
from daqpv.serve.values.limits import beyond

_JUDGED = DBE_ALARM | DBE_PROPERTY  # a dead band applies to values only
_INT32 = range(-(2**31), 2**31)


class Gate(Protocol):
    """Decides which events one subscription gets."""

    def passes(self, value: Any, mask: int) -> bool:
        """Whether an event goes on.

        Args:
            value: the present one.
            mask: the changes in the event that the client has subscribed to.
        """
        ...


class DeadBand:
    """Passes a value that has left the band round the last value that passed.

    Texts and arrays, another alarm and another property always pass. A C IOC has no
    relative band round negative values; here there is one.

    Args:
        width: of the band to either side.
        relative: the width is in percent of the value.
    """

    __slots__ = ("_band", "_last", "_relative", "_width")

    def __init__(self, width: float, *, relative: bool) -> None:
        self._width = self._band = width
        self._relative = relative
        self._last: float | None = None

    def passes(self, value: Any, mask: int) -> bool:
        """Whether the value has left the band."""
        if not isinstance(value, int | float):
            return True
        if self._last is None or beyond(self._last, value, self._band):
            self._last = value
            if self._relative:
                self._band = abs(value) * self._width / 100
            return True
        return bool(mask & _JUDGED)


class Decimation:
    """Passes the first of every `n` events, and every event of a property."""

    __slots__ = ("_n", "_seen")

    def __init__(self, n: int) -> None:
        self._n = n
        self._seen = -1

    def passes(self, value: Any, mask: int) -> bool:
        """Whether this event is the first of `n`."""
        if mask & DBE_PROPERTY:
            return True
        self._seen = (self._seen + 1) % self._n
        return self._seen == 0


@dataclass(frozen=True, slots=True)
class Part:
    """Some elements of an array.

    Attributes:
        start: the first; below 0: counted from the end.
        step: from one to the next; a value below 1 counts as 1.
        end: the last, inclusive; below 0: counted from the end.
    """

    start: int = 0
    step: int = 1
    end: int = -1

    def of(self, size: int) -> slice:
        """The slice of an array of `size` elements (base's wrapArrayIndices)."""
        start = self.start + size if self.start < 0 else self.start
        end = self.end + size if self.end < 0 else self.end
        start = min(max(start, 0), size)
        end = min(max(end, 0), size - 1)
        return slice(start, end + 1, max(self.step, 1))

    def count(self, size: int) -> int:
        """The number of elements that remain of `size`."""
        return len(range(size)[self.of(size)])


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters that a channel name asks for.

    Attributes:
        parts: of the array, each applied to the result of the one before.
        gates: factories of the filters on events; each subscription makes its own.
        stamps: the time is that of the delivery, not that of the value.
    """

    parts: tuple[Part, ...] = ()
    gates: tuple[Callable[[], Gate], ...] = ()
    stamps: bool = False


_INDEX = re.compile(r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|\d+))?")


def parse(text: str) -> Filters:
    """Parse what follows a field: ``[start:end]``, ``[start:step:end]``, ``{...}``.

    Raises:
        ValueError: the text is not valid, or there is no such filter; with the reason.
    """
    made: list[_Made] = []
    if text.startswith("["):
        inside, bracket, text = text[1:].partition("]")
        if not bracket:
            raise ValueError("the array range has no closing bracket")
        made.append(_range(inside))
    if text.startswith("{"):
        made += [_make(name, options) for name, options in _read(text)]
    elif text:
        raise ValueError(f"{text!r} is no channel filter")
    return Filters(
        parts=tuple(one for one in made if isinstance(one, Part)),
        gates=tuple(one for one in made if callable(one)),
        stamps=None in made,
    )


def _range(text: str) -> Part:
    """The short form of `arr`; a single index selects that element."""
    found = [_INDEX.fullmatch(index) for index in text.split(":")]
    index = [_whole(each[1]) if each and each[1] else None for each in found]
    match index:
        case [int(start)] if all(found):
            return Part(start, 1, start)
        case [start, end] if all(found):
            return Part(start or 0, 1, -1 if end is None else end)
        case [start, step, end] if all(found):
            return Part(start or 0, step or 1, -1 if end is None else end)
    raise ValueError(f"[{text}] is no array range such as [2:5] or [0:2:-1]")


# -- the filters -----------------------------------------------------------------------

_Value = str | int | float | bool
_Options = list[tuple[str, _Value]]
_Made = Part | Callable[[], Gate] | None  # None: another time stamp


def _make(name: str, options: _Options) -> _Made:
    try:
        return _FILTERS[name](options)
    except KeyError:
        known = ", ".join(_FILTERS)
        raise ValueError(f"there is no channel filter {name!r}, but {known}") from None
    except ValueError as error:
        raise ValueError(f"channel filter {name}: {error}") from None


def _ts(options: _Options) -> None:
    for key, _ in options:
        raise ValueError(f"it takes no option {key!r} here")


def _dbnd(options: _Options) -> Callable[[], Gate]:
    width, relative = 0.0, False
    for key, value in options:
        match _one_of(key, "d", "m", "abs", "rel"):
            case "d":
                width = _real(value)
            case "m":
                relative = value == 1 or _one_of(value, "abs", "rel", 0) == "rel"
            case mode:
                width, relative = _real(value), mode == "rel"
    return partial(DeadBand, width, relative=relative)


def _arr(options: _Options) -> Part:
    given = {"s": 0, "i": 1, "e": -1}
    for key, value in options:
        given[_one_of(key, *given)] = _int(value)
    return Part(*given.values())


def _dec(options: _Options) -> Callable[[], Gate]:
    n = 0
    for key, value in options:
        _one_of(key, "n")
        n = _int(value)
    if n < 1:
        raise ValueError("it requires n, a number from 1")
    return partial(Decimation, n)


def _sync(options: _Options) -> NoReturn:
    raise ValueError("daqpv has no IOC states to follow")


def _utag(options: _Options) -> NoReturn:
    raise ValueError("daqpv sets no user tags")


_FILTERS: dict[str, Callable[[_Options], _Made]] = {
    **{"ts": _ts, "dbnd": _dbnd, "arr": _arr, "dec": _dec},
    **{"sync": _sync, "utag": _utag},
}


def _one_of(given: _Value, *names: Any) -> Any:
    """The name that `given` is or begins: a C IOC takes ``a`` for ``abs``."""
    for name in names:
        if given == name or (isinstance(given, str) and str(name).startswith(given)):
            return name
    raise ValueError(f"{given!r} is not one of: {', '.join(map(str, names))}")


def _real(value: _Value) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None


def _int(value: _Value) -> int:
    try:
        number = _whole(value) if isinstance(value, str) else int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is not a whole number") from None
    if number not in _INT32:
        raise ValueError(f"{value!r} has more than 32 bits")
    return number


def _whole(text: str) -> int:
    """Parse as C's strtol does: 0x10 is sixteen, 010 is eight."""
    digits = text.strip().lstrip("+-")
    octal = len(digits) > 1 and digits.isdigit() and digits[0] == "0"
    return int(text, 8 if octal else 0)


# -- JSON5 as far as filters need it ---------------------------------------------------

_TOKEN = re.compile(
    r"""(?P<text> "(?:[^"\\]|\\.)*" ) | '(?P<single> [^']* )' | (?P<last> , (?=\s*\}) )
      | (?P<comment> /\*.*?\*/ | //[^\n]* ) | (?P<word> [^\s{}\[\]:,"'/]+ )""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS = ("true", "false", "null")


def _read(text: str) -> list[tuple[str, _Options]]:
    """Parse the filters and their options, in their order; ValueError: not valid.

    ``{name: {option: value, ...}, ...}``: names may be without quotes, a value is a
    text, a number, true or false.
    """
    try:
        filters = json.loads(_TOKEN.sub(_as_json, text), object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        raise ValueError(f"wrong JSON: {error.msg}") from None
    for name, options in filters:
        if not isinstance(options, tuple):
            raise ValueError(f"channel filter {name!r}: {options!r} is not {{...}}")
        for key, value in options:
            if not isinstance(value, _Value):
                raise ValueError(f"channel filter {name!r}: {key!r} is {value!r}")
    return [(name, list(options)) for name, options in filters]


def _as_json(token: re.Match[str]) -> str:
    """Return a token of JSON5 as JSON."""
    match token.lastgroup:
        case "text":
            return token[0]
        case "single":
            return json.dumps(token["single"])
        case "word":
            word = token["word"]
            return word if word in _CONSTANTS else _number(word) or json.dumps(word)
    return ""


def _number(word: str) -> str | None:
    """Convert a number that JSON does not allow: +1, .5, 5. and 0x10."""
    for read in (lambda: int(word, 0), lambda: float(word)):
        with contextlib.suppress(ValueError):
            return json.dumps(read())
    return None

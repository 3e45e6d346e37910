"""Patterns with the converters of StreamDevice: ``%(pressure)g,%(state){OFF|ON}``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from daqpv.instruments.parsing.braces import NAME
from daqpv.instruments.parsing.forms import Form, bits, real, whole
from daqpv.instruments.parsing.layout import Field, Part
from daqpv.instruments.parsing.raw import Number, Order
from daqpv.instruments.parsing.texts import Choice, Fixed, Letters, Text
from daqpv.instruments.parsing.values import compiled

IS_PERCENT = re.compile(r"%\(\w[\w.-]*\)")
"""What a pattern of this sort has, and others have not."""

_CONVERTER = re.compile(
    r"%(?:%|(?:\((?P<name>[^()]*)\))?(?P<flags>[*?!#+\-0 =]*)(?P<width>\d{1,5})?"
    r"(?:\.(?P<prec>\d{1,3}))?(?P<sort>[a-zA-Z]|\[(?:\\.|\^?\]?[^\]\\]*)+?\]"
    r"|\{(?:\\.|[^}\\])*\}|<[^>]*>|.)?)",
    re.DOTALL,
)


@dataclass(frozen=True)
class _Converter:
    """A converter, taken apart."""

    name: str
    flags: str
    width: int | None
    prec: int | None
    sort: str
    rest: str
    """What follows in the pattern."""

    @property
    def spec(self) -> str:
        """The same for Python's format(), without the type."""
        flags, width = self.flags, "" if self.width is None else str(self.width)
        align = "<" if "-" in flags and width else ""
        sign = "+" if "+" in flags else " " if " " in flags else ""
        zero = "0" if "0" in flags and width and not align else ""
        prec = "" if self.prec is None else f".{self.prec}"
        alternate = "#" if "#" in flags else ""
        return f"{align or ('>' if width and not zero else '')}{sign}{alternate}" + (
            f"{zero}{width}{prec}"
        )

    def limited(self, form: Form) -> Form:
        """`form` in exactly (!), or at most, so many characters."""
        if self.width is None:
            return form
        return Fixed(form, self.width, is_most="!" not in self.flags)


def percent(pattern: str) -> list[Part]:
    """The parts of a pattern with converters.

    Raises:
        ValueError: it is none; where and why.
    """
    parts: list[Part] = []
    text, done = "", 0
    while (found := _CONVERTER.search(pattern, done)) is not None:
        text += pattern[done : found.start()]
        done = found.end()
        if found[0] == "%%":
            text += "%"
            continue
        parts += [text] * bool(text)
        text = ""
        try:
            field, used = _field(found, pattern[done:])
        except ValueError as error:
            place = f"{found[0]!r} at character {found.start() + 1}"
            raise ValueError(f"{place}: {error}") from None
        done += used
        parts.append(field)
    text += pattern[done:]
    return parts + [text] * bool(text)


def _field(found: re.Match[str], rest: str) -> tuple[Field, int]:
    """The field, and how many characters after the converter belong to it."""
    name, flags = found["name"] or "", found["flags"]
    if not name and "*" not in flags:
        raise ValueError("it has no name: %(pressure)g, or %*g to skip it")
    if name and not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, _ . -")
    if "=" in flags:
        raise ValueError("daqpv cannot compare with a value; use a check in `errors`")
    sort = found["sort"] or ""
    make = _SORTS.get(sort[:1])
    if make is None:
        known = "f e E g G d i u o x X s c b B r R D [set] {a|b}"
        raise ValueError(f"there is no such converter; there are {known}")
    width, prec = (int(n) if n else None for n in (found["width"], found["prec"]))
    form = make(_Converter(name, flags, width, prec, sort, rest))
    used = 2 if sort == "B" else 0
    return Field("" if "*" in flags else name, form, None, "?" in flags), used


def _real(one: _Converter) -> Form:
    return one.limited(real(one.spec + one.sort))


def _whole(one: _Converter) -> Form:
    bases = {"i": 0, "o": 8, "x": 16, "X": 16, "b": 2}
    sort = "d" if one.sort in {"d", "i", "u"} else one.sort
    spec = re.sub(r"\.\d+", "", one.spec) + sort
    return one.limited(whole(bases.get(one.sort, 10), spec))


def _text(one: _Converter) -> Form:
    if "#" in one.flags:
        return one.limited(Text(one.spec.replace("#", "") + "s"))
    most = f"{{1,{one.width}}}" if one.width else "+"
    return Letters("a word", rf"[ \t\r\n\f\v]*\S{most}", one.spec + "s")


def _characters(one: _Converter) -> Form:
    width = one.width or 1
    what = "a character" if width == 1 else f"{width} characters"
    return Letters(what, rf"[\s\S]{{{width}}}", f"{width}s")


def _set(one: _Converter) -> Form:
    most = f"{{1,{one.width}}}" if one.width else "+"
    inner = one.sort[1:-1].replace("[", r"\[")
    try:
        compiled(f"[{inner}]")
    except ValueError as error:
        raise ValueError(f"{one.sort} is no set of characters: {error}") from None
    return Letters(f"characters of {one.sort}", f"[{inner}]{most}")


def _choice(one: _Converter) -> Form:
    numbers: dict[str, int] = {}
    following = 0
    for entry in re.split(r"(?<!\\)\|", one.sort[1:-1]):
        text, equals, number = (
            entry.partition("=") if "#" in one.flags else (entry, "", "")
        )
        if equals:
            try:
                following = int(number, 0)
            except ValueError:
                raise ValueError(f"{number!r} in {entry!r} is no integer") from None
        numbers[re.sub(r"\\(.)", r"\1", text)] = following
        following += 1
    if "" in numbers:
        raise ValueError("one of the texts is empty")
    return Choice(numbers)


def _bits(one: _Converter) -> Form:
    digits = one.rest[:2]
    if len(set(digits)) < 2:
        raise ValueError("after %B stand the characters for 0 and 1: %Bzo")
    return one.limited(bits(digits))


def _raw(one: _Converter) -> Form:
    size = one.width or one.prec or 1
    return Number("u" if "0" in one.flags else "i", size, _order(one))


def _raw_float(one: _Converter) -> Form:
    if one.width not in {None, 4, 8}:
        raise ValueError("%R has 4 or 8 bytes")
    return Number("f", one.width or 4, _order(one))


def _bcd(one: _Converter) -> Form:
    return Number("d", one.width or 1, _order(one))


def _order(one: _Converter) -> Order:
    return "little" if "#" in one.flags else "big"


def _checksum(one: _Converter) -> Form:
    raise ValueError("a check sum is named by the key `checksum`, not in a pattern")


_SORTS: dict[str, Callable[[_Converter], Form]] = {
    **dict.fromkeys("feEgG", _real),
    **dict.fromkeys("diuoxXb", _whole),
    "s": _text,
    "c": _characters,
    "[": _set,
    "{": _choice,
    "B": _bits,
    "r": _raw,
    "R": _raw_float,
    "D": _bcd,
    "<": _checksum,
}

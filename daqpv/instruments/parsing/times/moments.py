"""How a time is written: strptime's directives, or tokens such as YYYY-MM-DD."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FULL = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
MONTHS = tuple(name[:3] for name in _FULL)
"""The names of the months, as they are compared."""

_WEEKDAY = "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"

KINDS = {
    "year": r"\d{4}",
    "short": r"\d{2}",  # year of two digits
    "month": r"\d{1,2}",
    "name": "|".join(_FULL + MONTHS),
    "day": r"\d{1,2}",
    "dayofyear": r"\d{1,3}",
    "hour": r"\d{1,2}",
    "hour12": r"\d{1,2}",
    "minute": r"\d{1,2}",
    "second": r"\d{1,2}",
    "fraction": r"\d{1,9}",
    "half": r"[ap]\.?m\.?|[ap]",
    "offset": r"z|[+-]\d{2}(?::?\d{2})?",
    "zone": r"[a-z]{1,5}",
    "unix": r"[+-]?\d{1,12}(?:\.\d{1,9})?",
    "millis": r"[+-]?\d{1,15}",
    "weekday": _WEEKDAY,
}
"""The parts of a time, and the regular expression of each; case is ignored."""

WIDTHS = {
    **{"year": 4, "short": 2, "month": 2, "day": 2, "dayofyear": 3},
    **{"hour": 2, "minute": 2, "second": 2},
}
"""Characters of the parts that most loggers write with a fixed number of digits."""

_DIRECTIVES = {
    **{"Y": "year", "y": "short", "m": "month", "b": "name", "B": "name", "h": "name"},
    **{"d": "day", "e": "day", "j": "dayofyear", "H": "hour", "k": "hour"},
    **{"I": "hour12", "l": "hour12", "M": "minute", "S": "second", "f": "fraction"},
    **{"p": "half", "P": "half", "z": "offset", "Z": "zone", "s": "unix"},
    **{"a": "weekday", "A": "weekday"},
}
_WHOLE = {"T": "%H:%M:%S", "D": "%m/%d/%y", "F": "%Y-%m-%d", "R": "%H:%M"}
_DIRECTIVE = re.compile(r"%([-_0]?)(.?)", re.DOTALL)

_TOKENS = {
    **{"YYYY": "year", "YY": "short", "MMMM": "name", "MMM": "name", "MM": "month"},
    **{"M": "month", "DDDD": "dayofyear", "DDD": "dayofyear", "DD": "day", "D": "day"},
    **{"HH": "hour", "H": "hour", "hh": "hour12", "h": "hour12", "mm": "minute"},
    **{"m": "minute", "ss": "second", "s": "second", "A": "half", "a": "half"},
    **{"ZZ": "offset", "Z": "offset", "z": "zone", "X": "unix", "x": "millis"},
    **{"dddd": "weekday", "ddd": "weekday"},
}
_TOKEN = re.compile(
    r"\[(?P<text>[^\]]*)\]|(?P<fraction>S{1,9})|(?P<token>"
    + "|".join(sorted(_TOKENS, key=len, reverse=True))
    + ")"
)


@dataclass(frozen=True, slots=True)
class Bit:
    """A part of a time, or a text between two parts.

    Attributes:
        kind: of `KINDS`; "": a text.
        text: to stand there, if it is one.
    """

    kind: str
    text: str = ""


def bits_of(form: str) -> list[Bit]:
    """The parts of a form of times.

    Raises:
        ValueError: it has an unknown part, one twice, or does not say the time.
    """
    bits = _directives(form) if "%" in form else _tokens(form)
    kinds = [bit.kind for bit in bits if bit.kind]
    twice = {kind for kind in kinds if kinds.count(kind) > 1}
    if twice:
        raise ValueError(f"the time {form!r} has the {twice.pop()} twice")
    have = set(kinds)
    if have & {"unix", "millis"}:
        return bits
    if not have & {"year", "short"} or not (
        "dayofyear" in have or ("day" in have and have & {"month", "name"})
    ):
        raise ValueError(
            f"the time {form!r} has no date. It is strptime (%Y-%m-%d %H:%M:%S), "
            "tokens (YYYY-MM-DD HH:mm:ss), iso, unix or unix ms"
        )
    if ("hour12" in have) != ("half" in have):
        raise ValueError(f"the time {form!r} has hours to 12 without AM or PM")
    return bits


def _directives(form: str) -> list[Bit]:
    for short, whole in _WHOLE.items():
        form = form.replace(f"%{short}", whole)
    bits: list[Bit] = []
    done = 0
    for found in _DIRECTIVE.finditer(form):
        bits += _text(form[done : found.start()])
        done = found.end()
        if found[2] == "%":
            bits.append(Bit("", "%"))
        elif found[2] in _DIRECTIVES:
            bits.append(Bit(_DIRECTIVES[found[2]]))
        else:
            raise ValueError(f"{found[0]!r} in the time {form!r} is not known")
    return bits + _text(form[done:])


def _tokens(form: str) -> list[Bit]:
    bits: list[Bit] = []
    done = 0
    for found in _TOKEN.finditer(form):
        bits += _text(form[done : found.start()])
        done = found.end()
        if found["token"] is not None:
            bits.append(Bit(_TOKENS[found["token"]]))
        elif found["fraction"] is not None:
            bits.append(Bit("fraction"))
        else:
            bits += _text(found["text"])
    return bits + _text(form[done:])


def _text(text: str) -> list[Bit]:
    return [Bit("", text)] if text else []


def regex_of(bits: list[Bit]) -> re.Pattern[str]:
    """The regular expression of a time, with a group for each part.

    A fraction may be missing, and stand after the seconds of a form that has none.
    """
    has_fraction = any(bit.kind == "fraction" for bit in bits)
    out = ""
    for n, bit in enumerate(bits):
        before = bits[n - 1].text if n else ""
        after = bits[n + 1] if n + 1 < len(bits) else Bit("")
        if bit.kind == "fraction" and before.endswith(_POINTS):
            out += _FRACTION  # with its point
        elif bit.kind:
            out += f"(?P<{bit.kind}>{KINDS[bit.kind]})"
            if bit.kind == "second" and not has_fraction:
                out += "" if after.text.startswith(_POINTS) else _FRACTION
        elif after.kind == "fraction" and bit.text.endswith(_POINTS):
            out += _escaped(bit.text[:-1])
        else:
            out += _escaped(bit.text)
    return re.compile(out, re.IGNORECASE | re.ASCII)


def _escaped(text: str) -> str:
    """`text` for a regular expression; a blank is any white space."""
    return r"\s+".join(re.escape(part) for part in re.split(" +", text))


_POINTS = (".", ",")
_FRACTION = r"(?:[.,](?P<fraction>\d{1,9}))?"

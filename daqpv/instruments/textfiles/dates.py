"""Recognises how times are written, by examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_SHUFFLED = "?"
"""A date whose day and month are told apart by their values."""

_DATES = (
    (r"\d{4}(?P<s>[-/._])\d{1,2}(?P=s)\d{1,2}", "%Y{s}%m{s}%d"),
    (r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)\d{4}", _SHUFFLED + "%Y"),
    (r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)\d{2}", _SHUFFLED + "%y"),
    (r"\d{1,2}(?P<s>[- /])[A-Za-z]{3}(?P=s)\d{4}", "%d{s}%b{s}%Y"),
    (r"\d{1,2}(?P<s>[- /])[A-Za-z]{3}(?P=s)\d{2}", "%d{s}%b{s}%y"),
    (r"[A-Z][a-z]{2} \d{1,2}, \d{4}", "%b %d, %Y"),
    (r"20\d{6}", "%Y%m%d"),
)
_CLOCK = (
    r"(?P<clock>\d{1,2}:\d{2}(?P<sec>:\d{2}(?P<frac>[.,]\d+)?)?)"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
)
_GAP = r"(?P<gap>[ T_;-]|, ?)"


def _regexes() -> Iterator[tuple[re.Pattern[str], str, bool]]:
    """All ways to write a time: regular expression, date, and whether with a clock."""
    for date, form in _DATES:
        yield re.compile(date + _GAP + _CLOCK), form, True
    yield re.compile(_CLOCK), "", True
    for date, form in _DATES:
        yield re.compile(date), form, False


_ALL = tuple(_regexes())
_YEARS_2000_TO_2100 = 946684800, 4102444800
_UNIX = {"unix": 1, "unix ms": 1000, "unix us": 10**6, "unix ns": 10**9}
_LABVIEW = 2082844800  # [s] from 1904, where LabVIEW begins, to 1970


class Form(NamedTuple):
    """How a time is written.

    Attributes:
        text: strptime, ``unix`` or ``unix ms``.
        has_date: whether it says the day.
        has_clock: whether it says the time of the day.
        doubt: what is not clear, in a sentence; "" if all is.
    """

    text: str
    has_date: bool
    has_clock: bool
    doubt: str = ""

    @property
    def has_zone(self) -> bool:
        """Whether the time itself says its zone, or needs none."""
        return "%z" in self.text or self.text in _UNIX


def is_time(text: str) -> bool:
    """Whether a text is a date or a time of day, or both; 20260301 may be a number."""
    text = text.strip()
    if text.isdigit() or not 5 <= len(text) <= 40:
        return False
    return any(regex.fullmatch(text) for regex, _, _ in _ALL)


def form_of(texts: Sequence[str]) -> Form | None:
    """The form of times, by examples; None: they are none, or numbers."""
    texts = [text.strip() for text in texts if text.strip()]
    for regex, date, has_clock in _ALL if texts else ():
        found = [match for text in texts if (match := regex.fullmatch(text))]
        if len(found) < 0.9 * len(texts):
            continue
        text, doubt = _date(found, date)
        if text is None:
            continue
        if has_clock:
            parts = found[0].groupdict()
            text += parts.get("gap") or ""
            text += _clock([match.groupdict() for match in found])
        return Form(text, bool(date), has_clock, doubt)
    return None


def unix_of(numbers: Sequence[float]) -> str | None:
    """The word for times that are numbers since 1970; None: they are none."""
    if not numbers or list(numbers) != sorted(numbers) or is_labview(numbers):
        return None
    low, high = _YEARS_2000_TO_2100
    for word, unit in _UNIX.items():
        if all(low * unit <= number <= high * unit for number in numbers):
            return word
    return None


def is_labview(numbers: Sequence[float]) -> bool:
    """Whether they are seconds since 1904, as LabVIEW counts, of 2015 to 2060."""
    begin, end = 1420070400 + _LABVIEW, 2840140800 + _LABVIEW
    is_rising = list(numbers) == sorted(numbers)
    return bool(numbers) and is_rising and all(begin <= n <= end for n in numbers)


def _date(found: Sequence[re.Match[str]], date: str) -> tuple[str | None, str]:
    """The strptime of dates, and a doubt; None: these are none."""
    parts = [match.groupdict() for match in found]
    mark = parts[0].get("s") or ""
    if not date.startswith(_SHUFFLED):
        return date.replace("{s}", mark), ""
    firsts = [int(part["a"]) for part in parts]
    seconds = [int(part["b"]) for part in parts]
    if max(firsts) > 31 or max(seconds) > 31 or min(max(firsts), max(seconds)) > 12:
        return None, ""
    is_day_first = max(firsts) > 12 or (max(seconds) <= 12 and mark != "/")
    order = f"%d{mark}%m{mark}" if is_day_first else f"%m{mark}%d{mark}"
    doubt = ""
    if max(firsts) <= 12 and max(seconds) <= 12:
        first = "the day" if is_day_first else "the month"
        doubt = (
            f"Whether {firsts[0]}{mark}{seconds[0]} begins with the day or the month "
            f"is not clear: {first} was taken."
        )
    return order + date.removeprefix(_SHUFFLED), doubt


def _clock(parts: Sequence[dict[str, str]]) -> str:
    first = parts[0]
    half = first["half"]
    text = "%I:%M" if half else "%H:%M"
    if first["sec"]:
        text += ":%S"
    fractions = [part["frac"] for part in parts if part["frac"]]
    if fractions:
        text += f"{fractions[0][0]}%f"
    if half:
        text += " %p" if half.startswith(" ") else "%p"
    if zone := first["zone"]:
        text += " %z" if zone.startswith(" ") else "%z"
    return text

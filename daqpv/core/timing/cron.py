"""Reads the five fields of cron, in UTC, without daylight saving time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

DAY = timedelta(days=1)

_TERM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", re.ASCII)
_MONTHS = [
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST = 40 * 366  # days from a 29 February that is a Monday to the next, at most
_SOME_DAY = date(1999, 12, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: Mapping[str, int] = field(default_factory=dict)

    def numbers(self, text: str) -> frozenset[int]:
        """The numbers that `text` selects.

        Raises:
            ValueError: it is not a field of cron, in a sentence.
        """
        return frozenset(n for term in text.split(",") for n in self._term(term))

    def _term(self, text: str) -> range:
        term = _TERM.fullmatch(text)
        if term is None:
            raise self._error(text)
        first, last, step = term.groups()
        low = self.lowest if first is None else self._number(first, text)
        high = self.highest
        if last is not None:
            high = self._number(last, text)
        elif first is not None and step is None:
            high = low
        if low > high or (step is not None and not int(step)):
            raise self._error(text)
        return range(low, high + 1, int(step or 1))

    def _number(self, word: str, text: str) -> int:
        number = self.names.get(word.lower(), int(word) if word.isdigit() else -1)
        if not self.lowest <= number <= self.highest:
            raise self._error(text)
        return number

    def _error(self, text: str) -> ValueError:
        return ValueError(
            f"{text!r} is no {self.name}: {self.lowest} to {self.highest}, like 5, "
            "1-5, */10 or 1,15"
        )


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 7, {name: n for n, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes that five fields select: minute, hour, day, month, day of the week.

    As in cron, days have to be in both fields of days if one of these begins with
    ``*``, and else in one of them. Sunday is 0 or 7.

    Args:
        text: "30 4 * * mon-fri": each working day at 04:30 UTC.

    Raises:
        ValueError: it does not select a minute, in a sentence.
    """

    is_civil: ClassVar[bool] = True

    text: str
    _times: tuple[time, ...] = field(init=False, repr=False, compare=False)
    _fields: tuple[Collection[int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = self.text.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(
                f"{self.text!r} is no schedule of cron: it has {len(parts)} fields, "
                "not minute, hour, day of the month, month and day of the week"
            )
        pairs = zip(_FIELDS, parts, strict=True)
        minutes, hours, *days = (one.numbers(part) for one, part in pairs)
        times = (time(h, m, tzinfo=UTC) for h in sorted(hours) for m in sorted(minutes))
        object.__setattr__(self, "_times", tuple(times))
        object.__setattr__(self, "_fields", tuple(days))
        if next(self._days(_SOME_DAY), None) is None:
            raise ValueError(f"{self.text!r} never comes: no month has such a day")

    def next(self, after: datetime) -> datetime:
        """The first such minute after `after`."""
        for day in self._days(after.astimezone(UTC).date()):
            for one in self._times:
                if (found := datetime.combine(day, one)) > after:
                    return found
        raise AssertionError("it comes again and again, or was refused")

    def _days(self, first: date) -> Iterator[date]:
        """The days that the fields select, from `first` on."""
        days, months, weekdays = self._fields
        _, _, of_month, _, of_week = self.text.split()
        both = of_month.startswith("*") or of_week.startswith("*")
        combined = all if both else any
        last, day = first + _LONGEST * DAY, first
        while day < last:
            if day.month not in months:
                day = (day.replace(day=1) + 31 * DAY).replace(day=1)
                continue
            weekday = day.isoweekday()  # 7: Sunday
            is_weekday = weekday in weekdays or (weekday == 7 and 0 in weekdays)
            if combined((day.day in days, is_weekday)):
                yield day
            day += DAY

"""The time of a line, from the texts of one or several columns."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from daqpv.instruments.parsing.times.moments import MONTHS, bits_of, regex_of
from daqpv.instruments.parsing.times.writing import text_of
from daqpv.instruments.parsing.times.zones import Zone, shift_of
from daqpv.instruments.parsing.values import real

if TYPE_CHECKING:  # the import of numpy is slow
    from numpy.typing import NDArray

UNIX = {
    **{"unix": 1.0, "unix s": 1.0, "unix ms": 1e3, "unix us": 1e6, "unix ns": 1e9},
    **{"NOFORMAT": 1.0, "MILLISECOND": 1e3},  # as DAQBroker names them
}
"""Times that are numbers since 1970, and how many of them are a second."""

ISO = "iso"

_EPOCH = date(1970, 1, 1).toordinal()


class Times:
    """Reads times, as they are written in files and answers.

    Args:
        formats: strptime (``%Y-%m-%d %H:%M:%S``), tokens (``YYYY-MM-DD HH:mm:ss``),
            ``iso`` (ISO 8601), ``unix`` or ``unix ms``; one for each column, or one for
            all of them joined by a blank.
        zone: of times that do not say theirs: ``UTC``, ``local``, ``Europe/Paris``,
            ``+02:00``.
        columns: number of columns.

    Raises:
        ValueError: a format or zone is not known.
    """

    def __init__(
        self, formats: Sequence[str], zone: str = "UTC", columns: int = 1
    ) -> None:
        if len(formats) not in {1, columns}:
            raise ValueError(
                f"{len(formats)} texts for the time, and {columns} columns of it: give "
                "one for each column, or one for all"
            )
        self.form = " ".join(formats)
        self.zone = Zone(zone)
        self.per_second = UNIX.get(self.form)
        self._regex: re.Pattern[str] | None = None
        self.bits = [] if self.per_second or self.form == ISO else bits_of(self.form)
        if self.bits:
            self._regex = regex_of(self.bits)

    def read(self, texts: Sequence[str], *, after: float | None = None) -> float:
        """The time, UTC [s since 1970].

        Args:
            texts: of its columns.
            after: the time of the line before. When clocks go back an hour in autumn,
                it tells which of the two equal times is meant; without it, the first.

        Raises:
            ValueError: it is no time of this form, or does not exist in its zone.
        """
        text = " ".join(texts).strip()
        if self.per_second is not None:
            return self._number(text) / self.per_second
        if self._regex is None:
            return self._iso(text, after)
        found = self._regex.fullmatch(text)
        if found is None:
            raise self._error(text)
        try:
            return self._utc(found.groupdict(), after)
        except ValueError as error:
            raise self._error(text, str(error)) from None

    def written(self, time: float) -> str:
        """The text of a time, to milliseconds; for simulated instruments.

        Args:
            time: UTC [s since 1970].
        """
        if self.per_second is not None:
            number = time * self.per_second
            return f"{number:.3f}" if self.per_second == 1 else f"{number:.0f}"
        when = self.zone.clock(time)
        if not self.bits:
            return when.isoformat(timespec="milliseconds")
        return text_of(self.bits, when)

    def _error(self, text: str, why: str = "") -> ValueError:
        shown = repr(text if len(text) <= 40 else text[:40] + "...")
        return ValueError(
            f"{shown} is no time {self.form!r}" + (f": {why}" if why else "")
        )

    def _number(self, text: str) -> float:
        number = real(text.replace(",", "."))
        if number is None or not math.isfinite(number):
            raise self._error(text)
        return number

    def _iso(self, text: str, after: float | None) -> float:
        try:
            when = datetime.fromisoformat(text)
            if when.tzinfo is not None:
                return when.timestamp()
            wall = _wall(when.date(), when.hour, when.minute, when.second)
            return self.zone.utc(wall + when.microsecond * 1e-6, after=after)
        except (ValueError, OverflowError) as error:
            raise self._error(text, str(error)) from None

    def _utc(self, part: dict[str, str | None], after: float | None) -> float:
        """The time of the parts that were found."""
        if unix := part.get("unix"):
            return float(unix)
        if millis := part.get("millis"):
            return int(millis) / 1000
        fraction = float(f"0.{part['fraction']}") if part.get("fraction") else 0.0
        hour, minute, second = _hour(part), _of(part, "minute"), _of(part, "second")
        if hour > 23 or minute > 59 or second > 60:
            raise ValueError(f"there is no {hour:02}:{minute:02}:{second:02}")
        wall = _wall(_date(part), hour, minute, second) + fraction
        if offset := part.get("offset"):
            return wall - shift_of(offset)
        if name := part.get("zone"):
            return self.zone.named(wall, name)
        return self.zone.utc(wall, after=after)

    def read_all(
        self, columns: Sequence[NDArray[Any]], *, after: float | None = None
    ) -> NDArray[Any]:
        """The times of many lines, UTC [s since 1970], shape (n,).

        Args:
            columns: texts of each column as bytes, shape (n,) each.
            after: the time of the line before them.

        Raises:
            ValueError: one of them is none.
        """
        from daqpv.instruments.parsing.times import many  # noqa: PLC0415 - numpy

        found = None
        if self.per_second is not None:
            found = many.numbers(columns[0], self.per_second)
        elif self.bits and (wall := many.walls(columns, self.bits)) is not None:
            found = many.utc(wall, self.zone, after)
        return many.alone(self.read, columns, after) if found is None else found


def _of(part: dict[str, str | None], kind: str) -> int:
    return int(part.get(kind) or 0)


def _hour(part: dict[str, str | None]) -> int:
    if part.get("hour12") is None:
        return _of(part, "hour")
    hour = _of(part, "hour12")
    if not 1 <= hour <= 12:
        raise ValueError(f"there is no hour {hour} of 12")
    return hour % 12 + 12 * (part["half"] or "").lower().startswith("p")


def _date(part: dict[str, str | None]) -> date:
    year = _of(part, "year") if part.get("year") else century(_of(part, "short"))
    if part.get("dayofyear"):
        first = date(year, 1, 1)
        number = first.toordinal() + _of(part, "dayofyear") - 1
        day = date.fromordinal(number)
        if day.year != year:
            raise ValueError(f"{year} has no day {_of(part, 'dayofyear')}")
        return day
    month = _of(part, "month") or MONTHS.index((part["name"] or "")[:3].lower()) + 1
    return date(year, month, _of(part, "day"))


def century(short: int) -> int:
    """The year of two digits: 1969 to 2068, as POSIX has it."""
    return short + (2000 if short < 69 else 1900)


def _wall(day: date, hour: int, minute: int, second: int) -> float:
    """What the clock shows, in seconds since 1970 of that clock."""
    days = day.toordinal() - _EPOCH
    return 86400.0 * days + 3600 * hour + 60 * minute + second

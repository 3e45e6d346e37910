"""The times of lines: from the texts of one or several columns."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from daqpv.errors import quoted

if TYPE_CHECKING:  # the import of numpy is slow
    from numpy.typing import NDArray

UNIX = {"unix": 1.0, "unix ms": 1e-3, "unix us": 1e-6, "unix ns": 1e-9}
"""Times that are numbers, and their unit [s]."""

_TOKENS = {
    "YYYY": "%Y", "YY": "%y", "MMM": "%b", "MM": "%m", "DD": "%d", "HH": "%H",
    "hh": "%I", "mm": "%M", "ss": "%S", "SSSSSS": "%f", "SSS": "%f", "A": "%p",
    "DDDD": "%j", "ZZ": "%z",
}  # fmt: skip
_TOKEN = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)))
_SECONDS = re.compile(r"(?s)(.*[^0-9])([0-9]{2})(?:[.,]([0-9]+))?")


class Stamps:
    """Reads times as they are written in a file.

    Args:
        formats: strptime, tokens, ``unix`` or ``unix ms``; one for each column, or one
            for all, joined by a blank.
        zone: ``UTC``, ``local``, ``Europe/Paris``, ``+02:00``.
        columns: how many there are.

    Raises:
        ValueError: a format or zone is not known.
    """

    def __init__(self, formats: Sequence[str], zone: str, columns: int = 1) -> None:
        if len(formats) not in (1, columns):
            raise ValueError(
                f"columns: {len(formats)} texts for the time, and {columns} columns of "
                "it: give one for each column, or one for all"
            )
        text = " ".join(formats)
        self.unit = UNIX.get(text)
        self._format = text if "%" in text else _TOKEN.sub(_directive, text)
        if self.unit is None and "%" not in self._format:
            raise ValueError(
                f"columns: the time {quoted(text)} is neither strptime (%Y-%m-%d), nor "
                "tokens (YYYY-MM-DD), nor unix, unix ms"
            )
        self._zone = _zone(zone)
        self._ends_in_seconds = self._format.endswith(("%S", "%S.%f", "%T"))
        self._known: dict[str, float] = {}

    def read(self, texts: Sequence[str]) -> float:
        """The time in the texts of its columns, UTC [s since 1970].

        Raises:
            ValueError: they are none.
        """
        text = " ".join(texts).strip()
        if self.unit is not None:
            return self._number(text) * self.unit
        if self._ends_in_seconds and (parts := _SECONDS.fullmatch(text)):
            before, whole, fraction = parts.groups()
            seconds = int(whole) + (float(f"0.{fraction}") if fraction else 0.0)
            if seconds < 60:
                return self._minute(before) + seconds
        return self._parsed(text)

    def written(self, time: float) -> str:
        """A time as it stands in the file, to milliseconds; for simulators.

        Args:
            time: UTC [s since 1970].
        """
        if self.unit is not None:
            return f"{time:.3f}" if self.unit == 1 else str(int(time / self.unit))
        when = datetime.fromtimestamp(time, UTC).astimezone(self._zone)
        return when.strftime(self._format)

    def _number(self, text: str) -> float:
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{quoted(text)} is no time")
        return number

    def _minute(self, before: str) -> float:
        """The time of the full minute before the seconds."""
        if before not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            fraction = ".0" if self._format.endswith("%f") else ""
            self._known[before] = self._parsed(f"{before}00{fraction}")
        return self._known[before]

    def _parsed(self, text: str) -> float:
        try:
            when = datetime.strptime(text, self._format)  # noqa: DTZ007 - below
        except ValueError:
            if not self._format.endswith(".%f"):
                raise ValueError(f"{quoted(text)} is no time") from None
            when = self._without_fraction(text)
        if when.tzinfo is None and self._zone is not None:
            when = when.replace(tzinfo=self._zone)
        return when.timestamp()

    def _without_fraction(self, text: str) -> datetime:
        """Some loggers leave out a fraction that is 0."""
        try:
            return datetime.strptime(text, self._format[:-3])  # noqa: DTZ007
        except ValueError:
            raise ValueError(f"{quoted(text)} is no time") from None

    def read_all(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The times of many lines, shape (n,).

        Args:
            columns: texts of each column as bytes, shape (n,) each.

        Raises:
            ValueError: one of them is none.
        """
        import numpy as np  # noqa: PLC0415 - slow

        if self.unit is not None:
            numbers: NDArray[Any] = columns[0].astype(float) * self.unit
            if not np.isfinite(numbers).all():
                raise ValueError("a time is no number")
            return numbers
        joined = columns[0]
        for column in columns[1:]:
            joined = np.char.add(np.char.add(joined, b" "), column)
        quick = self._quick(joined) if self._ends_in_seconds else None
        if quick is not None:
            return quick
        texts = joined.tolist()
        return np.array([self.read([text.decode()]) for text in texts], dtype=float)

    def _quick(self, texts: NDArray[Any]) -> NDArray[Any] | None:
        """The same if all have the seconds at one place; None: they have not."""
        import numpy as np  # noqa: PLC0415 - slow

        width = texts.dtype.itemsize
        digits = np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), width)
        first = _SECONDS.fullmatch(texts[0].decode("latin-1"))
        if first is None or len(texts[0]) != width or (digits == 0).any():
            return None
        at, end = first.start(2), first.end(2)
        tail = digits[:, at:].astype(np.int16) - 48
        is_point = np.zeros(width - at, dtype=bool)
        is_point[end - at : end - at + 1] = True
        if ((tail < 0) | (tail > 9))[:, ~is_point].any():
            return None
        if width > end and (digits[:, end] != digits[0, end]).any():
            return None
        seconds = tail[:, 0] * 10.0 + tail[:, 1]
        if (seconds >= 60).any():
            return None
        if width > end:
            powers = 10 ** np.arange(width - end - 2, -1, -1, dtype=np.int64)
            fraction = tail[:, end - at + 1 :].astype(np.int64) @ powers
            seconds = seconds + fraction / 10.0 ** (width - end - 1)
        times: NDArray[Any] = self._minutes(texts, at) + seconds
        return times

    def _minutes(self, texts: NDArray[Any], at: int) -> NDArray[Any]:
        """The times of the full minutes; lines of a minute mostly follow each other."""
        import numpy as np  # noqa: PLC0415 - slow

        minutes = texts.astype(f"S{at}")
        begins = np.flatnonzero(minutes[1:] != minutes[:-1]) + 1
        begins = np.concatenate(([0], begins))
        known = [self._minute(minutes[i].decode()) for i in begins.tolist()]
        lengths = np.diff(np.concatenate((begins, [len(texts)])))
        return np.repeat(np.array(known), lengths)


def _directive(token: re.Match[str]) -> str:
    return _TOKENS[token.group()]


def _zone(name: str) -> tzinfo | None:
    """The zone of a name; None: that of this computer."""
    if name == "local":
        return None
    if name in ("UTC", "Z"):
        return UTC
    if match := re.fullmatch(r"([+-])(\d\d):?(\d\d)", name):
        sign, hours, minutes = match.groups()
        shift = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(shift if sign == "+" else -shift)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"columns: no time zone {quoted(name)}: use UTC, local, Europe/Paris or "
            "+02:00"
        ) from None

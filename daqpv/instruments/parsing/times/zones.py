"""Time zones: from the time of a clock on the wall to UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

BLOCK = 900
"""Seconds in which the difference to UTC stays: clocks are set at such multiples."""

_SHIFT = re.compile(r"([+-])(\d\d)(?::?(\d\d))?")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of a clock on the wall
_MOST = 10_000  # blocks that are kept


class Zone:
    """A time zone, by name.

    Args:
        name: ``UTC``, ``local``, ``Europe/Paris``, ``+02:00``.

    Attributes:
        fixed: its difference to UTC [s], if it never changes.

    Raises:
        ValueError: there is none of this name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = _zone(name)
        self.fixed: float | None = None
        if isinstance(self._zone, timezone):
            self.fixed = self._zone.utcoffset(None).total_seconds()
        self._known: dict[int, tuple[float, float]] = {}

    def clock(self, time: float) -> datetime:
        """What a clock on the wall shows.

        Args:
            time: UTC [s since 1970].
        """
        return datetime.fromtimestamp(time, UTC).astimezone(self._zone)

    def shifts(self, wall: float) -> tuple[float, float]:
        """The difference to UTC [s] at this time, and if the clock shows it again.

        They differ when a clock is set: the first is the larger one in the hour that
        comes twice, and the smaller one in the hour that is left out.

        Args:
            wall: what the clock shows, as seconds since 1970 of that clock.

        Raises:
            ValueError: it is out of the range of a computer's clock.
        """
        block = int(wall // BLOCK)
        known = self._known.get(block)
        if known is None:
            if len(self._known) > _MOST:
                self._known.clear()
            known = self._known[block] = self._shifts(block * BLOCK)
        return known

    def _shifts(self, wall: int) -> tuple[float, float]:
        return self._shift(wall, 0), self._shift(wall, 1)

    def _shift(self, wall: int, fold: int) -> float:
        try:
            when = (_EPOCH + timedelta(seconds=wall)).replace(fold=fold)
            return wall - when.replace(tzinfo=self._zone).timestamp()
        except (OverflowError, OSError, ValueError):
            raise ValueError(
                "the time is out of the range of this computer's clock"
            ) from None

    def utc(self, wall: float, *, after: float | None = None) -> float:
        """The time that a clock on the wall shows, UTC [s since 1970].

        Args:
            wall: what it shows, as seconds since 1970 of that clock.
            after: it is not before this time: tells the hour that comes twice, in
                autumn, from its repetition.

        Raises:
            ValueError: the clock never shows it: it is in the hour that is left out.
        """
        if self.fixed is not None:
            return wall - self.fixed
        first, again = self.shifts(wall)
        if first < again:
            shown = f"{_EPOCH + timedelta(seconds=int(wall)):%Y-%m-%d %H:%M}"
            raise ValueError(
                f"{shown} does not exist in the zone {self.name}: clocks are set "
                "forward. Is the logger's clock in another zone, such as UTC?"
            )
        early = wall - first
        return early if after is None or early >= after else wall - again

    def named(self, wall: float, name: str) -> float:
        """The time of a clock with the zone's own word for summer or winter: "CEST".

        Raises:
            ValueError: the zone has no such word at this time.
        """
        if name.upper() in {"UTC", "GMT", "Z"}:
            return wall
        for fold in (0, 1):
            when = (_EPOCH + timedelta(seconds=int(wall))).replace(fold=fold)
            there = when.replace(tzinfo=self._zone)
            there = there if self._zone else when.astimezone()
            if (there.tzname() or "").upper() == name.upper():
                return wall - self._shift(int(wall), fold)
        raise ValueError(f"{name!r} is not the time of the zone {self.name}")


def shift_of(text: str) -> float:
    """The seconds of "+02:00", "-0330", "+02" or "Z".

    Raises:
        ValueError: it is none of these.
    """
    if text in {"Z", "z"}:
        return 0.0
    found = _SHIFT.fullmatch(text)
    if found is None or int(found[2]) > 23 or int(found[3] or 0) > 59:
        raise ValueError(f"{text!r} is no difference to UTC, such as +02:00")
    seconds = 3600.0 * int(found[2]) + 60.0 * int(found[3] or 0)
    return -seconds if found[1] == "-" else seconds


def _zone(name: str) -> tzinfo | None:
    """None: that of this computer."""
    if name == "local":
        return None
    if name in {"UTC", "Z", "GMT"}:
        return UTC
    if _SHIFT.fullmatch(name):
        return timezone(timedelta(seconds=shift_of(name)))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}: use UTC, local, Europe/Paris or +02:00"
        ) from None

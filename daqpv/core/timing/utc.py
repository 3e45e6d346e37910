"""Formats times as text in UTC. Times are UTC [s since 1970] everywhere in daqpv."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(time: float, timespec: str = "seconds") -> str:
    """Date and time of day: "2026-11-20 15:18:04".

    Args:
        time: UTC [s since 1970].
        timespec: the last part: "minutes", "seconds" or "microseconds".
    """
    return _naive(time).isoformat(" ", timespec)


def utc_text(time: float, timespec: str = "seconds") -> str:
    """Date and time of day, with the name of the time scale: "... 15:18:04 UTC"."""
    return f"{time_text(time, timespec)} UTC"


def iso_text(time: float, timespec: str = "microseconds") -> str:
    """Date and time of day by ISO 8601: "2026-11-20T15:18:04.250000Z".

    Args:
        time: UTC [s since 1970].
        timespec: as of `datetime.isoformat`.
    """
    return f"{_naive(time).isoformat('T', timespec)}Z"


def date_text(time: float) -> str:
    """The date: "2026-11-20"."""
    return f"{_naive(time):%Y-%m-%d}"


def clock_text(time: float) -> str:
    """The time of day: "15:18:04"."""
    return f"{_naive(time):%H:%M:%S}"


def _naive(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC).replace(tzinfo=None)

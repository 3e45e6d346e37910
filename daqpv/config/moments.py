"""Reads moments as people write them: a time ago, a time of day, a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import time as day_time

from daqpv.config.units import TIME

MOMENT_WANTED = (
    "wanted is a time ago like 90s, 30min, 1h, 2d, or a moment in UTC like 14:00, "
    "2026-11-20 or '2026-11-20 14:00'"
)


def moment_of(text: str, now: float) -> float:
    """The moment that `text` says, UTC [s since 1970].

    Args:
        text: as above.
        now: UTC [s since 1970].

    Raises:
        ValueError: it is no moment; a sentence.
    """
    for read in (_ago, _moment, _last):
        try:
            return read(text.strip(), now)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no time: {MOMENT_WANTED}")


def _ago(text: str, now: float) -> float:
    if not text[-1:].isalpha():
        raise ValueError
    return max(now - TIME.read(text), 0.0)


def _moment(text: str, now: float) -> float:
    if "-" not in text:
        raise ValueError
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _last(text: str, now: float) -> float:
    """The last time of this time of day: at 3:00, "22:00" is yesterday evening."""
    if ":" not in text:
        raise ValueError
    moment = day_time.fromisoformat(text)
    present = datetime.fromtimestamp(now, moment.tzinfo or UTC)
    found = datetime.combine(present.date(), moment, present.tzinfo)
    return (found if found <= present else found - timedelta(days=1)).timestamp()

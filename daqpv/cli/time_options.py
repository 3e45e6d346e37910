"""Reads times of options: a time ago, a time of the last 24 hours, a date."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from datetime import time as day_time

import click

from daqpv.config.units import TIME


def moment(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> float | None:
    """UTC [s since 1970] of a time ago, or of a time of day or date."""
    if value is None:
        return None
    for read in (_ago, _moment, _last):
        try:
            return read(value.strip())
        except ValueError:
            continue
    raise click.BadParameter(
        f"{value!r} is no time: wanted is a time ago like 90s, 30min, 1h, 2d, or a "
        "moment in UTC like 14:00, 2026-11-20 or '2026-11-20 14:00'"
    )


def _ago(text: str) -> float:
    if not text[-1:].isalpha():
        raise ValueError
    return max(time.time() - TIME.read(text), 0.0)


def _moment(text: str) -> float:
    if "-" not in text:
        raise ValueError
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _last(text: str) -> float:
    """The last time of this time of day: at 3:00, "22:00" is yesterday evening."""
    if ":" not in text:
        raise ValueError
    moment = day_time.fromisoformat(text)
    now = datetime.now(moment.tzinfo or UTC)
    found = datetime.combine(now.date(), moment, now.tzinfo)
    return (found if found <= now else found - timedelta(days=1)).timestamp()

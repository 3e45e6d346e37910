"""Writes times as they stand in files; for simulated instruments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from daqpv.instruments.parsing.times.moments import MONTHS, Bit

_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "year": lambda when: f"{when.year:04}",
    "short": lambda when: f"{when.year % 100:02}",
    "month": lambda when: f"{when.month:02}",
    "name": lambda when: MONTHS[when.month - 1].title(),
    "day": lambda when: f"{when.day:02}",
    "dayofyear": lambda when: f"{when.timetuple().tm_yday:03}",
    "hour": lambda when: f"{when.hour:02}",
    "hour12": lambda when: f"{(when.hour - 1) % 12 + 1:02}",
    "minute": lambda when: f"{when.minute:02}",
    "second": lambda when: f"{when.second:02}",
    "fraction": lambda when: f"{when.microsecond // 1000:03}",
    "half": lambda when: "AM" if when.hour < 12 else "PM",
    "offset": lambda when: f"{when:%z}"[:5],
    "zone": lambda when: f"{when:%Z}",
    "unix": lambda when: f"{when.timestamp():.0f}",
    "millis": lambda when: f"{when.timestamp() * 1000:.0f}",
    "weekday": lambda when: f"{when:%a}",
}


def text_of(bits: Sequence[Bit], when: datetime) -> str:
    """The text of a time, with milliseconds where it has a fraction."""
    return "".join(_PARTS[bit.kind](when) if bit.kind else bit.text for bit in bits)

"""Formats the facts of a run as text for people."""

from __future__ import annotations

from daqpv.core.lines import one_line
from daqpv.core.timing.utc import time_text
from daqpv.runs import RunRecord
from daqpv.runs.record.fields import FactType, RunField

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def duration_text(seconds: float) -> str:
    """Hours, minutes, seconds: "100:00:00"."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def amount_text(size: float) -> str:
    """An amount of data with three digits: "12.3 GB"; `size` in bytes."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 0 if not unit or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{digits}f} {_UNITS[unit]}"


def fact_text(fact: RunField, run: RunRecord, timespec: str = "seconds") -> str:
    """A fact of `run` in one line; "" if it is not known."""
    value = getattr(run, fact.name)
    if value is None:
        return ""
    match fact.type:
        case FactType.MOMENT:
            return time_text(value, timespec)
        case FactType.DURATION:
            return duration_text(value)
        case FactType.SIZE:
            return amount_text(value)
        case _:
            return one_line(str(value))

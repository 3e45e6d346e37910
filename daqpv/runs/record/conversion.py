"""Converts readings of PVs and written values to values of observables."""

from __future__ import annotations

import math
from typing import Any

from daqpv.core import NO_ALARM, Alarm, Reading, Severity, Status
from daqpv.runs.record.values import Value
from daqpv.runs.settings import Observable, ObservableType

NOT_WRITTEN = Alarm(Severity.INVALID, Status.UDF, "not written yet")


def written_reading(one: Observable, value: Value, now: float) -> Reading:
    """The reading of a value written by hand; a text may be empty, a number may not."""
    is_missing = value is None and one.type is not ObservableType.STRING
    return Reading(
        value="" if value is None and not is_missing else value,
        alarm=NOT_WRITTEN if is_missing else NO_ALARM,
        time=now,
    )


def converted(one: Observable, reading: Reading) -> tuple[Value, Alarm]:
    """The value of an observable (None: not valid), and its alarm."""
    if reading.value is None or reading.severity is Severity.INVALID:
        return None, reading.alarm
    try:
        return _as_type(one.type, reading), reading.alarm
    except (TypeError, ValueError):
        why = f"{one.pv} is no {one.type}: {reading.shown!r:.40}"
        return None, Alarm(Severity.INVALID, Status.READ, why)


def _as_type(kind: ObservableType, reading: Reading) -> Value:
    if kind is ObservableType.STRING:
        if isinstance(reading.value, list):
            raise TypeError
        return str(reading.shown)
    number = float(reading.value)
    if not math.isfinite(number):
        raise ValueError
    return round(number) if kind is ObservableType.INT else number


def plain(value: Any) -> Any:
    """`value` for JSON, which has no NaN and no infinity: they become text."""
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return (
        str(value) if isinstance(value, float) and not math.isfinite(value) else value
    )

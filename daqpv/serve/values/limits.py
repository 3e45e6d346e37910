"""Alarms of a record by its value: alarm limits with hysteresis, states, dead bands."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from daqpv.core import NO_ALARM, Alarm, Severity, Status
from daqpv.serve.values.meta import Meta


class Judge:
    """Compares the values of one PV with its limits, or its states.

    An alarm persists until the value has come back by `meta.hyst`.
    Source: EPICS base, aiRecord.c and mbbiRecord.c, checkAlarms.

    Args:
        meta: with the limits and the severities of states.
    """

    __slots__ = ("_highest", "_hysteresis", "_last", "_limits", "_lowest", "_states")

    def __init__(self, meta: Meta) -> None:
        self._hysteresis = meta.hyst
        self._last: float | None = None
        self._limits, self._lowest, self._highest = _limits(
            *(meta.hhsv, meta.hihi, meta.llsv, meta.lolo),
            *(meta.hsv, meta.high, meta.lsv, meta.low),
        )
        self._states = [
            Alarm(severity, Status.STATE, label) if severity else NO_ALARM
            for severity, label in zip(meta.state_severities, meta.labels, strict=False)
        ]

    def alarm(self, value: Any) -> Alarm:
        """The alarm of `value`: a number, or the index of a state."""
        if self._lowest < value < self._highest and self._last is None:
            return NO_ALARM  # the most frequent case
        if self._states:
            known = value < len(self._states)
            return self._states[value] if known else NO_ALARM
        for limit, above, alarm in self._limits:
            beyond = value - limit if above else limit - value
            if beyond >= 0 or (self._last == limit and beyond >= -self._hysteresis):
                self._last = limit
                return alarm
        self._last = None
        return NO_ALARM


_Limit = tuple[float, bool, Alarm]  # the limit, whether it is one above, its alarm


@lru_cache(maxsize=1000)  # many PVs have the same limits, and the object has no state
def _limits(  # noqa: PLR0913, PLR0917, as the record's fields
    hhsv: Severity,
    hihi: float,
    llsv: Severity,
    lolo: float,
    hsv: Severity,
    high: float,
    lsv: Severity,
    low: float,
) -> tuple[tuple[_Limit, ...], float, float]:
    """The limits by priority, and the range without an alarm."""
    limits = tuple(
        (limit, above, Alarm(severity, status, _reason(limit, above=above)))
        for severity, limit, status, above in (
            (hhsv, hihi, Status.HIHI, True),
            (llsv, lolo, Status.LOLO, False),
            (hsv, high, Status.HIGH, True),
            (lsv, low, Status.LOW, False),
        )
        if severity
    )
    tops = (limit for limit, above, _ in limits if above)
    bottoms = (limit for limit, above, _ in limits if not above)
    highest = min(tops, default=math.inf) if limits else -math.inf
    return limits, max(bottoms, default=-math.inf), highest


def _reason(limit: float, *, above: bool) -> str:
    return f"{'above' if above else 'below'} {limit:g}"


def judge_for(meta: Meta) -> Judge | None:
    """A judge for a PV; None if its values cannot cause an alarm."""
    return Judge(meta) if meta.has_alarms else None


def beyond(last: Any, value: Any, dead_band: float) -> bool:
    """Whether a value is further than `dead_band` from the last (recGblCheckDeadband).

    A dead band below 0 passes every change. NaN differs from any number, not from NaN.
    """
    if dead_band < 0:
        return True
    try:
        if last == value or (last != last and value != value):  # noqa: PLR0124, NaN
            return False
        return not abs(value - last) <= dead_band  # also if one of them is NaN
    except (TypeError, ValueError):  # texts and arrays have no distance
        return True

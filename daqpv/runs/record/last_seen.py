"""Reads from the pulse until when a run was open, and its live time.

The record in the store is written every 30 s, and the pulse each second.
"""

from __future__ import annotations

from dataclasses import replace

from daqpv.core import Beat
from daqpv.core.timing.pulse import Facts
from daqpv.runs.record.records import RunRecord


def facts(record: RunRecord) -> Facts:
    """The facts of the open run for the pulse."""
    return {
        "number": record.number,
        "live_time": record.live_time,
        "data": record.data,
    }


def as_last_seen(record: RunRecord, beat: Beat | None, *, now: float) -> RunRecord:
    """`record` of a run that was open when daqpv ended, as the last beat has it.

    Its times follow our clock, if that was set since.

    Args:
        record: as it was written last.
        beat: the last one; a beat of another run is ignored.
        now: the time, UTC [s since 1970].
    """
    if beat is None or beat.facts.get("number") != record.number:
        return record
    known = max(now - beat.age, record.seen + beat.step)
    return replace(
        record,
        start=record.start + beat.step,
        seen=min(known, now),
        live_time=max(record.live_time, beat.facts.get("live_time", 0.0)),
        data=max(record.data, round(beat.facts.get("data", 0.0))),
    )

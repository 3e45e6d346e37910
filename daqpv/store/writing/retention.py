"""Reads the last events for display, and deletes old events."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, select

from daqpv.core import AHEAD
from daqpv.store.reading.query import KeptEvent, Selection, newest
from daqpv.store.tables.models import EVENT, EXPERIMENT

PIECE = 1000  # rows that are deleted in one transaction
_DEEPEST = 10_000  # rows that are searched for the last events for people


def last_for_people(
    connection: Connection, experiment: str, count: int
) -> list[KeptEvent]:
    """The last `count` events that are not record-only, oldest first.

    Events ahead of our clock come first: the clock was set back since.
    """
    by_now = Selection(until=time.time() + AHEAD)
    present = _for_people(connection, experiment, by_now, count)
    ahead = Selection(since=by_now.until)
    future = _for_people(connection, experiment, ahead, count - len(present))
    return [*future, *present]


def _for_people(
    connection: Connection, experiment: str, selection: Selection, count: int
) -> list[KeptEvent]:
    if not count:
        return []
    depth = 2 * count
    while True:
        kept = newest(connection, experiment, selection, depth)
        wanted = [one for one in kept if not one.event.is_aside]
        if len(wanted) >= count or len(kept) < depth or depth >= _DEEPEST:
            return wanted[-count:]
        depth *= 4


def forget(
    connection: Connection, experiment: str, before: float, limit: int = PIECE
) -> int:
    """Delete at most `limit` events that are older than `before`, the oldest first.

    Args:
        connection: in a transaction, which stays short so.
        experiment: whose events.
        before: UTC [s since 1970].
        limit: number of events.

    Returns:
        Number of deleted events; 0: no more events are that old.
    """
    ours = select(EXPERIMENT.c.id).where(EXPERIMENT.c.name == experiment)
    old = (
        select(EVENT.c.id)
        .where(EVENT.c.experiment_id == ours.scalar_subquery())
        .where(EVENT.c.time < round(before * 1e6))
        .order_by(EVENT.c.time)
        .limit(limit)
    )
    numbers = connection.scalars(old).all()  # MariaDB deletes by no limited subquery
    if numbers:
        connection.execute(delete(EVENT).where(EVENT.c.id.in_(numbers)))
    return len(numbers)

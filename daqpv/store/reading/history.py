"""Reads the events of an experiment for its log (daqpv.events.History)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daqpv.core import Event, Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daqpv.store.reading.query import Follower, KeptEvent


class StoredEvents:
    """The events of an experiment, of all its processes.

    Args:
        store: that keeps them.
        experiment: its name.
    """

    def __init__(self, store: Store, experiment: str) -> None:
        self._store = store
        self._experiment = experiment
        self._follower: Follower | None = None

    async def last(self, count: int) -> list[Event]:
        """The last `count` events that are for people, oldest first."""

        def read(connection: Connection) -> list[KeptEvent]:
            # not at the start of the process: SQLAlchemy takes 0.3 s
            from daqpv.store.reading.query import Follower, Selection  # noqa: PLC0415
            from daqpv.store.writing.retention import last_for_people  # noqa: PLC0415

            everything = Selection()
            self._follower = follower = Follower(
                connection, self._experiment, everything
            )
            kept = last_for_people(connection, self._experiment, count)
            follower.skip(kept)
            return kept

        return [one.event for one in await self._store.ask(read)]

    async def news(self) -> list[Event]:
        """The events since `last` or the last call."""
        follower = self._follower
        if follower is None:
            return []
        news = await self._store.ask(lambda connection: [*follower.news(connection)])
        return [one.event for one in news]

    async def forget(self, before: float) -> int:
        """Delete some of the events older than `before` [s since 1970]."""

        def delete(connection: Connection) -> int:
            from daqpv.store.writing.retention import forget  # noqa: PLC0415 - as above

            return forget(connection, self._experiment, before)

        return await self._store.change(delete)

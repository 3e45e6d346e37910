"""Finds other processes with our name that write to the same store."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from daqpv.core import Store
from daqpv.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

APART = 12.0  # [s] least time between two checks: an idle process writes every 5 s
_SURE = 2  # checks in a row with new entries: an import adds some once
_MOST = 1000  # starts of processes that are checked, the newest

Seen = dict[str, tuple[str, int]]
"""Process and time of each writer."""


class StoreRivals:
    """Finds processes with our name on other computers that write to our store.

    A search for PV names gets no answer across a cut network; a store that both sides
    reach shows the other process.

    Args:
        store: of this process.
        experiment: whose records they are.
        process: our own, ``name@host``.
        clock: monotonic time [s].
    """

    def __init__(
        self,
        store: Store,
        experiment: str,
        process: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._query = partial(_writers, experiment, process)
        self._process = process
        self._clock = clock
        self._next = 0.0
        self._seen: Seen = {}
        self._moves: dict[str, int] = {}
        self._words = ""

    async def look(self) -> str:
        """Check, and return a sentence on the other processes; "" if there are none.

        While the store is away, the last result holds.
        """
        if self._clock() < self._next:
            return self._words
        try:
            seen: Seen = await self._store.ask(self._query)
        except StoreError:
            return self._words
        self._next = self._clock() + APART
        before, self._seen = self._seen, seen
        moved = {one for one in seen if before.get(one, seen[one]) != seen[one]}
        self._moves = {one: self._moves.get(one, 0) + 1 for one in moved}
        alive = {seen[one][0] for one, moves in self._moves.items() if moves >= _SURE}
        self._words = ""
        if alive:
            self._words = (
                f"{self._process} is not alone: {' and '.join(sorted(alive))} writes "
                "into the same store, under the same name."
            )
        return self._words


def _writers(experiment: str, process: str, connection: Connection) -> Seen:
    """The writers with our name on other computers."""
    from sqlalchemy import select  # noqa: PLC0415 - 0.3 s

    from daqpv.store.tables.models import METADATA  # noqa: PLC0415

    journal, names = (METADATA.tables[name] for name in ("journal", "experiment"))
    name = process.partition("@")[0]
    rows = connection.execute(
        select(journal.c.writer, journal.c.process, journal.c.time)
        .join(names, names.c.id == journal.c.experiment_id)
        .where(names.c.name == experiment, journal.c.process != process)
        .order_by(journal.c.time.desc())
        .limit(_MOST)
    )
    return {
        row.writer: (row.process, row.time)
        for row in rows
        if row.process.partition("@")[0] == name
    }

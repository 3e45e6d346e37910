"""The way into the tables: each writer's entries in order, none twice."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from daqpv.errors import StoreError
from daqpv.store.tables import migrate
from daqpv.store.tables.engine import make_engine, reason, translated
from daqpv.store.tables.models import Base
from daqpv.store.tables.records import put
from daqpv.store.tables.rows import Entry, Source, microseconds
from daqpv.store.tables.sqlite_file import SCHEME, path_in
from daqpv.store.writing.refused import Refuse
from daqpv.store.writing.sqlite_place import SqlitePlace
from daqpv.store.writing.unfit import UNFIT, is_unfit, most_bytes, refuse_larger

_EXPERIMENT, _JOURNAL, _EVENT, _SETTING = (
    Base.metadata.tables[name] for name in ("experiment", "journal", "event", "setting")
)


class Journal:
    """Brings entries into the store. To be used by one thread at a time.

    How far a writer has come is written in the transaction of its entries. So whoever
    does not know what became of a transaction offers its entries again: what is there
    already is passed over.

    Args:
        url: of the store.
        experiment: its name.
        refuse: keeps what the store does not take.
        late: the entries may be older than what the store has; they replace nothing
            that is newer.

    Raises:
        StoreError: no engine can be made of `url`.
    """

    def __init__(
        self, url: str, experiment: str, refuse: Refuse, *, late: bool = False
    ) -> None:
        self._url = url
        self._engine = make_engine(url, writes=True, makes=False)
        self._experiment = experiment
        self._refuse = refuse
        self._late = late
        self._most = 0  # bytes that the engine takes in one statement; 0: no limit
        self._experiment_id: int | None = None  # None: the tables must be looked at
        self._place: SqlitePlace | None = None
        self._newest = ("", 0)  # writer and number that were written last

    def write(self, source: Source, entries: Sequence[Entry]) -> list[Entry]:
        """Write `entries`, in the order of their numbers; none: see if it could.

        Returns:
            Those that the engine does not take, whatever is done; `refuse` has them.

        Raises:
            StoreError: the store is away, full or locked, or `refuse` could not keep
                an entry. Nobody knows whether the entries are in the store.
        """
        with translated(self._url):
            self._see_to_tables()
            try:
                refused = self._write(source, entries)
            except BaseException:
                self._experiment_id = None
                raise
            self._see_to_place()
            return refused

    def _write(self, source: Source, entries: Sequence[Entry]) -> list[Entry]:
        try:
            self._commit(source, entries)
        except UNFIT as error:
            if not entries or not is_unfit(error):
                raise
            if len(entries) == 1:
                self._refuse(source, entries[0], reason(error))
                self._commit(source, (), last=entries[0].number)
                return list(entries)
            half = len(entries) // 2
            first = self._write(source, entries[:half])
            return first + self._write(source, entries[half:])
        return []

    def _see_to_tables(self) -> None:
        """Make and check the tables of a store that is new to us, or was replaced."""
        if self._place is not None and self._place.check(*self._newest):
            self._experiment_id = None
        if self._experiment_id is not None:
            return
        self._engine.dispose()
        if self._place is not None:
            self._place.closed()
        elif self._url.startswith(SCHEME):
            self._place = self._found()
        migrate.prepare(self._engine)
        self._experiment_id = self._find_experiment()

    def _found(self) -> SqlitePlace:
        """The file of SQLite; at first, it may be made."""
        path = Path(path_in(self._url))
        try:
            return SqlitePlace(path, self._engine)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error

    def _see_to_place(self) -> None:
        """Make sure that what was written is where it is looked for.

        Raises:
            StoreError: SQLite's file was moved meanwhile; the entries may be offered
                again.
        """
        if self._place is not None:
            self._place.note()
            if self._place.check(*self._newest):
                self._experiment_id = None

    def _find_experiment(self) -> int | None:
        find = select(_EXPERIMENT.c.id).where(_EXPERIMENT.c.name == self._experiment)
        with suppress(IntegrityError), self._engine.begin() as connection:
            if connection.scalar(find) is None:  # unless somebody adds it right now
                connection.execute(insert(_EXPERIMENT).values(name=self._experiment))
        with self._engine.begin() as connection:
            self._most = most_bytes(connection)
            return connection.scalar(find)

    def _commit(
        self, source: Source, entries: Sequence[Entry], *, last: int = 0
    ) -> None:
        with self._engine.begin() as connection:
            written = self._last(connection, source)
            fresh = list(_above(written, entries))
            refuse_larger(fresh, self._most)
            self._add_events(connection, fresh)
            for entry in fresh:
                if entry.table == "setting":
                    self._set(connection, entry)
                elif entry.table != "event":
                    put(connection, self._experiment_id, entry, late=self._late)
            last = max(written, last, *(entry.number for entry in fresh))
            connection.execute(
                update(_JOURNAL)
                .where(_JOURNAL.c.writer == source.writer)
                .values(
                    last=last,
                    time=microseconds(time.time()),
                    experiment_id=self._experiment_id,
                )
            )
        self._newest = (source.writer, last)

    def _last(self, connection: Connection, source: Source) -> int:
        """How far `source` has come, its row locked: an old transaction may still run.

        The server may not have noticed yet that its connection was cut.
        """
        row = select(_JOURNAL.c.last).where(_JOURNAL.c.writer == source.writer)
        found = connection.scalar(row.with_for_update())
        if found is not None:
            return int(found)
        connection.execute(
            insert(_JOURNAL).values(
                writer=source.writer, process=source.process, last=0, time=0
            )
        )
        return 0

    def _add_events(self, connection: Connection, entries: Iterable[Entry]) -> None:
        rows = [
            entry.row | {"experiment_id": self._experiment_id}
            for entry in entries
            if entry.table == "event"
        ]
        if rows:
            connection.execute(insert(_EVENT), rows)

    def _set(self, connection: Connection, entry: Entry) -> None:
        """Keep a setting, unless a newer one is there."""
        row = entry.row | {"experiment_id": self._experiment_id}
        key = [
            _SETTING.c[name] == row[name]
            for name in ("experiment_id", "device", "field")
        ]
        time_there = connection.scalar(
            select(_SETTING.c.time).where(*key).with_for_update()
        )
        if time_there is None:
            connection.execute(insert(_SETTING).values(row))
        elif time_there <= row["time"]:
            connection.execute(update(_SETTING).where(*key).values(row))

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


def _above(written: int, entries: Iterable[Entry]) -> Iterable[Entry]:
    for entry in entries:
        if entry.number > written:
            written = entry.number
            yield entry

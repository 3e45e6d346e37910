"""Writes the entries of each writer to the tables, in order and once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from daqpv.core.records.plain import microseconds
from daqpv.errors import StoreError
from daqpv.store.tables import migrate
from daqpv.store.tables.engine import make_engine, reason, translated
from daqpv.store.tables.models import EXPERIMENT, JOURNAL
from daqpv.store.tables.own import OWN
from daqpv.store.tables.records import Tables
from daqpv.store.tables.rows import Entry, Source
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.sqlite_file import SCHEME, path_in
from daqpv.store.writing.refused import Refuse
from daqpv.store.writing.sqlite_place import SqlitePlace
from daqpv.store.writing.unfit import UNFIT, is_unfit, most_bytes, refuse_larger


class Journal:
    """Writes entries to the store. To be used by one thread at a time.

    The number of a writer's last entry is written in the transaction of its entries.
    After a transaction with an unknown result, its entries are offered again: those
    that are in the store already are skipped.

    Args:
        url: of the store.
        experiment: its name.
        refuse: keeps the entries that the store refuses.
        schema: what the store has tables for.
        late: the entries may be older than what the store has; they replace nothing
            that is newer.

    Raises:
        StoreError: no engine can be made of `url`.
    """

    def __init__(
        self,
        url: str,
        experiment: str,
        refuse: Refuse,
        *,
        schema: Schema = OWN,
        late: bool = False,
    ) -> None:
        self._url = url
        self._engine = make_engine(url, writes=True, makes=False)
        self._experiment = experiment
        self._refuse = refuse
        self._schema = schema
        self._tables = Tables(schema, late=late)
        self._most = 0  # bytes that the engine takes in one statement; 0: no limit
        self._experiment_id: int | None = None  # None: the tables must be checked
        self._place: SqlitePlace | None = None
        self._newest = ("", 0)  # writer and number that were written last

    def write(self, source: Source, entries: Sequence[Entry]) -> list[Entry]:
        """Write `entries`, in the order of their numbers; none: see if it could.

        Returns:
            The entries that the engine refuses for their values; `refuse` has them.

        Raises:
            StoreError: the store is away, full or locked, or `refuse` could not keep
                an entry. It is not known whether the entries are in the store.
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
        migrate.prepare(self._engine, self._schema)
        self._experiment_id = self._find_experiment()

    def _found(self) -> SqlitePlace:
        """The file of SQLite; at first, it may be made."""
        path = Path(path_in(self._url))
        try:
            return SqlitePlace(path, self._engine)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error

    def _see_to_place(self) -> None:
        """Check that the SQLite file is still the one that was written.

        Raises:
            StoreError: SQLite's file was moved meanwhile; the entries may be offered
                again.
        """
        if self._place is not None:
            self._place.note()
            if self._place.check(*self._newest):
                self._experiment_id = None

    def _find_experiment(self) -> int:
        find = select(EXPERIMENT.c.id).where(EXPERIMENT.c.name == self._experiment)
        with suppress(IntegrityError), self._engine.begin() as connection:
            if connection.scalar(find) is None:  # unless another process adds it now
                connection.execute(insert(EXPERIMENT).values(name=self._experiment))
        with self._engine.begin() as connection:
            self._most = most_bytes(connection)
            return int(connection.scalars(find).one())

    def _commit(
        self, source: Source, entries: Sequence[Entry], *, last: int = 0
    ) -> None:
        with self._engine.begin() as connection:
            written = self._last(connection, source)
            fresh = list(_above(written, entries))
            refuse_larger(fresh, self._most)
            if fresh:
                assert self._experiment_id is not None
                self._tables.put(connection, self._experiment_id, fresh)
            last = max(written, last, *(entry.number for entry in fresh))
            connection.execute(
                update(JOURNAL)
                .where(JOURNAL.c.writer == source.writer)
                .values(
                    last=last,
                    time=microseconds(time.time()),
                    experiment_id=self._experiment_id,
                )
            )
        self._newest = (source.writer, last)

    def _last(self, connection: Connection, source: Source) -> int:
        """Number of the last entry of `source`; locks its row for an old transaction.

        The server may not have noticed yet that its connection was cut.
        """
        row = select(JOURNAL.c.last).where(JOURNAL.c.writer == source.writer)
        found = connection.scalar(row.with_for_update())
        if found is not None:
            return int(found)
        connection.execute(
            insert(JOURNAL).values(
                writer=source.writer, process=source.process, last=0, time=0
            )
        )
        return 0

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


def _above(written: int, entries: Iterable[Entry]) -> Iterable[Entry]:
    for entry in entries:
        if entry.number > written:
            written = entry.number
            yield entry

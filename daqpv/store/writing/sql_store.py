"""Keeps the records of a daqpv process in SQLite, PostgreSQL or MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from daqpv.core import Events, EventSeverity, Remembered, StoreFigures
from daqpv.core.devices.places import Key, key_of
from daqpv.core.records.kind import RecordKind
from daqpv.core.threads import Crew
from daqpv.errors import LinkError, StoreError
from daqpv.store.reading.first_look import look
from daqpv.store.tables.own import OWN, SETTING, STATE
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import refuse_others
from daqpv.store.writing.refused import Refuse
from daqpv.store.writing.retry_queue import Journal
from daqpv.store.writing.writer import Writer

T = TypeVar("T")
R = TypeVar("R")

QUERIES = 4  # threads for queries
DEVICE = "Arch"  # the device of its events
END = 0.9  # [s] for the remaining records at the end


class SqlStore:
    """Keeps records permanently (daqpv.core.Store), and restores settings.

    Call `open`, then `begin`, and `close` at the end. Earlier records wait.

    Args:
        url: of the store; for SQLite, with the absolute path.
        experiment: whose records they are.
        process: ``name@host`` of this process.
        spool: folder of the records that wait for the store.
        spool_limit: of the spool [bytes].
        events: receive reports on the store.
        schema: the records that it keeps.
    """

    def __init__(
        self,
        url: str,
        *,
        experiment: str,
        process: str,
        spool: Path,
        spool_limit: float,
        events: Events,
        schema: Schema = OWN,
    ) -> None:
        self._url = url
        self._experiment = experiment
        self._events = events
        self._schema = schema
        self._remembered: list[Remembered] = []
        self._away = ""
        self._queries = Crew(f"the store {shown(url)}", QUERIES)
        self._writer = Writer(
            self._journal,
            shown(url),
            schema=schema,
            folder=spool,
            limit=spool_limit,
            process=process,
            tell=self._tell,
        )

    def _journal(self, refuse: Refuse) -> Journal:
        from daqpv.store.writing.journal import Journal as Tables  # noqa: PLC0415 - 0.3 s

        return Tables(self._url, self._experiment, refuse, schema=self._schema)

    def open(self) -> None:
        """Check the store and the spool. A store that is away is not an error.

        Raises:
            StoreError: one of them is not usable; with the cure.
        """
        try:
            self._writer.open()
        except OSError as error:
            raise StoreError(
                f"{error.filename}: the spool of the store cannot be written: "
                f"{error.strerror}. The key `store` of the experiment file names it"
            ) from error
        try:
            found = look(self._url, self._experiment)
        except ConnectionError as error:
            self._away = str(error)
            return
        refuse_others(found.versions, self._schema, shown(self._url))
        if found.poor and not found.versions.own:
            raise StoreError(f"{shown(self._url)}: {found.poor}")
        if found.poor:
            text = f"The store {shown(self._url)}: {found.poor}."
            self._tell(EventSeverity.WARNING, "store encoding", text)
        self._remembered = found.remembered

    def read(self) -> Iterator[Remembered]:
        """All settings and states of the experiment, when the store was opened.

        Raises:
            StoreError: the store was away; raised after the records in the spool.
        """
        newest: dict[Key, Remembered] = {}
        for one in (*self._remembered, *self._waiting(SETTING), *self._waiting(STATE)):
            last = newest.setdefault(key_of(one), one)
            if one.time > last.time:
                newest[key_of(one)] = one
        yield from newest.values()
        if self._away:
            raise StoreError(f"{self._away}. Settings in the store alone do not hold.")

    def _waiting(self, kind: RecordKind[R]) -> Iterator[R]:
        """The records in the spool since an earlier start."""
        for entry in self._writer.waiting(kind.table.name):
            yield kind.decode(map(entry.row.__getitem__, kind.names))

    def add(self, record: object, /) -> None:
        """Queue `record` for writing. Never blocks."""
        self._writer.add(record)

    def figures(self) -> StoreFigures:
        """The current figures of the store."""
        return self._writer.figures()

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all records are in the store or the spool; whether they are."""
        return await self._writer.kept(timeout=timeout)

    async def ask(self, query: Callable[[Any], T], *, timeout: float = 5.0) -> T:
        """Run `query` with a connection of its own (SQLAlchemy), in a thread.

        Raises:
            StoreError: the store is away, or has not answered within `timeout` [s].
        """
        return await self._answer(lambda: self._query(query), timeout)

    async def change(self, work: Callable[[Any], T], *, timeout: float = 5.0) -> T:
        """Run `work`, in a thread, in a transaction that writes: a short one.

        Raises:
            StoreError: the store is away, or has not answered within `timeout` [s].
        """
        return await self._answer(lambda: self._change(work), timeout)

    async def _answer(self, work: Callable[[], T], timeout: float) -> T:
        try:
            return await self._queries.call(work, timeout=timeout)
        except LinkError as error:
            raise StoreError(str(error)) from error

    def _query(self, query: Callable[[Any], T]) -> T:
        from daqpv.store.reading.reader import reader  # noqa: PLC0415
        from daqpv.store.tables.engine import translated  # noqa: PLC0415 - 0.3 s

        with (
            reader(self._url) as engine,
            translated(self._url),
            engine.connect() as connection,
        ):
            return query(connection)

    def _change(self, work: Callable[[Any], T]) -> T:
        from daqpv.store.tables.engine import make_engine, translated  # noqa: PLC0415

        engine = make_engine(self._url, writes=True, makes=False)
        try:
            with translated(self._url), engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()

    def begin(self) -> None:
        """Begin to write."""
        self._writer.begin()

    def give_up(self) -> None:
        """Drop the added records; to be called in place of `begin`."""
        self._writer.give_up()

    def close(self) -> None:
        """Write the remaining records to the store, else to the spool."""
        self._writer.close(END)
        self._queries.close()

    def _tell(self, severity: EventSeverity, name: str, text: str) -> None:
        self._events.report(name, text, severity=severity, device=DEVICE)

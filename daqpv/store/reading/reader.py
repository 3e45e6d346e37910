"""Opens the store for reading, and changes nothing in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url

from daqpv.errors import StoreError
from daqpv.store.reading.run_list import Execute
from daqpv.store.tables.engine import ANSWER, make_engine, translated
from daqpv.store.tables.migrate import versions_in
from daqpv.store.tables.sqlite_file import read_only
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import refuse_other


@contextmanager
def reader(
    url: str, *, snapshot: bool = False, answer: int = ANSWER
) -> Iterator[Engine]:
    """Open the store for reading.

    Args:
        url: of the store.
        snapshot: all statements of a transaction see the same state; else each sees
            the state at its own time.
        answer: longest time that a server may take for one statement [s].

    Raises:
        StoreError: it is away, is not there or has no tables yet, or they are of
            another version. Errors inside the ``with`` are not translated: use
            `translated` there.
    """
    engine = make_engine(read_only_url(url), answer=answer)
    try:
        with translated(url), engine.connect() as connection:
            found = versions_in(connection).own
        if found is None:
            raise StoreError(f"{shown(url)} has no tables yet: daqpv serve makes them")
        refuse_other(found, shown(url))
        if not snapshot:
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        elif engine.dialect.name != "sqlite":  # SQLite has snapshots anyway
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        yield engine
    finally:
        engine.dispose()


def plain(connection: Connection) -> Execute:
    """A function that sends plain statements by `connection`."""

    def execute(statement: str, parameters: Mapping[str, Any]) -> Iterable[Any]:
        return connection.execute(text(statement), parameters)

    return execute


def read_only_url(url: str) -> str:
    """`url`, so that SQLite does not make the file.

    Raises:
        StoreError: the file is not there.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return url
    return f"sqlite:///{read_only(parsed.database)}&uri=true"

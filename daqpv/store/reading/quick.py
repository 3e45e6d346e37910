"""Opens the store for a few plain statements, SQLite without SQLAlchemy.

To import SQLAlchemy takes a third of a second, most of what a command may take.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from daqpv.errors import StoreError
from daqpv.store.reading.run_list import Execute
from daqpv.store.tables.sqlite_file import SCHEME, path_in, read_only, versions_in
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import refuse_other

_LOCKED = 1.0  # [s] to wait for a lock


@contextmanager
def quick_reader(url: str) -> Iterator[Execute]:
    """Open the store for reading, as of one moment.

    Yields:
        A function that sends a statement.

    Raises:
        StoreError: as `daqpv.store.reading.reader`, and if a statement fails.
    """
    open_store = _file if url.startswith(SCHEME) else _server
    with open_store(url) as execute:
        yield execute


@contextmanager
def _file(url: str) -> Iterator[Execute]:
    uri = read_only(path_in(url))
    try:
        with closing(
            sqlite3.connect(uri, uri=True, timeout=_LOCKED, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN")
            found = versions_in(connection).own
            if found is None:
                raise StoreError(f"{url} has no tables yet: daqpv serve makes them")
            refuse_other(found, shown(url))
            yield connection.execute
    except sqlite3.Error as error:
        raise StoreError(f"{url}: {error}") from error


@contextmanager
def _server(url: str) -> Iterator[Execute]:
    from daqpv.store.reading.reader import plain, reader  # noqa: PLC0415
    from daqpv.store.tables.engine import translated  # noqa: PLC0415 - a third of a second

    with (
        reader(url, snapshot=True) as engine,
        translated(url),
        engine.connect() as connection,
    ):
        yield plain(connection)

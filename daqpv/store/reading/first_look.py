"""A first look at the store, before anything is served: can it be used, what is set?

SQLite is looked at without SQLAlchemy, whose import alone takes a third of a second.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from daqpv.core import Setting
from daqpv.core.threads import Crew
from daqpv.errors import StoreError
from daqpv.store.tables.rows import place_of, record
from daqpv.store.tables.sqlite_file import path_in, refuse_orphan, version_in
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import newest

if TYPE_CHECKING:
    from sqlalchemy import Engine

PATIENCE = 3.0  # [s] with a server
_LOCKED = 0.2  # [s] with somebody who has locked SQLite's file

_UNUSABLE = (  # what waiting does not mend
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)
_TABLE, _COLUMNS = place_of(Setting)
_JSON = ("value", "file")
_SETTINGS = f"""
    SELECT {", ".join(_COLUMNS)} FROM {_TABLE}
    JOIN experiment ON experiment.id = experiment_id WHERE name = ?
"""


class Found(NamedTuple):
    """What a store has.

    Attributes:
        version: of its tables; None if it has none.
        settings: of the experiment.
        poor: what is wrong with its encoding, and the cure; "" if nothing is.
    """

    version: str | None
    settings: list[Setting]
    poor: str = ""


def look(url: str, experiment: str) -> Found:
    """Look whether the store can be used, and what was set in `experiment`.

    Raises:
        StoreError: it cannot be used, and time will not mend that.
        ConnectionError: it is away, or busy; the text says why.
    """
    if url.startswith("sqlite:"):
        return _look_at_file(path_in(url), experiment)
    return _look_at_server(url, experiment)


def _look_at_file(path: str, experiment: str) -> Found:
    refuse_orphan(path)
    try:
        with closing(
            sqlite3.connect(path, timeout=_LOCKED, isolation_level=None)
        ) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")  # it can be written
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            return _read_file(connection, experiment)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in _UNUSABLE:
            raise StoreError(
                f"{path}: the store cannot be used: {error}. Wanted is a file that "
                "daqpv may write, in a folder that it may write; the key `store` of "
                "the experiment file names it"
            ) from error
        raise ConnectionError(str(error)) from error


def _read_file(connection: sqlite3.Connection, experiment: str) -> Found:
    version = version_in(connection)
    if version != newest():  # whose tables we may not know
        return Found(version, [])
    rows = (
        dict(zip(_COLUMNS, row, strict=True))
        for row in connection.execute(_SETTINGS, (experiment,))
    )
    parsed = (row | {name: json.loads(row[name]) for name in _JSON} for row in rows)
    return Found(version, [*map(setting, parsed)])


def _look_at_server(url: str, experiment: str) -> Found:
    from daqpv.store.tables.engine import make_engine  # noqa: PLC0415 - slow, not for SQLite

    engine = make_engine(url)
    crew = Crew("first look at the store", 1)
    future = crew.submit(lambda: _read_server(engine, url, experiment))
    crew.close()
    try:
        return future.result(PATIENCE)
    except TooLate:
        text = f"{shown(url)}: no answer within {PATIENCE:g} s"
        raise ConnectionError(text) from None
    except StoreError as error:
        raise ConnectionError(str(error)) from error


def _read_server(engine: Engine, url: str, experiment: str) -> Found:
    from daqpv.store.tables.encoding import poor_encoding  # noqa: PLC0415
    from daqpv.store.tables.engine import translated  # noqa: PLC0415 - slow, not for SQLite
    from daqpv.store.tables.migrate import version_of  # noqa: PLC0415
    from daqpv.store.tables.records import records  # noqa: PLC0415

    try:
        with translated(url), engine.connect() as connection:
            version = version_of(connection)
            known = version == newest()
            settings = records(connection, Setting, experiment) if known else ()
            return Found(version, [*settings], poor_encoding(connection))
    finally:
        engine.dispose()


def setting(row: Mapping[str, Any]) -> Setting:
    """The setting of a row."""
    return record(Setting, map(row.__getitem__, _COLUMNS))

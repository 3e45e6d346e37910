"""Checks the store before start-up, and reads the settings that it holds.

SQLite is read without SQLAlchemy, whose import alone takes a third of a second.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from daqpv.core import Remembered
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.table import SqlType
from daqpv.core.threads import Crew
from daqpv.errors import StoreError
from daqpv.store.tables.own import SETTING, STATE
from daqpv.store.tables.sqlite_file import path_in, refuse_orphan, versions_in
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import Versions, newest

if TYPE_CHECKING:
    from sqlalchemy import Engine

R = TypeVar("R")

PATIENCE = 3.0  # [s] with a server
_LOCKED = 0.2  # [s] to wait for the lock of SQLite's file

_UNUSABLE = (  # errors that do not end by themselves
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


class Found(NamedTuple):
    """What a store has.

    Attributes:
        versions: of its tables.
        remembered: settings of the experiment, and states of its devices.
        poor: the fault of its encoding, and the cure; "" without a fault.
    """

    versions: Versions
    remembered: list[Remembered]
    poor: str = ""


def look(url: str, experiment: str) -> Found:
    """Check whether the store is usable, and read the settings of `experiment`.

    Raises:
        StoreError: the store is not usable, and a retry would not help.
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
    versions = versions_in(connection)
    if versions.own != newest():  # whose tables we may not know
        return Found(versions, [])
    settings = _records(connection, SETTING, experiment)
    return Found(versions, [*settings, *_records(connection, STATE, experiment)])


def _records(
    connection: sqlite3.Connection, kind: RecordKind[R], experiment: str
) -> Iterator[R]:
    """The records of an experiment, as daqpv.store.tables.records reads them."""
    statement = (
        f"SELECT {', '.join(kind.names)} FROM {kind.table.name} "
        "JOIN experiment ON experiment.id = experiment_id WHERE experiment.name = ?"
    )
    is_json = [column.type is SqlType.JSON for column in kind.columns]
    for row in connection.execute(statement, (experiment,)):
        yield kind.decode(
            json.loads(value) if is_text else value
            for value, is_text in zip(row, is_json, strict=True)
        )


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
    from daqpv.store.tables.migrate import versions_in as versions_there  # noqa: PLC0415
    from daqpv.store.tables.records import records  # noqa: PLC0415

    try:
        with translated(url), engine.connect() as connection:
            versions = versions_there(connection)
            known = versions.own == newest()
            remembered: list[Remembered] = []
            if known:
                remembered = [*records(connection, SETTING, experiment)]
                remembered += [*records(connection, STATE, experiment)]
            return Found(versions, remembered, poor_encoding(connection))
    finally:
        engine.dispose()

"""Finds and checks the file of a SQLite store, without SQLAlchemy.

To import SQLAlchemy takes a third of a second.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from daqpv.errors import StoreError
from daqpv.store.tables.version import NO_TABLES, Versions, versions_of

SCHEME = "sqlite:///"


def path_in(url: str) -> str:
    """The path in the URL of a SQLite store."""
    return url.removeprefix(SCHEME).partition("?")[0]


def is_there(path: str) -> bool:
    """Whether the file exists and is not empty."""
    file = Path(path)
    return file.is_file() and file.stat().st_size > 0


def refuse_orphan(path: str) -> None:
    """Refuse to make a file where the journal of another one lies.

    SQLite would use it for the new file, and lose the records in it.

    Raises:
        StoreError: there is no file, but a journal that holds records.
    """
    journal = Path(f"{path}-wal")
    if not is_there(path) and is_there(str(journal)):
        raise StoreError(
            f"{path} is not there, but {journal.name}, which has its newest records: "
            f"put {Path(path).name} back, or move {journal.name} to where it is"
        )


def refuse_taken_away(path: str) -> None:
    """Refuse to make a file that daqpv has open under this name, wherever it is now.

    Raises:
        StoreError: there is no file, but the journal that goes with an open one.
    """
    if not Path(path).exists() and Path(f"{path}-shm").exists():
        raise StoreError(f"{path} is gone while daqpv uses it: put it back first")


def read_only(path: str) -> str:
    """The URI by which SQLite reads a file, and does not make it.

    Raises:
        StoreError: the file is not there.
    """
    file = Path(path).absolute()
    if not is_there(path):
        raise StoreError(f"there is no store {file} yet: daqpv serve makes it")
    uri = f"file:{quote(str(file))}?mode=ro"
    journal = file.with_name(f"{file.name}-wal")
    can_write = os.access(file.parent, os.W_OK, effective_ids=True)
    if not journal.exists() and not can_write:
        uri += "&immutable=1"  # no process writes, and we cannot make the journal
    return uri


def versions_in(connection: sqlite3.Connection) -> Versions:
    """The versions of a store's tables."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        return NO_TABLES
    rows = connection.execute("SELECT version_num FROM alembic_version")
    return versions_of(number for (number,) in rows)

"""Checks that an open SQLite file was not moved or replaced.

SQLite keeps writing to an open file after a move, but finds its journal (``-wal``) by
name: a new file beside an old journal is damaged. So the open file is compared with the
file of that name before and after each transaction.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from daqpv.errors import StoreError
from daqpv.store.tables.sqlite_file import read_only, refuse_orphan

_RESTART = "after a restart, daqpv"

Identity = tuple[int, int]  # device and inode


class SqlitePlace:
    """The file of a SQLite store, and those of its journal.

    Args:
        path: of the file; made if it is not there yet.
        engine: that writes it, and makes no file.

    Raises:
        StoreError: there is the journal of a file that does not exist.
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self._path = path
        self._engine = engine
        real = path.resolve()
        parts = ("wal", "shm")
        self._beside = [real.with_name(f"{real.name}-{part}") for part in parts]
        if not path.exists():
            refuse_orphan(str(path))
            path.touch()
        self._file = _identity(path)
        self._journal: list[Identity | None] = []
        self._loss = ""  # what was done when it was lost; "" while it is not lost

    def closed(self) -> None:
        """Forget the files of the journal: they come and go with the connections."""
        self._journal = []

    def note(self) -> None:
        """Remember the files of the journal, which exist after a transaction."""
        if not self._journal:
            self._journal = [*map(_identity, self._beside)]

    def check(self, writer: str, last: int) -> bool:
        """Check that the file is the one that was written last.

        Args:
            writer: of the newest row of the table ``journal``.
            last: of this row.

        Returns:
            Whether the tables must be checked again: the journal was removed, or the
            file is a copy that has all of it.

        Raises:
            StoreError: it is gone, or another one is in its place.
        """
        found = _identity(self._path)
        is_same = found == self._file
        if is_same and self._journal in ([], [*map(_identity, self._beside)]):
            self._loss = ""
            return False
        if not self._loss:
            self._loss = self._save()
        if found is None:
            raise StoreError(
                f"{self._path} is gone: {self._loss} ({_RESTART} makes a new one)"
            )
        self._engine.dispose()
        if not is_same and not self._has(writer, last):
            raise StoreError(
                f"{self._path}: another file is in its place: {self._loss} ({_RESTART} "
                "uses this one)"
            )
        self._file, self._journal, self._loss = found, [], ""
        return True

    def _save(self) -> str:
        """Save all records in one file; return its path in a cure."""
        saved = ""
        try:
            with self._engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                if not _links(self._file):
                    saved = self._copy(connection.connection.driver_connection)
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except (SQLAlchemyError, sqlite3.Error, OSError):
            return "put it back with its -wal file"
        if saved:
            return f"its records were saved: mv {saved} {self._path}"
        return "it was moved or renamed; put it back"

    def _copy(self, connection: sqlite3.Connection | None) -> str:
        """Copy a file that was removed, as long as it is open."""
        assert connection is not None
        copy = self._path.with_name(f"{self._path.name}.rescued")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(copy)) as rescued:
            connection.backup(rescued)
        return str(copy)

    def _has(self, writer: str, last: int) -> bool:
        """Whether the file of that name has the last entry."""
        if self._journal and _identity(self._beside[0]) == self._journal[0]:
            with suppress(OSError):
                if self._beside[0].stat().st_size:  # of the other file
                    return False
        query = "SELECT last FROM journal WHERE writer = ?"
        try:
            with closing(
                sqlite3.connect(read_only(str(self._path)), uri=True)
            ) as connection:
                row = connection.execute(query, (writer,)).fetchone()
                return row is not None and int(row[0]) == last
        except (sqlite3.Error, StoreError):
            return False


def _identity(path: Path) -> Identity | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _links(file: Identity | None) -> int:
    """Number of hard links of a file that this process holds open.

    The file is not opened again: closing it would release SQLite's locks.
    """
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            stat = one.stat()
            if (stat.st_dev, stat.st_ino) == file:
                return stat.st_nlink
    return 0

"""A SQLite store that is written: whether the file is still the one with its name.

SQLite goes on with the file that it has opened, wherever that was moved, but finds its
journal (``-wal``) by the name: a new file beside an old journal is a damaged one. So
the file is compared with what is there before and after each transaction.
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
        StoreError: the journal of a file that is not there is in the way.
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
        self._loss = ""  # what was done when it was lost; "" if it is not

    def closed(self) -> None:
        """Forget the files of the journal: they come and go with the connections."""
        self._journal = []

    def note(self) -> None:
        """Remember the files of the journal; there are some after a transaction."""
        if not self._journal:
            self._journal = [*map(_identity, self._beside)]

    def check(self, writer: str, last: int) -> bool:
        """See that the file is the one that was written last.

        Args:
            writer: of the newest row of the table ``journal``.
            last: of this row.

        Returns:
            Whether the tables must be looked at again: the journal was removed, or the
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
        """Bring all that is written into one file; return where that is, as a cure."""
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
        """Whether the file there now has what was written last."""
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
    """How many names a file has that this process holds open.

    It is not opened for that: to close it would give up SQLite's locks.
    """
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            stat = one.stat()
            if (stat.st_dev, stat.st_ino) == file:
                return stat.st_nlink
    return 0

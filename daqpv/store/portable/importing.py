"""Imports the records of an experiment from a file into a store.

In an empty store all numbers (ids) stay. In a store with other experiments, all numbers
of a table get the same offset, which keeps the order and the references.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from pydantic import BaseModel
from pydantic_core import from_json, to_json
from sqlalchemy import JSON, Column, Connection, Table, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from daqpv.core.job import Job
from daqpv.errors import StoreError
from daqpv.store.portable.portable_file import (
    FORMAT,
    MANIFEST,
    PAGE,
    PAGE_BYTES,
    PATIENCE,
    Manifest,
    count_of,
    is_experiment,
    member,
    new_file,
    number_of,
    tables_of,
)
from daqpv.store.tables.engine import make_engine, reason, translated
from daqpv.store.tables.migrate import prepare
from daqpv.store.tables.models import EXPERIMENT
from daqpv.store.tables.own import OWN
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.sqlite_file import refuse_orphan
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import newest


def import_(
    url: str, experiment: str, source: Path, job: Job, schema: Schema = OWN
) -> Manifest:
    """Bring the records of the file `source` into a store that has none of them.

    An empty database gets its tables; a file of SQLite is made. It is one transaction:
    all of the records are there at its end, or none. Other experiments may be served
    from the store all the while: what they write waits in their spools.

    Args:
        url: of the store.
        experiment: its name.
        source: the file.
        job: gets the progress, in rows, and may be aborted.
        schema: the tables.

    Raises:
        AbortedError: the job was aborted; nothing is imported.
        StoreError: the file is no export, is damaged, is of another experiment or of
            another version of the tables; the store has records of the experiment, or
            cannot be written.
    """
    with Export(source, schema) as export:
        manifest = export.manifest
        if manifest.experiment != experiment:
            raise StoreError(
                f"{source} holds the experiment {manifest.experiment}, not {experiment}"
            )
        parsed = make_url(url)
        file = Path(parsed.database or "")
        if parsed.get_backend_name() == "sqlite" and not file.exists():
            refuse_orphan(str(file))
            with new_file(file) as part:
                _fill(url, export, job, into=f"sqlite:///{part}")
        else:
            _fill(url, export, job, into=url)
        return manifest


class _Head(BaseModel):
    """Of a manifest, what every version of it has."""

    format: int
    tables_version: str
    daqpv: str


class Export:
    """A file that was exported; use it as a context manager.

    Raises:
        StoreError: it is not an export, or not one that this daqpv can import.
    """

    def __init__(self, path: Path, schema: Schema = OWN) -> None:
        self._path = path
        self.schema = schema
        with self._reading():
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise OSError(None, "it is a pipe or a device")  # perhaps without end
            self._archive = ZipFile(path)
            content = from_json(self._archive.read(MANIFEST))
            head = _Head.model_validate(content)
        self._refuse_other(head)
        with self._reading():
            self.manifest = Manifest.model_validate(content)
            if self.manifest.tables[EXPERIMENT.name].rows != 1:
                raise ValueError("not one experiment")
        self._refuse_other_branches()
        with self._reading():
            self.tables = self._find_tables()

    def __enter__(self) -> Export:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def _find_tables(self) -> list[Table]:
        """The tables of the file, in the order in which they are filled."""
        found = []
        for table in tables_of(self.schema):
            there = self.manifest.tables.get(table.name)
            if there is None and self.schema.branch_of(table.name):
                continue  # what keeps it was not installed where the file was written
            if there is None:
                raise ValueError(f"no table {table.name}")
            if {*there.columns} != {*table.c.keys()}:
                raise ValueError(f"other columns of {table.name}")
            found.append(table)
        return found

    def pages(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        """The rows of `table`, as many as the manifest says; pages of bounded size."""
        entry, count, size = self.manifest.tables[table.name], 0, 0
        page: list[dict[str, Any]] = []
        with self._reading(), self._archive.open(member(table)) as lines:
            for line in lines:
                page.append(dict(zip(entry.columns, from_json(line), strict=True)))
                count, size = count + 1, size + len(line)
                if len(page) == PAGE or size >= PAGE_BYTES:
                    yield page
                    page, size = [], 0
            if count != entry.rows:
                raise ValueError(f"{count} rows of {table.name}, not {entry.rows}")
        yield page

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise StoreError(f"{self._path} cannot be read: {why}") from error
        except (BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
            raise StoreError(
                f"{self._path} is no export of daqpv, or is damaged ({reason(error)}): "
                "nothing is imported"
            ) from error

    def _refuse_other(self, head: _Head) -> None:
        """Refuse a file of another version of daqpv that this version cannot read."""
        version, ours = head.tables_version, newest()
        is_newer = head.format > FORMAT or version > ours
        if not is_newer and version == ours:
            return
        by = f"{'a newer' if is_newer else 'an older'} daqpv ({head.daqpv})"
        then = "" if is_newer else ", then `daqpv db upgrade FILE`"
        raise StoreError(
            f"{self._path} was written by {by}, with tables of version {version}; this "
            f"one has {ours}. Import it with that daqpv{then}"
        )

    def _refuse_other_branches(self) -> None:
        """Refuse tables of other distributions that ours do not have like this."""
        branches = self.schema.branches
        for label, found in self.manifest.branches.items():
            wanted = branches[label].newest if label in branches else "not installed"
            if found != wanted:
                raise StoreError(
                    f"{self._path} has tables of {label} in version {found}, which is "
                    f"{wanted} here: install the version that it came from"
                )


def _fill(url: str, export: Export, job: Job, *, into: str) -> None:
    """Fill the store `into`, which people know as `url`."""
    engine = make_engine(into, writes=True, answer=PATIENCE)
    try:
        with translated(url):
            prepare(engine, export.schema)
            if engine.dialect.name != "sqlite":  # MariaDB locks no gap otherwise
                engine = engine.execution_options(isolation_level="REPEATABLE READ")
            with engine.begin() as connection:
                _Import(connection, export, job).run(shown(url))
    finally:
        engine.dispose()


class _Import:
    """One import, in the transaction of `connection`."""

    def __init__(self, connection: Connection, export: Export, job: Job) -> None:
        self._connection = connection
        self._export = export
        self._job = job
        job.total = sum(e.rows for e in export.manifest.tables.values())
        self._numbered = [table for table in export.tables if "id" in table.c]
        self._owned = [
            table
            for table in export.tables
            if not is_experiment(table) and not table.c.experiment_id.nullable
        ]

    def run(self, store: str) -> None:
        """Write all tables.

        Raises:
            StoreError: records of the experiment are there already.
        """
        name = self._export.manifest.experiment
        self._lock()
        number = number_of(self._connection, name)
        if number is not None:
            self._refuse_records(number, f"{store} has records of {name} already")
        moved = {table.name: self._last(table) for table in self._numbered}
        if number is not None:
            [[known]] = self._export.pages(EXPERIMENT)
            moved[EXPERIMENT.name] = number - known["id"]
        for table in self._export.tables:
            if not is_experiment(table) or number is None:
                self._fill(table, moved)
        self._check(number_of(self._connection, name))
        self._settle()

    def _lock(self) -> None:
        """Lock the tables against other writers until the end; readers do not wait."""
        match self._connection.dialect.name:
            case "sqlite":
                return  # BEGIN IMMEDIATE did it
            case "postgresql":
                names = ", ".join(table.name for table in self._numbered)
                lock = f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"
                self._connection.execute(text(lock))
            case _:
                for table in self._numbered:  # InnoDB locks the gap behind the last row
                    last = select(table.c.id).order_by(table.c.id.desc()).limit(1)
                    self._connection.execute(last.with_for_update())

    def _refuse_records(self, number: int, what: str) -> None:
        for table in self._owned:
            if count := count_of(self._connection, table, number):
                raise StoreError(
                    f"{what} ({count} rows of {table.name}): name another store, a new "
                    "file or an empty database"
                )

    def _last(self, table: Table) -> int:
        return self._connection.scalar(select(func.max(table.c.id))) or 0

    def _fill(self, table: Table, moved: dict[str, int]) -> None:
        distances = {column.name: moved.get(_numbered(column), 0) for column in table.c}
        distances = {name: distance for name, distance in distances.items() if distance}
        known: set[str] = set()
        if table.name == "journal":  # another import may have brought some
            known.update(self._connection.scalars(select(table.c.writer)))
        step = self._job.step(table.name, self._export.manifest.tables[table.name].rows)
        for page in self._export.pages(table):
            self._job.check()
            rows = [row for row in page if row.get("writer") not in known]
            for row in rows:
                for name, distance in distances.items():
                    if row[name] is not None:
                        row[name] += distance
            if rows:
                self._add(table, rows)
            step.advance(len(page))

    def _add(self, table: Table, rows: list[dict[str, Any]]) -> None:
        dialect = self._connection.dialect
        if dialect.name != "postgresql":
            self._connection.execute(insert(table), rows)
            return
        try:
            self._copy(table, rows)
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError("COPY", None, error) from error

    def _copy(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Copy rows: five times faster than INSERT."""
        names = [*rows[0]]
        as_json = [name for name in names if isinstance(table.c[name].type, JSON)]
        with (
            closing(self._connection.connection.cursor()) as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy,
        ):
            for row in rows:
                for name in as_json:
                    row[name] = to_json(row[name]).decode()
                copy.write_row(list(row.values()))

    def _check(self, number: int | None) -> None:
        """Check the number of rows of each table.

        Raises:
            StoreError: rows are missing, or there are too many.
        """
        for table in self._owned:
            wanted = self._export.manifest.tables[table.name].rows
            found = count_of(self._connection, table, number or 0)
            if found != wanted:
                raise StoreError(
                    f"the store took {found} of {wanted} rows of {table.name}: nothing "
                    "is imported"
                )

    def _settle(self) -> None:
        """Let PostgreSQL number on from here, and know the tables when it plans."""
        if self._connection.dialect.name != "postgresql":
            return
        for table in self._export.tables:
            self._connection.execute(text(f"ANALYZE {table.name}"))
        for table in self._numbered:
            if last := self._last(table):
                sequence = func.pg_get_serial_sequence(table.name, "id")
                self._connection.execute(select(func.setval(sequence, last)))


def _numbered(column: Column[Any]) -> str:
    """The table whose numbers stand in `column`, or ""."""
    for key in column.foreign_keys:
        return str(key.column.table.name)
    return column.table.name if column.name == "id" else ""

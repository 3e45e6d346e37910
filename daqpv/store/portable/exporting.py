"""Exports the records of an experiment from a store to a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic_core import to_json
from sqlalchemy import Column, ColumnElement, Connection, Table, and_, or_, select

from daqpv import __version__
from daqpv.core.job import Job
from daqpv.errors import StoreError
from daqpv.store.portable.portable_file import (
    FORMAT,
    MANIFEST,
    PAGE,
    PAGE_BYTES,
    PATIENCE,
    Manifest,
    TableEntry,
    count_of,
    is_experiment,
    member,
    new_file,
    number_of,
    rows_of,
    tables_of,
)
from daqpv.store.reading.reader import reader
from daqpv.store.tables.engine import translated
from daqpv.store.tables.own import OWN
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import newest

_FIRST_PAGE = 100  # rows
_COMPRESSION = 1  # the fastest: 7 times smaller; the best is 9 times, and takes 5 times


def export(
    url: str, experiment: str, out: Path, job: Job, schema: Schema = OWN
) -> Manifest:
    """Write all records of `experiment` to the new file `out`, as of one moment.

    Args:
        url: of the store.
        experiment: its name.
        out: the file.
        job: gets the progress, in rows, and may be aborted.
        schema: the tables.

    Raises:
        AbortedError: the job was aborted; nothing is left behind.
        StoreError: the store cannot be read or has no such experiment; `out` exists, or
            cannot be written. Nothing is left behind then.
    """
    with (
        new_file(out) as part,
        part.open("xb") as file,
        reader(url, snapshot=True, answer=PATIENCE) as engine,
        translated(url),
        engine.connect() as connection,
    ):
        number = number_of(connection, experiment)
        if number is None:
            raise StoreError(f"{shown(url)} has no records of {experiment} yet")
        manifest = _manifest(connection, experiment, number, schema)
        job.total = sum(entry.rows for entry in manifest.tables.values())
        with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive:
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=2))
            for table in tables_of(schema):
                _write(archive, connection, table, number, job)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _manifest(
    connection: Connection, experiment: str, number: int, schema: Schema
) -> Manifest:
    return Manifest(
        format=FORMAT,
        tables_version=newest(),
        daqpv=__version__,
        experiment=experiment,
        time=time.time(),
        tables={
            table.name: TableEntry(
                columns=tuple(table.c.keys()),
                rows=count_of(connection, table, number),
            )
            for table in tables_of(schema)
        },
        branches={label: one.newest for label, one in schema.branches.items()},
    )


def _write(
    archive: ZipFile, connection: Connection, table: Table, number: int, job: Job
) -> None:
    step = job.step(table.name, count_of(connection, table, number))
    with archive.open(member(table), "w", force_zip64=True) as lines:
        for rows in _pages(connection, table, number):
            job.check()
            lines.write(b"".join(rows))
            step.advance(len(rows))


def _pages(connection: Connection, table: Table, number: int) -> Iterator[list[bytes]]:
    """All rows as lines, in the order of their keys; a page is of a bounded size."""
    keys = [column for column in table.primary_key if column.name != "experiment_id"]
    statement = select(table).order_by(*keys)
    if "id" in table.c and not is_experiment(table):
        # + 0: not by its index, which has another order
        statement = statement.where(table.c.experiment_id + 0 == number)
    else:
        statement = rows_of(statement, table, number)
    size, page = _FIRST_PAGE, statement
    while rows := connection.execute(page.limit(size)).all():
        lines = [_line(row) for row in rows]
        yield lines
        most = size * PAGE_BYTES // sum(map(len, lines))
        size = max(min(2 * size, most, PAGE), 1)
        last = rows[-1]._mapping  # noqa: SLF001 - public, but for its name
        page = statement.where(_after(keys, [last[key] for key in keys]))


def _after(keys: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """What comes behind `values` in the order of `keys`, for an index."""
    (key, *keys), (value, *values) = keys, values
    behind: ColumnElement[bool] = key > value
    if not keys:
        return behind
    return and_(key >= value, or_(behind, _after(keys, values)))


def _line(row: Any) -> bytes:
    return to_json(list(row)) + b"\n"

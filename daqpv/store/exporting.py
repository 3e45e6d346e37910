"""An experiment's records, from a store into a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic_core import to_json
from sqlalchemy import Connection, Table, select

from daqpv import __version__
from daqpv.errors import StoreError
from daqpv.store.engine import shown, translated
from daqpv.store.portable import (
    FORMAT,
    MANIFEST,
    PAGE,
    PATIENCE,
    TABLES,
    Manifest,
    Progress,
    TableEntry,
    count_of,
    member,
    new_file,
    number_of,
    rows_of,
)
from daqpv.store.reader import reader
from daqpv.store.version import newest

_COMPRESSION = 1  # the fastest: 7 times smaller; the best is 9 times, and takes 5 times


def export(url: str, experiment: str, out: Path, progress: Progress) -> Manifest:
    """Write all records of `experiment` to the new file `out`, as of one moment.

    Raises:
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
        manifest = _manifest(connection, experiment, number)
        with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive:
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=2))
            for table in TABLES:
                _write(archive, connection, table, number, progress)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _manifest(connection: Connection, experiment: str, number: int) -> Manifest:
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
            for table in TABLES
        },
    )


def _write(
    archive: ZipFile,
    connection: Connection,
    table: Table,
    number: int,
    progress: Progress,
) -> None:
    total, done = count_of(connection, table, number), 0
    with archive.open(member(table), "w", force_zip64=True) as lines:
        for page in _pages(connection, table, number):
            lines.write(b"".join(map(_line, page)))
            done += len(page)
            progress(table.name, done, total)


def _pages(connection: Connection, table: Table, number: int) -> Iterator[list[Any]]:
    """All rows: by their number, page by page; if they have none, at once."""
    if "id" not in table.c:
        rows = rows_of(select(table), table, number)
        yield list(connection.execute(rows.order_by(*table.primary_key)).all())
        return
    rows = select(table).order_by(table.c.id).limit(PAGE)
    if "experiment_id" in table.c:  # + 0: not by its index, which has another order
        rows = rows.where(table.c.experiment_id + 0 == number)
    else:
        rows = rows_of(rows, table, number)
    last = -1
    while page := connection.execute(rows.where(table.c.id > last)).all():
        yield list(page)
        last = page[-1].id


def _line(row: Any) -> bytes:
    return to_json(list(row)) + b"\n"

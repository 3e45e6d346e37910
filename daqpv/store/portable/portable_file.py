"""Defines the file that holds the records of an experiment, for export and import.

It is a zip file: ``manifest.json`` lists the contents, and each table is a file of JSON
lines, a row per line, as an array in the order of the manifest's columns. It depends on
no engine. Rows are read and written some thousand at a time, whatever their number.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Select, Table, func, or_, select

from daqpv.errors import StoreError
from daqpv.store.tables.models import EXPERIMENT, metadata_of
from daqpv.store.tables.schema import Schema

FORMAT = 1
"""Of the file; a reader takes no other."""

MANIFEST = "manifest.json"
PATIENCE = 600  # [s] that one statement may take: some count millions of rows
PAGE = 5000  # rows at once, if they are no more than
PAGE_BYTES = 4_000_000


class TableEntry(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(frozen=True)

    columns: tuple[str, ...]
    rows: int


class Manifest(BaseModel):
    """What a file holds.

    Attributes:
        format: of the file.
        tables_version: of daqpv's own tables in the store that it came from.
        daqpv: version of the program.
        experiment: its name.
        time: of the export, UTC [s since 1970].
        tables: by name.
        branches: the versions of the tables of other distributions, by their label.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    tables_version: str
    daqpv: str
    experiment: str
    time: float
    tables: Mapping[str, TableEntry]
    branches: Mapping[str, str] = {}


def tables_of(schema: Schema) -> list[Table]:
    """The tables that a file has; those that others refer to come first."""
    tables = metadata_of(schema).sorted_tables
    return [table for table in tables if schema.exports(table.name)]


def is_experiment(table: Table) -> bool:
    """Whether the table holds the row of the experiment itself."""
    return table.name == EXPERIMENT.name


def member(table: Table) -> str:
    """The file of `table` in the zip file."""
    return f"{table.name}.jsonl"


def number_of(connection: Connection, experiment: str) -> int | None:
    """The number of an experiment in the store; None if the store does not have it."""
    named = EXPERIMENT.c.name == experiment
    return connection.scalar(select(EXPERIMENT.c.id).where(named))


def rows_of(statement: Select[Any], table: Table, number: int) -> Select[Any]:
    """The rows of `table` of the experiment, and those whose experiment is unknown."""
    if is_experiment(table):
        return statement.where(table.c.id == number)
    owner = table.c.experiment_id
    if owner.nullable:
        return statement.where(or_(owner == number, owner.is_(None)))
    return statement.where(owner == number)


def count_of(connection: Connection, table: Table, number: int) -> int:
    """The number of these rows."""
    count = select(func.count()).select_from(table)
    return connection.scalar(rows_of(count, table, number)) or 0


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; at the end the file gets its name, or is gone.

    Raises:
        StoreError: `path` exists, or the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if path.exists():
            raise FileExistsError
        yield part
        _name(part, path)
    except FileExistsError as error:
        raise StoreError(f"{path} exists: nothing is overwritten") from error
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"{path} cannot be written: {why}") from error
    finally:
        with suppress(OSError):  # a folder that cannot be written
            part.unlink()


def _name(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # overwrites nothing
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError from None
        part.rename(path)

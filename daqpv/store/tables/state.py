"""Reads the state of a store's tables, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table, inspect

from daqpv.errors import StoreError
from daqpv.store.reading.reader import read_only_url
from daqpv.store.tables.encoding import poor_encoding
from daqpv.store.tables.engine import make_engine, translated
from daqpv.store.tables.migrate import versions_in
from daqpv.store.tables.models import METADATA, metadata_of
from daqpv.store.tables.own import OWN
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.sqlite_file import SCHEME, is_there, path_in
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import NO_TABLES, Versions, newest, refuse_others


@dataclass(frozen=True, slots=True)
class TableState:
    """The state of the tables of a store.

    Attributes:
        versions: of its tables.
        missing: tables and columns of our versions that it lacks.
        poor: the fault of its encoding, and the cure; "" without a fault.
    """

    versions: Versions
    missing: tuple[str, ...] = ()
    poor: str = ""


def state_of(url: str, schema: Schema = OWN) -> TableState:
    """Read the state of the tables; a SQLite file is neither made nor written.

    Raises:
        StoreError: the store is away.
    """
    if url.startswith(SCHEME) and not is_there(path_in(url)):
        return TableState(NO_TABLES)
    engine = make_engine(read_only_url(url))
    try:
        with translated(url), engine.connect() as connection:
            versions = versions_in(connection)
            missing = tuple(_missing(connection, schema, versions))
            return TableState(versions, missing, poor_encoding(connection))
    finally:
        engine.dispose()


def refuse_unusable(state: TableState, url: str, schema: Schema = OWN) -> None:
    """Refuse a store whose tables or encoding are not what daqpv needs.

    Raises:
        StoreError: with the cure.
    """
    refuse_others(state.versions, schema, shown(url))
    if state.missing:
        raise StoreError(
            f"{shown(url)}: missing: {', '.join(state.missing)}. Put a backup back, or "
            "name another store"
        )
    if state.poor:
        raise StoreError(f"{shown(url)}: {state.poor}")


def _missing(
    connection: Connection, schema: Schema, versions: Versions
) -> Iterator[str]:
    """The missing tables and columns of this version."""
    found = inspect(connection)
    for table in _tables(schema, versions):
        if not found.has_table(table.name):
            yield f"table {table.name}"
            continue
        there = {column["name"] for column in found.get_columns(table.name)}
        for column in table.c:
            if column.name not in there:
                yield f"column {table.name}.{column.name}"


def _tables(schema: Schema, versions: Versions) -> Iterator[Table]:
    if versions.own == newest():
        yield from METADATA.tables.values()
    for label, branch in schema.branches.items():
        if versions.of.get(label) == branch.newest:
            for name in schema.tables_of(branch):
                yield metadata_of(schema).tables[name]

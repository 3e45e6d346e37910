"""Writes records to the tables, and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, MetaData, insert, select, update

from daqpv.core.records import table as declared
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.table import REQUIRED
from daqpv.store.tables.models import metadata_of
from daqpv.store.tables.rows import Entry
from daqpv.store.tables.schema import Schema

R = TypeVar("R")

Row = dict[str, Any]


def records(
    connection: Connection,
    kind: RecordKind[R],
    experiment: str,
    *order: str,
    **wanted: Any,
) -> Iterator[R]:
    """The records of an experiment.

    Args:
        connection: to the store.
        kind: of the records.
        experiment: its name.
        order: columns to sort by; without one, the order in which they were added.
        wanted: values of columns: ``number=12``.
    """
    tables = _tables_of(kind).tables
    table, experiments = tables[kind.table.name], tables["experiment"]
    statement = (
        select(*(table.c[column] for column in kind.names))
        .join_from(table, experiments)
        .where(experiments.c.name == experiment)
        .where(*(table.c[column] == value for column, value in wanted.items()))
        .order_by(*(table.c[column] for column in order or table.primary_key.c.keys()))
    )
    for row in connection.execute(statement):
        yield kind.decode(row)


@cache
def _tables_of(kind: RecordKind[Any]) -> MetaData:
    return metadata_of(Schema((kind,)))


class Tables:
    """Puts entries into the tables of `schema`.

    Args:
        schema: of the store.
        late: the entries may be older than what the store has; they replace nothing
            that is newer.
    """

    def __init__(self, schema: Schema, *, late: bool = False) -> None:
        self._late = late
        self._declared = schema.tables
        self._tables = metadata_of(schema).tables
        self._defaults = {
            name: {
                column.name: column.default
                for column in one.columns
                if column.default is not REQUIRED
            }
            for name, one in schema.tables.items()
        }

    def put(
        self, connection: Connection, experiment_id: int, entries: Iterable[Entry]
    ) -> None:
        """Write rows; a row replaces an earlier one with the same key.

        A row that lacks columns updates an existing row, and adds none. Rows of a
        table without a key are added at once.

        Raises:
            LookupError: no installed kind has such a table.
        """
        added: dict[str, list[Row]] = {}
        for entry in entries:
            if entry.table not in self._declared:
                raise LookupError(f"no installed kind keeps a table {entry.table}")
            row = entry.row | {"experiment_id": experiment_id}
            if self._declared[entry.table].key:
                self._replace(connection, self._declared[entry.table], row)
            else:
                row = self._defaults[entry.table] | row
                added.setdefault(entry.table, []).append(row)
        for name, rows in added.items():
            connection.execute(insert(self._tables[name]), rows)

    def _replace(
        self, connection: Connection, declaration: declared.Table, row: Row
    ) -> None:
        table = self._tables[declaration.name]
        key = [column == row[column.name] for column in table.primary_key]
        is_new = False
        age = row.get(declaration.age)
        if age is not None and (self._late or declaration.always):
            wanted = select(table.c[declaration.age]).where(*key).with_for_update()
            there = connection.scalar(wanted)
            if there is not None and there > age:
                return
            is_new = there is None
        if (
            not is_new
            and connection.execute(update(table).where(*key).values(row)).rowcount
        ):
            return
        whole = self._defaults[table.name] | row
        if len(whole) == len(table.c):
            connection.execute(insert(table).values(whole))

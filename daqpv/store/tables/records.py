"""Records in the tables: one put there, and all read from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, insert, select, update

from daqpv.store.tables.models import Base
from daqpv.store.tables.rows import Entry, place_of, record

R = TypeVar("R")

_AGES = {
    "run": "seen",
    "run_file": "time",
    "run_pv": "time",
    "run_value": "count",
}
"""Columns that grow with each new state of a thing."""

_EXPERIMENT = Base.metadata.tables["experiment"]


def records(
    connection: Connection,
    kind: type[R],
    experiment: str,
    *order: str,
    **wanted: Any,
) -> Iterator[R]:
    """The records of an experiment.

    Args:
        connection: to the store.
        kind: of the records.
        experiment: its name.
        order: columns by which they come.
        wanted: what columns have: ``number=12``.
    """
    name, columns = place_of(kind)
    table = Base.metadata.tables[name]
    statement = (
        select(*(table.c[column] for column in columns))
        .join_from(table, _EXPERIMENT)
        .where(_EXPERIMENT.c.name == experiment)
        .where(*(table.c[column] == value for column, value in wanted.items()))
        .order_by(*(table.c[column] for column in order))
    )
    for row in connection.execute(statement):
        yield record(kind, row)


def put(
    connection: Connection,
    experiment_id: int | None,
    entry: Entry,
    *,
    late: bool = False,
) -> None:
    """Keep what is known of a thing, in place of what was known before.

    A row that lacks columns changes what is there, and makes nothing. One that comes
    late changes nothing that is newer.
    """
    table = Base.metadata.tables[entry.table]
    row = entry.row | {"experiment_id": experiment_id}
    if "id" not in table.c:
        key = [column == row[column.name] for column in table.primary_key]
        if late and _is_newer(connection, table, key, entry):
            return
        if connection.execute(update(table).where(*key).values(row)).rowcount:
            return
        if len(row) < len(table.c):
            return
    connection.execute(insert(table).values(row))


def _is_newer(
    connection: Connection,
    table: Table,
    key: Sequence[ColumnElement[bool]],
    entry: Entry,
) -> bool:
    """Whether the store has a newer state of the thing than `entry`."""
    age = _AGES.get(table.name, "")
    if entry.row.get(age) is None:
        return False
    there = connection.scalar(select(table.c[age]).where(*key))
    return there is not None and there > entry.row[age]

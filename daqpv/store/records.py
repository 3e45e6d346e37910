"""Records in the tables: one put there, and all read from there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select, update

from daqpv.store.models import Base
from daqpv.store.rows import Entry, place_of, record

R = TypeVar("R")

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


def put(connection: Connection, experiment_id: int | None, entry: Entry) -> None:
    """Keep what is known of a thing, in place of what was known before.

    A row that lacks columns changes what is there, and makes nothing.
    """
    table = Base.metadata.tables[entry.table]
    row = entry.row | {"experiment_id": experiment_id}
    if "id" not in table.c:
        key = [column == row[column.name] for column in table.primary_key]
        if connection.execute(update(table).where(*key).values(row)).rowcount:
            return
        if len(row) < len(table.c):
            return
    connection.execute(insert(table).values(row))

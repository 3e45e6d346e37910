"""The runs of an experiment, read from the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, select

from daqpv.core import Origin, Severity
from daqpv.runs import (
    Entry,
    History,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunValue,
)
from daqpv.store.models import (
    Base,
    ExperimentRow,
    RunChangeRow,
    RunDocumentRow,
    RunFileRow,
    RunPvRow,
    RunRow,
    RunValueRow,
)

R = TypeVar("R")


def history(connection: Connection, experiment: str) -> History:
    """What the run control has to know of the runs before."""
    numbers = connection.scalars(
        select(RunRow.number).join(ExperimentRow).where(_of(experiment))
    )
    last = next(runs(connection, experiment, newest=1), None)
    return History(numbers=frozenset(numbers), last=last)


def runs(
    connection: Connection,
    experiment: str,
    *conditions: ColumnElement[bool],
    newest: int | None = None,
) -> Iterator[RunRecord]:
    """The runs of an experiment by their numbers.

    Args:
        connection: to the store.
        experiment: its name.
        conditions: on RunRow.
        newest: only so many, the newest first; None: all, the oldest first.
    """
    statement = (
        select(*RunRow.__table__.c)
        .join(ExperimentRow)
        .where(_of(experiment), *conditions)
    )
    if newest is None:
        statement = statement.order_by(RunRow.number)
    else:
        statement = statement.order_by(RunRow.number.desc()).limit(newest)
    for row in connection.execute(statement):
        yield RunRecord(
            number=row.number,
            entry=Entry(row.entry),
            start=row.start / 1e6,
            stop=None if row.stop is None else row.stop / 1e6,
            seen=row.seen / 1e6,
            live_time=row.live_time / 1e6,
            kind=row.kind,
            title=row.title,
            comment=row.comment,
            operator=row.operator,
            config=row.config,
            note=row.note,
            data=row.data,
        )


def changes(
    connection: Connection, experiment: str, number: int
) -> Iterator[RunChange]:
    """What was changed of a run, in order."""
    for row in _rows(connection, RunChangeRow, experiment, [number], RunChangeRow.id):
        yield RunChange(
            number=row.number,
            time=row.time / 1e6,
            field=row.field,
            old=row.old,
            new=row.new,
            origin=Origin.parse(row.who),
        )


def values(
    connection: Connection, experiment: str, numbers: Collection[int] | None = None
) -> Iterator[RunValue]:
    """The observables of some runs, or of all, by number and name."""
    table = RunValueRow
    for row in _rows(connection, table, experiment, numbers, table.number, table.name):
        yield RunValue(
            number=row.number,
            name=row.name,
            type=row.type,
            units=row.units,
            value=row.value,
            start=row.start,
            stop=row.stop,
            mean=row.mean,
            low=row.low,
            high=row.high,
            count=row._mapping["count"],  # noqa: SLF001 - its documented way
            severity=Severity(row.severity),
        )


def pvs(connection: Connection, experiment: str, number: int) -> Iterator[RunPv]:
    """What chosen PVs were at the start and the stop of a run."""
    table = RunPvRow
    for row in _rows(connection, table, experiment, [number], table.moment, table.pv):
        yield RunPv(
            number=row.number,
            moment=row.moment,
            pv=row.pv,
            value=row.value,
            severity=Severity(row.severity),
            time=row.time / 1e6,
        )


def files(connection: Connection, experiment: str, number: int) -> Iterator[RunFile]:
    """The data files of a run."""
    table = RunFileRow
    for row in _rows(connection, table, experiment, [number], table.router, table.path):
        yield RunFile(
            number=row.number,
            router=row.router,
            path=row.path,
            size=row.size,
            time=row.time / 1e6,
        )


def documents(
    connection: Connection, experiment: str, number: int
) -> Iterator[RunDocument]:
    """The texts that belong to a run."""
    table = RunDocumentRow
    for row in _rows(connection, table, experiment, [number], table.server, table.name):
        yield RunDocument(
            number=row.number, server=row.server, name=row.name, text=row.text
        )


def _of(experiment: str) -> ColumnElement[bool]:
    return ExperimentRow.name == experiment


def _rows(
    connection: Connection,
    table: type[Base],
    experiment: str,
    numbers: Collection[int] | None,
    *order: Any,
) -> Iterator[Any]:
    columns = table.__table__.c
    statement = select(*columns).join(ExperimentRow).where(_of(experiment))
    if numbers is not None:
        statement = statement.where(columns.number.in_(numbers))
    yield from connection.execute(statement.order_by(*order))

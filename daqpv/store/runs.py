"""The runs of an experiment, read from the store."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from daqpv.core import Origin, Severity
from daqpv.errors import RefusedError, StoreError
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
from daqpv.store.rows import entry


def chosen(
    *, kind: str = "", since: float | None = None, text: str = ""
) -> list[ColumnElement[bool]]:
    """Conditions for `runs`.

    Args:
        kind: class of the run.
        since: not begun before, UTC [s since 1970].
        text: a part of title, comment, operator or note, in any case.
    """
    conditions: list[ColumnElement[bool]] = []
    if kind:
        conditions.append(RunRow.kind == kind)
    if since is not None:
        conditions.append(RunRow.start >= round(since * 1e6))
    if text:
        texts = (RunRow.title, RunRow.comment, RunRow.operator, RunRow.note)
        found = (column.icontains(text, autoescape=True) for column in texts)
        conditions.append(or_(*found))
    return conditions


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


def one_run(connection: Connection, experiment: str, number: int) -> RunRecord:
    """One run of an experiment.

    Raises:
        StoreError: there is none of that number.
    """
    found = next(runs(connection, experiment, RunRow.number == number), None)
    if found is None:
        raise StoreError(f"there is no run {number} of {experiment}")
    return found


def edit(
    connection: Connection,
    experiment: str,
    number: int,
    fields: Mapping[str, str],
    by: Origin,
) -> list[RunChange]:
    """Change what is written of a run that has ended; what was there is kept.

    Args:
        connection: in a transaction that writes.
        experiment: name of the experiment.
        number: of the run.
        fields: of its record, with new texts: title, comment, operator, kind.
        by: who does it.

    Returns:
        What was changed; nothing if it was so already.

    Raises:
        StoreError: there is no such run.
        RefusedError: it is open: its PVs are the way.
    """
    ours = select(ExperimentRow.id).where(_of(experiment))
    key = RunRow.number == number, RunRow.experiment_id == ours.scalar_subquery()
    connection.execute(select(RunRow.number).where(*key).with_for_update())
    record = one_run(connection, experiment, number)
    if record.entry is Entry.OPEN:
        raise RefusedError(f"Run {number} is open")
    changed = [
        RunChange(
            number=number,
            time=time.time(),
            field="class" if name == "kind" else name,
            old=getattr(record, name),
            new=text,
            origin=by,
        )
        for name, text in fields.items()
        if text != getattr(record, name)
    ]
    if not changed:
        return []
    texts: dict[str, Any] = dict(fields)
    row = _row(replace(record, **texts))
    connection.execute(
        update(RunRow).where(*key).values({name: row[name] for name in fields})
    )
    ids = {"experiment_id": connection.scalar(ours)}
    rows = [_row(change) | ids for change in changed]
    connection.execute(insert(RunChangeRow), rows)
    return changed


def _row(record: Any) -> dict[str, Any]:
    return entry(0, record, "").row


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
            count=row.readings,
            severity=Severity(row.severity),
        )


def values_alone(
    connection: Connection, experiment: str
) -> Iterator[tuple[int, str, Any]]:
    """Number of the run, name and value of all observables of all runs: quick."""
    table = RunValueRow
    statement = select(table.number, table.name, table.value).join(ExperimentRow)
    rows = connection.execute(statement.where(_of(experiment)))
    return ((number, name, value) for number, name, value in rows)


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
    shown = [  # a row is a tuple, whose count() is another thing
        column.label("readings") if column.name == "count" else column
        for column in columns
    ]
    statement = select(*shown).join(ExperimentRow).where(_of(experiment))
    if numbers is not None:
        statement = statement.where(columns.number.in_(numbers))
    yield from connection.execute(statement.order_by(*order))

"""Reads the runs of an experiment, with their observables, files and texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from daqpv.errors import StoreError
from daqpv.runs import (
    History,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunValue,
)
from daqpv.runs.record import kinds
from daqpv.store.reading import run_list
from daqpv.store.reading.reader import plain
from daqpv.store.reading.run_list import ALL, Choice
from daqpv.store.tables.models import EXPERIMENT, RUN, RUN_VALUE
from daqpv.store.tables.records import records


def history(connection: Connection, experiment: str) -> History:
    """The earlier runs as the run control needs them."""
    ours = EXPERIMENT.c.name == experiment
    numbers = connection.scalars(select(RUN.c.number).join(EXPERIMENT).where(ours))
    last = runs(connection, experiment, Choice(newest=1))
    return History(numbers=frozenset(numbers), last=last[0] if last else None)


def runs(
    connection: Connection, experiment: str, choice: Choice = ALL
) -> list[RunRecord]:
    """The selected runs of an experiment by their starts, the newest last."""
    return run_list.runs(plain(connection), experiment, choice)


def one_run(connection: Connection, experiment: str, number: int) -> RunRecord:
    """One run of an experiment.

    Raises:
        StoreError: no run has that number.
    """
    found = runs(connection, experiment, Choice(number=number))
    if not found:
        raise StoreError(f"there is no run {number} of {experiment}")
    return found[0]


def changes(
    connection: Connection, experiment: str, number: int
) -> Iterator[RunChange]:
    """The changes of a run, in order."""
    return records(connection, kinds.CHANGE, experiment, "id", number=number)


def values(
    connection: Connection, experiment: str, **wanted: int
) -> Iterator[RunValue]:
    """The observables of one run (``number=12``) or of all, by number and name."""
    return records(connection, kinds.VALUE, experiment, "number", "name", **wanted)


def values_alone(
    connection: Connection, experiment: str
) -> Iterator[tuple[int, str, Any]]:
    """Number of the run, name and value of all observables of all runs: quick."""
    table = RUN_VALUE.c
    statement = select(table.number, table.name, table.value).join(EXPERIMENT)
    rows = connection.execute(statement.where(EXPERIMENT.c.name == experiment))
    return ((number, name, value) for number, name, value in rows)


def pvs(connection: Connection, experiment: str, number: int) -> Iterator[RunPv]:
    """The values of chosen PVs at the start and the stop of a run."""
    return records(connection, kinds.PV, experiment, "moment", "pv", number=number)


def files(connection: Connection, experiment: str, number: int) -> Iterator[RunFile]:
    """The data files of a run."""
    return records(connection, kinds.FILE, experiment, "router", "path", number=number)


def documents(
    connection: Connection, experiment: str, number: int
) -> Iterator[RunDocument]:
    """The texts that belong to a run."""
    kind = kinds.DOCUMENT
    return records(connection, kind, experiment, "server", "name", number=number)

"""Selects runs of an experiment by their records.

The statement is plain SQL, the same for all engines. It works with SQLAlchemy and
without, and `daqpv runs list` does not import SQLAlchemy (daqpv.store.reading.quick).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daqpv.core.records.plain import microseconds
from daqpv.runs import RunRecord
from daqpv.runs.record.kinds import RUN
from daqpv.runs.record.records import FACTS

Execute = Callable[[str, Mapping[str, Any]], Iterable[Iterable[Any]]]
"""Sends a statement with its parameters (``:name``); gives the rows."""

_WILD = str.maketrans({"%": "!%", "_": "!_", "!": "!!"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Selects runs; a criterion that is left out selects all.

    Attributes:
        number: of the run.
        kind: its class.
        since: earliest start, UTC [s since 1970].
        text: a part of title, comment, operator or note, case-insensitive.
        newest: number of runs, those that began last.
    """

    number: int | None = None
    kind: str = ""
    since: float | None = None
    text: str = ""
    newest: int | None = None


ALL = Choice()


def runs(execute: Execute, experiment: str, choice: Choice = ALL) -> list[RunRecord]:
    """The selected runs of an experiment by their starts, the newest last."""
    parameters: dict[str, Any] = {"experiment": experiment}
    conditions = ["experiment.name = :experiment"]
    for condition, name, value in _conditions(choice):
        conditions.append(condition)
        parameters[name] = value
    order = "run.start, run.number"
    if choice.newest is not None:
        order = "run.start DESC, run.number DESC LIMIT :newest"
        parameters["newest"] = choice.newest
    rows = execute(
        f"SELECT {', '.join(f'run.{column}' for column in RUN.names)} FROM run "
        "JOIN experiment ON experiment.id = run.experiment_id "
        f"WHERE {' AND '.join(conditions)} ORDER BY {order}",
        parameters,
    )
    found = [RUN.decode(row) for row in rows]
    return found if choice.newest is None else found[::-1]


def _conditions(choice: Choice) -> Iterator[tuple[str, str, Any]]:
    """The conditions, each with the name and the value of its parameter."""
    if choice.number is not None:
        yield "run.number = :number", "number", choice.number
    if choice.kind:
        yield "run.kind = :kind", "kind", choice.kind
    if choice.since is not None:
        yield "run.start >= :since", "since", microseconds(choice.since)
    if choice.text:
        searched = (fact.column.name for fact in FACTS if fact.searched)
        each = (f"lower(run.{name}) LIKE lower(:text) ESCAPE '!'" for name in searched)
        yield f"({' OR '.join(each)})", "text", f"%{choice.text.translate(_WILD)}%"

"""Corrects the record of a run that has ended, and keeps the old values."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, select

from daqpv.core import Event, EventSeverity, Origin
from daqpv.errors import DaqError, RefusedError, quoted
from daqpv.runs import Entry, RunChange, RunRecord, RunValue
from daqpv.runs.record.records import WRITTEN
from daqpv.runs.record.values import read, value_text
from daqpv.store.reading.runs import one_run, values
from daqpv.store.tables.models import EXPERIMENT, RUN
from daqpv.store.tables.own import OWN
from daqpv.store.tables.records import Tables

if TYPE_CHECKING:
    from daqpv.runs.settings import Observable


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The new values of a run.

    Attributes:
        number: of the run.
        by: user and host.
        fields: of its record that operators write, with new texts.
        values: of its observables, as people write them; an empty text empties one.
        observables: that the experiment file has: a run may get one that it lacks.
    """

    number: int
    by: Origin
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    observables: Mapping[str, Observable] = field(default_factory=dict)


class _Written(NamedTuple):
    """A changed value, with its new record."""

    field: str
    old: str
    new: str
    record: RunRecord | RunValue


def edit(connection: Connection, experiment: str, wanted: Edit) -> list[RunChange]:
    """Change the record of a run that has ended, and log the change as an event.

    Args:
        connection: in a transaction that writes.
        experiment: name of the experiment.
        wanted: the new values.

    Returns:
        The changes; empty if the values were the same already.

    Raises:
        StoreError: there is no such run.
        RefusedError: the run is open: write to its PVs instead.
        DaqError: it has no such observable, or the text is no value of one.
    """
    experiment_id, record = _ended(connection, experiment, wanted.number)
    found = values(connection, experiment, number=wanted.number)
    known = {one.name: one for one in found}
    written = [*_fields(record, wanted), *_values(known, wanted)]
    now = time.time()
    changes = [
        RunChange(
            number=wanted.number,
            time=now,
            field=one.field,
            old=one.old,
            new=one.new,
            origin=wanted.by,
        )
        for one in written
    ]
    events = [_event(changes)] if changes else []
    process = f"runs@{wanted.by.host}"
    records = (*(one.record for one in written), *changes, *events)
    entries = [OWN.entry(0, each, process) for each in records]
    Tables(OWN).put(connection, experiment_id, entries)
    return changes


def _ended(
    connection: Connection, experiment: str, number: int
) -> tuple[int, RunRecord]:
    """Number of the experiment in the store, and the run, locked for this change.

    Raises:
        StoreError: there is no such run.
        RefusedError: it is open.
    """
    ours = select(EXPERIMENT.c.id).where(EXPERIMENT.c.name == experiment)
    experiment_id = connection.scalar(ours) or 0
    key = RUN.c.number == number, RUN.c.experiment_id == experiment_id
    connection.execute(select(RUN.c.number).where(*key).with_for_update())
    record = one_run(connection, experiment, number)
    if record.entry is Entry.OPEN:
        raise RefusedError(f"Run {number} is open")
    return experiment_id, record


def _fields(record: RunRecord, wanted: Edit) -> Iterator[_Written]:
    """The fields that change; the last has the record with all of them."""
    facts = {fact.name: fact for fact in WRITTEN}
    for name, text in wanted.fields.items():
        old = getattr(record, name)
        if text != old:
            new: dict[str, Any] = {name: text}
            record = replace(record, **new)
            yield _Written(facts[name].public_name, old, text, record)


def _values(known: Mapping[str, RunValue], wanted: Edit) -> Iterator[_Written]:
    """The observables that change.

    Raises:
        DaqError: the run has no such observable, or the text is no value of one.
    """
    for name, text in wanted.values.items():
        old = known.get(name) or _defined(name, known, wanted)
        try:
            value = read(text, old.type)
        except ValueError:
            raise DaqError(
                f"{name} is of type {old.type}, not {quoted(text)}"
            ) from None
        if value != old.value:
            new = replace(old, value=value)
            yield _Written(f"Par:{name}", value_text(old.value), value_text(value), new)


def _defined(name: str, known: Mapping[str, RunValue], wanted: Edit) -> RunValue:
    """An observable that the run does not have yet, as the file says.

    Raises:
        DaqError: the file has none of that name, either.
    """
    one = wanted.observables.get(name)
    if one is None:
        names = ", ".join(dict.fromkeys((*wanted.observables, *known))) or "none"
        raise DaqError(f"run {wanted.number} has no observable {name}: {names}")
    return RunValue(number=wanted.number, name=name, type=one.type, units=one.units)


def _event(changes: Sequence[RunChange]) -> Event:
    first = changes[0]
    what = (f"{one.field} {_shown(one.old)} -> {_shown(one.new)}" for one in changes)
    return Event(
        time=first.time,
        severity=EventSeverity.INFORMATION,
        name="run edited",
        text=f"Run {first.number} edited: {', '.join(what)}",
        device="Run",
        fields={"number": first.number} | {one.field: one.new for one in changes},
        origin=first.origin,
        function=f"{__name__}.edit",
    )


def _shown(text: str) -> str:
    """A word as it is; what is empty or longer in quotes."""
    return text if text and " " not in text else quoted(text)

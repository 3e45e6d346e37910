"""Reads the log of events from the store, by time, device, severity and origin.

Events are read along an index in the order of time, page by page: the newest of
millions come at once, and all of them need little memory. There is one stream for each
selected device and severity, and the streams are merged.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from daqpv.core import Event, EventSeverity, last_name
from daqpv.store.tables.models import EVENT, EXPERIMENT
from daqpv.store.tables.own import EVENT as KIND
from daqpv.store.tables.own import SEVERITIES

PROCESS = "-"
"""What stands for the device of an event that belongs to the process."""

_RUN = "Run"  # the device of the run control

LAG = 3.0  # [s] by which a row may appear after rows with higher numbers
_FIRST_PAGE = 100  # rows
_PAGE = 2000  # rows

_EVENT = EVENT.c
_TIME, _ID = _EVENT.time, _EVENT.id
_COLUMNS = [_ID, *(_EVENT[name] for name in KIND.names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Selects events; a criterion that is left out selects all.

    Names and devices are case-insensitive patterns (``*``, ``?``).

    Attributes:
        since: not before, UTC [s since 1970].
        until: before, UTC [s since 1970].
        severity: the lowest one.
        device: PV name part, ``ECC:CoBo3``, or its last part, ``CoBo3``; "-" is the
            process.
        name: of the event.
        who: ``user@host``, or the user alone.
        text: a part of the sentence, case-insensitive.
        run: adds the events of this run after `until`: its files were moved, or its
            record was edited.
    """

    since: float | None = None
    until: float | None = None
    severity: EventSeverity = EventSeverity.INFORMATION
    device: str = ""
    name: str = ""
    who: str = ""
    text: str = ""
    run: int | None = None

    def has_device(self, device: str) -> bool:
        """Whether events of `device` are selected."""
        device, pattern = (device or PROCESS).lower(), self.device.lower()
        return (
            not pattern
            or fnmatchcase(device, pattern)
            or fnmatchcase(last_name(device), pattern)
        )


class KeptEvent(NamedTuple):
    """An event of the store.

    Attributes:
        id: the order in which events came to the store.
    """

    id: int
    event: Event


def newest(
    connection: Connection, experiment: str, selection: Selection, limit: int
) -> list[KeptEvent]:
    """The newest `limit` selected events, oldest first."""
    streams = _streams(connection, experiment, selection, newest_first=True)
    rows = merge(*streams, key=_order, reverse=True)
    return [_kept(row) for row in islice(rows, limit)][::-1]


def every(
    connection: Connection, experiment: str, selection: Selection
) -> Iterator[KeptEvent]:
    """All selected events, oldest first, in little memory."""
    streams = _streams(connection, experiment, selection, newest_first=False)
    return map(_kept, merge(*streams, key=_order))


class Follower:
    """Reads new events in the order in which they come to the store.

    Numbers are given before a transaction is committed: with several processes a row
    may appear after rows with higher numbers. So the last `LAG` is searched again.
    """

    def __init__(
        self, connection: Connection, experiment: str, selection: Selection
    ) -> None:
        self._experiment = experiment
        self._selection = selection
        low = _last_id(connection) - _PAGE
        self._tops = deque([(time.monotonic(), low)])
        self._seen = set(connection.scalars(select(_ID).where(low < _ID)))

    def skip(self, shown: Iterable[KeptEvent]) -> None:
        """Leave out events that are known already."""
        low = self._tops[0][1]
        self._seen.update(one.id for one in shown if one.id > low)

    def news(self, connection: Connection) -> Iterator[KeptEvent]:
        """The new selected events; read all of them before the next call."""
        now = time.monotonic()
        while len(self._tops) > 1 and self._tops[1][0] < now - LAG:
            self._tops.popleft()
        low, top = self._tops[0][1], _last_id(connection)
        self._seen = {number for number in self._seen if number > low}
        experiment_id = _experiment_id(connection, self._experiment)
        if top == low or experiment_id is None:
            return
        statement = (
            select(*_COLUMNS)
            .where(*_conditions(experiment_id, self._selection))
            .where(_EVENT.severity.in_(_severities(self._selection)), top >= _ID)
            .order_by(_ID)
            .limit(_PAGE)
        )
        while rows := connection.execute(statement.where(low < _ID)).all():
            low = rows[-1].id
            for row in rows:
                if row.id in self._seen or not self._selection.has_device(row.device):
                    continue
                self._seen.add(row.id)
                yield _kept(row)
        self._tops.append((now, top))  # only now: unread events are read again


def devices(connection: Connection, experiment: str) -> Iterator[str]:
    """All devices that have events, hopping from one to the next along the index."""
    device, number = _EVENT.device, _experiment_id(connection, experiment)
    ours = select(func.min(device)).where(_EVENT.experiment_id == number)
    found = connection.scalar(ours)
    while found is not None:
        yield found
        found = connection.scalar(ours.where(device > found))


# -- along the indexes -----------------------------------------------------------------


def _streams(
    connection: Connection,
    experiment: str,
    selection: Selection,
    *,
    newest_first: bool,
) -> list[Iterator[Row[Any]]]:
    """The selected rows in streams, each in the order of time."""
    experiment_id = _experiment_id(connection, experiment)
    if experiment_id is None:
        return []
    parts: list[list[ColumnElement[bool]]] = [[]]
    by_severity = [_EVENT.severity == n for n in _severities(selection)]
    if selection.device:
        wanted = filter(selection.has_device, devices(connection, experiment))
        by_device = [_EVENT.device == name for name in wanted]
        parts = [[device, severity] for device in by_device for severity in by_severity]
    elif len(by_severity) < len(SEVERITIES):
        parts = [[severity] for severity in by_severity]
    conditions = list(_conditions(experiment_id, selection))
    parts = [[*conditions, *part] for part in parts]
    parts += _later(experiment_id, selection)
    return [_stream(connection, part, newest_first=newest_first) for part in parts]


def _later(
    experiment_id: int, selection: Selection
) -> Iterator[list[ColumnElement[bool]]]:
    """The events of the selected run after `until`."""
    if selection.run is None or selection.until is None:
        return
    if not selection.has_device(_RUN):
        return
    since = replace(selection, since=selection.until, until=None)
    number = json.dumps({"number": selection.run}).strip("{}")
    names_it = (_EVENT.fields.contains(f"{number}{end}") for end in ",}")
    conditions = [
        *_conditions(experiment_id, since),
        _EVENT.device == _RUN,
        or_(*names_it),
    ]
    for severity in _severities(selection):
        yield [*conditions, _EVENT.severity == severity]


def _stream(
    connection: Connection, conditions: list[ColumnElement[bool]], *, newest_first: bool
) -> Iterator[Row[Any]]:
    order = (_TIME.desc(), _ID.desc()) if newest_first else (_TIME, _ID)
    statement = select(*_COLUMNS).where(*conditions).order_by(*order)
    size, page = _FIRST_PAGE, statement.limit(_FIRST_PAGE)
    while True:
        rows = connection.execute(page).all()
        yield from rows
        if len(rows) < size:
            return
        size = min(2 * size, _PAGE)
        page = statement.where(_beyond(rows[-1], newest_first)).limit(size)


def _beyond(row: Row[Any], newest_first: bool) -> ColumnElement[bool]:
    """The condition for rows after `row`; its first part uses an index."""
    if newest_first:
        return and_(row.time >= _TIME, or_(row.time > _TIME, row.id > _ID))
    return and_(row.time <= _TIME, or_(row.time < _TIME, row.id < _ID))


def _order(row: Row[Any]) -> tuple[int, int]:
    return row.time, row.id


# -- the conditions --------------------------------------------------------------------


def _conditions(
    experiment_id: int, selection: Selection
) -> Iterator[ColumnElement[bool]]:
    """The conditions other than device and severity."""
    yield _EVENT.experiment_id == experiment_id
    if selection.since is not None:
        yield round(selection.since * 1e6) <= _TIME
    if selection.until is not None:
        yield round(selection.until * 1e6) > _TIME
    if selection.name:
        yield _like(_EVENT.name, selection.name)
    if selection.who:
        who = (selection.who, f"{selection.who}@*")
        yield or_(*(_like(_EVENT.who, pattern) for pattern in who))
    if selection.text:
        yield _EVENT.text.icontains(selection.text, autoescape=True)


def _severities(selection: Selection) -> range:
    return range(SEVERITIES.index(selection.severity), len(SEVERITIES))


_WILD = str.maketrans({"*": "%", "?": "_", "%": "!%", "_": "!_", "!": "!!"})


def _like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    wanted = pattern.lower().translate(_WILD)
    return func.lower(column).like(wanted, escape="!")


# -- rows ------------------------------------------------------------------------------


def _experiment_id(connection: Connection, experiment: str) -> int | None:
    named = EXPERIMENT.c.name == experiment
    return connection.scalar(select(EXPERIMENT.c.id).where(named))


def _last_id(connection: Connection) -> int:
    return connection.scalar(select(func.max(_ID))) or 0


def _kept(row: Row[Any]) -> KeptEvent:
    return KeptEvent(row[0], KIND.decode(row[1:]))

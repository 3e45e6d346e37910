"""Records the run sheet: observables written by hand or read from PVs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from daqpv.core import (
    UNDEFINED,
    Commanded,
    CommandSnapshot,
    Events,
    Reading,
    Readings,
    Severity,
    origin,
)
from daqpv.errors import RefusedError
from daqpv.runs.record.conversion import converted, plain, written_reading
from daqpv.runs.record.counts import Counts, counted
from daqpv.runs.record.records import RunChange, RunPv, RunRecord, RunValue
from daqpv.runs.record.tally import Tally
from daqpv.runs.record.values import Value, is_value, value_text
from daqpv.runs.settings import RunSettings
from daqpv.runs.states import Entry, RunEvent

KEEP = 30.0  # [s] between two moments at which the statistics are kept for a restart


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSheet:
    """The observables of the open run, or of the last one.

    Attributes:
        number: of the run.
        tallies: of the observables that are read, by name.
        end: the records at its end; None while it is open.
    """

    number: int
    tallies: dict[str, Tally] = field(default_factory=dict)
    end: tuple[RunValue | RunPv, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class SheetSnapshot(CommandSnapshot):
    """The run sheet.

    Attributes:
        values: the present readings of the observables, by name.
        written: values written by hand, by name; without empty ones.
        run: observables of the open or the last run, kept for a restart.
    """

    values: Mapping[str, Reading] = field(default_factory=dict)
    written: dict[str, int | float | str] = field(default_factory=dict)
    run: RunSheet | None = None

    @property
    def open_run(self) -> int | None:
        """Number of the open run; None: no run is open."""
        is_open = self.run is not None and self.run.end is None
        return self.run.number if self.run is not None and is_open else None


class Sheet(Commanded[SheetSnapshot]):
    """Records the observables of each run, and snapshots of PVs.

    The readings of an observable are counted from the start of a run to its end. After
    a restart in an open run, the counting goes on from the statistics that were kept
    last (`KEEP`), without the time between.

    Args:
        settings: of the experiment file.
        readings: of any PV.
        keep: keeps a record.
        settled: waits until what was written would survive a kill.
        events: where events go.
        prefix: of its PVs.
        snapshot: what it was before a restart.
        open_run: number of the run that was open then; None: no run.
    """

    def __init__(  # noqa: PLR0913 - it joins all that a sheet is about
        self,
        settings: RunSettings,
        *,
        readings: Readings,
        keep: Callable[[Any], None],
        settled: Callable[[], Awaitable[None]] | None = None,
        events: Events,
        prefix: str = "",
        snapshot: SheetSnapshot,
        open_run: int | None = None,
    ) -> None:
        super().__init__("Run sheet", snapshot, events=events, prefix=prefix)
        self._observables = settings.observables
        self._sources = {
            name: one.pv for name, one in self._observables.items() if one.pv
        }
        self._pvs = settings.snapshot
        self._readings = readings
        self._keep = keep
        self._settled = settled
        self._counts = Counts(self._sources)
        before = self._written_before(snapshot, open_run)
        now = self.clock.time()
        if snapshot.open_run not in (None, open_run):
            self.change(replace(self.snapshot, run=None))
        self.change(
            replace(
                self.snapshot,
                written=before,
                values={
                    name: Reading(value=None, alarm=UNDEFINED, time=now)
                    if name in self._sources
                    else written_reading(one, before.get(name), now)
                    for name, one in self._observables.items()
                },
            )
        )

    def _written_before(
        self, snapshot: SheetSnapshot, open_run: int | None
    ) -> dict[str, int | float | str]:
        """The values written by hand before a restart that are still valid."""
        run = snapshot.run
        is_ending = run is not None and run.number == open_run and run.end is not None
        return {
            name: value
            for name, value in snapshot.written.items()
            if self._is_written(name)
            and is_value(value, self._observables[name].type)
            and (self._observables[name].keep or not is_ending)
        }

    async def run(self) -> None:
        """Follow the PVs until cancelled."""
        ends = []
        try:
            for name, pv in self._sources.items():
                ends.append(self._readings.watch(pv, partial(self._read, name)))
            for pv in self._pvs:
                self._readings.latest(pv)  # subscribe to it
            while True:
                await asyncio.sleep(KEEP)
                self._keep_tallies()
        finally:
            for end in ends:
                end()

    # Puts of operators

    async def write(self, name: str, value: Value) -> None:
        """Set an observable of the open run, else of the next; NaN or "" empties it.

        Done when the value would survive a kill.

        Raises:
            RefusedError: it is not a valid value.
        """
        if isinstance(value, float) and math.isinf(value):
            error = RefusedError(f"{name}: {value} is not a finite number")
            self.refuse(f"write {name}", error)
            raise error
        if value == "" or (isinstance(value, float) and math.isnan(value)):
            value = None
        snapshot = self.snapshot
        old = snapshot.written.get(name)
        if value == old:
            return
        written = {k: v for k, v in snapshot.written.items() if k != name}
        if value is not None:
            written[name] = value
        reading = written_reading(self._observables[name], value, self.clock.time())
        self._set(name, reading, written=written)
        if snapshot.open_run is not None:
            self._keep_change(snapshot.open_run, name, old, value)
        if self._settled is not None:
            await self._settled()

    def _keep_change(self, number: int, name: str, old: Value, new: Value) -> None:
        """Record a put to an observable of the open run."""
        self._keep(self._value(number, name))
        self._keep(
            RunChange(
                number=number,
                time=self.clock.time(),
                field=f"Par:{name}",
                old=value_text(old),
                new=value_text(new),
                origin=origin.get(),
            )
        )

    # Readings of PVs

    def _read(self, name: str, reading: Reading) -> None:
        value, alarm = converted(self._observables[name], reading)
        self._counts.read(name, value, alarm.severity)
        self._set(name, Reading(value=value, alarm=alarm, time=reading.time))

    def _severities(self) -> dict[str, Severity]:
        return {name: one.severity for name, one in self.snapshot.values.items()}

    def _keep_tallies(self) -> None:
        """Keep the statistics of the open run until now for a restart."""
        tallies = self._counts.now()
        if tallies is None or self.snapshot.run is None:
            return
        self.change(
            replace(self.snapshot, run=replace(self.snapshot.run, tallies=tallies))
        )

    # Begin and end of runs

    def observe(self, record: RunRecord, event: RunEvent) -> None:
        """Handle a begin, a restart in an open run, or an end (`Books.observe`)."""
        known = self.snapshot.run
        if record.entry is not Entry.OPEN:
            self._end(record.number, event)
        elif known is not None and known.number == record.number:
            self._go_on(known)
        else:
            self._begin(record.number)

    def _begin(self, number: int) -> None:
        tallies = self._counts.begin(self._severities())
        self.change(
            replace(self.snapshot, run=RunSheet(number=number, tallies=tallies))
        )
        for name in self._observables:
            self._keep(self._value(number, name))
        for one in self._pvs_now(number, "start"):
            self._keep(one)

    def _go_on(self, known: RunSheet) -> None:
        self.change(replace(self.snapshot, run=replace(known, end=None)))
        self._counts.go_on(known.tallies, self._severities())

    def _end(self, number: int, event: RunEvent) -> None:
        """Record the end of a run, unless it is recorded already."""
        if self.snapshot.open_run not in (None, number):
            return  # another run has begun since
        self._keep_tallies()
        self._counts.end()
        run = self.snapshot.run
        if run is None or run.number != number:
            run = RunSheet(number=number)
        if run.end is None:
            is_seen = event is not RunEvent.FOUND_STOPPED  # else it ended long ago
            run = replace(run, end=tuple(self._ending(number, is_seen=is_seen)))
            self.change(
                replace(self.snapshot, run=run)
            )  # before the store: a kill may come between them
            for name in tuple(self.snapshot.written):
                if not self._observables[name].keep:
                    self._empty(name)
        for one in run.end or ():
            self._keep(one)

    def _ending(self, number: int, *, is_seen: bool) -> Iterator[RunValue | RunPv]:
        is_known = self.snapshot.open_run == number
        for name in self._observables:
            if is_known or self._is_written(name):
                yield self._value(number, name, is_end=is_seen)
        if is_seen:
            yield from self._pvs_now(number, "stop")

    def _empty(self, name: str) -> None:
        written = {k: v for k, v in self.snapshot.written.items() if k != name}
        self._set(
            name,
            written_reading(self._observables[name], None, self.clock.time()),
            written=written,
        )

    def _pvs_now(self, number: int, moment: str) -> Iterator[RunPv]:
        for pv in self._pvs:
            reading = self._readings.latest(pv)
            yield RunPv(
                number=number,
                moment=moment,
                pv=pv,
                value=plain(reading.shown),
                severity=reading.severity,
                time=reading.time,
            )

    def _value(self, number: int, name: str, *, is_end: bool = False) -> RunValue:
        """The record of an observable of the open run."""
        one, known = self._observables[name], self.snapshot.run
        value = RunValue(number=number, name=name, type=one.type, units=one.units)
        if one.pv is None:
            return replace(value, value=self.snapshot.written.get(name))
        tallies = known.tallies if known and known.number == number else {}
        stop = self._counts.current(name) if is_end else None
        return counted(value, one.takes, tallies.get(name, Tally()), stop=stop)

    def _is_written(self, name: str) -> bool:
        """Whether an observable is written by hand."""
        return name in self._observables and name not in self._sources

    def _set(self, name: str, reading: Reading, **fields: Any) -> None:
        self.change(
            replace(
                self.snapshot, values={**self.snapshot.values, name: reading}, **fields
            )
        )

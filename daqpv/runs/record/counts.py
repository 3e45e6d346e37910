"""Counts what is read of observables from the start of a run to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from daqpv.core import Severity
from daqpv.runs.record.records import RunValue
from daqpv.runs.record.tally import Tally
from daqpv.runs.record.values import Value
from daqpv.runs.settings import ObservableType, Take


class Counts:
    """The current values of observables, and their statistics in the open run.

    Args:
        names: of the observables that are read from PVs.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._current: dict[str, Value] = {}  # by name
        self._since: dict[str, float] = {}  # when that was counted last [loop]
        self._tallies: dict[str, Tally] | None = None  # None: nothing is counted

    def current(self, name: str) -> Value:
        """The value now; None: it is not known."""
        return self._current.get(name)

    def now(self) -> dict[str, Tally] | None:
        """The statistics until now; None: no run is open."""
        if self._tallies is None:
            return None
        for name in self._tallies:
            self._pass_time(name)
        return dict(self._tallies)

    def begin(self, severities: Mapping[str, Severity]) -> dict[str, Tally]:
        """Count from now on; return the statistics of the first readings."""
        self._tallies = {}
        for name in self._names:
            start = self._current.get(name)
            self._tallies[name] = Tally(start=start).read(start, severities[name])
            self._since[name] = asyncio.get_running_loop().time()
        return dict(self._tallies)

    def go_on(
        self, known: Mapping[str, Tally], severities: Mapping[str, Severity]
    ) -> None:
        """Count from now on, after a restart in a run with the statistics `known`."""
        self._tallies = {}
        for name in self._names:
            tally, value = known.get(name, Tally()), self._current.get(name)
            if value is not None:  # else it has not come yet
                tally = tally.read(value, severities[name])
            self._tallies[name] = tally
            self._since[name] = asyncio.get_running_loop().time()

    def end(self) -> None:
        """Count no more: the run has ended."""
        self._tallies = None

    def read(self, name: str, value: Value, severity: Severity) -> None:
        """Count a reading; None: it gives no value."""
        self._pass_time(name)
        self._current[name] = value
        if self._tallies is not None:
            self._tallies[name] = self._tallies[name].read(value, severity)

    def _pass_time(self, name: str) -> None:
        """Count the time since the value of an observable was counted last."""
        now = asyncio.get_running_loop().time()
        since = self._since.get(name, now)
        self._since[name] = now
        if self._tallies is not None:
            value = self._current.get(name)
            self._tallies[name] = self._tallies[name].passed(value, now - since)


def counted(value: RunValue, takes: Take, tally: Tally, *, stop: Value) -> RunValue:
    """`value` with the statistics of a run, and its last reading."""
    mean = None if value.type == ObservableType.STRING else tally.mean
    taken = {
        Take.MEAN: tally.start if mean is None else mean,
        Take.START: tally.start,
        Take.STOP: stop,
        Take.LOW: tally.low,
        Take.HIGH: tally.high,
    }
    return replace(
        value,
        value=taken[takes],
        start=tally.start,
        stop=stop,
        mean=mean,
        low=tally.low,
        high=tally.high,
        count=tally.count,
        severity=tally.severity,
    )

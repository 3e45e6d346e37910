"""The calculated channels of one instrument: readings made of readings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from daqpv.core import NO_ALARM, Alarm, Reading, Severity, Status
from daqpv.instruments.formula.circles import in_order, refuse_constant
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.formula import Formula
from daqpv.instruments.formula.parsing import pv_key
from daqpv.instruments.formula.references import References, references
from daqpv.instruments.formula.results import Calc
from daqpv.instruments.formula.values import State


@dataclass(frozen=True, slots=True)
class _Part:
    """A calculated channel, ready to be computed.

    Attributes:
        inputs: keys of the readings, by the names in the formula.
    """

    calc: Calc
    formula: Formula
    inputs: Mapping[str, str]


class Calculated:
    """The calculated channels of one instrument, in the order of their needs.

    Readings have the names that formulas use: ``pressure``, ``gas.pressure`` of another
    instrument, ``pv("LAB:BEAM:I")``. `compute` computes what has changed inputs.

    The reading of a calculated channel has the worst severity of its inputs (status
    LINK) and the newest time. If an input is missing or INVALID, or the formula has no
    result (status CALC), it is INVALID without a value; the reason says which and why.

    Args:
        instrument: its name; its channels may be named with it, too.
        calcs: the calculated channels, by key.
        channels: keys of its other channels.
        others: channels of other instruments, ``gas.pressure``; None: any, and whether
            they exist is found by `formula_conflicts`.

    Attributes:
        order: keys of the calculated channels, each after those that it needs.
        needs: what they are made of; `own` are channels that are not calculated.

    Raises:
        FormulaError: a formula cannot be used, has an unknown name or names no channel,
            or is part of a circle.
    """

    def __init__(
        self,
        instrument: str,
        calcs: Mapping[str, Calc],
        *,
        channels: Collection[str],
        others: Collection[str] | None = None,
    ) -> None:
        keys = {*channels, *calcs}
        names = keys | {f"{instrument}.{key}" for key in keys}
        self._parts = {
            key: _part(instrument, key, calc, names, others)
            for key, calc in calcs.items()
        }
        graph = {
            (instrument, key): [(instrument, one) for one in part.inputs.values()]
            for key, part in self._parts.items()
        }
        self.order = tuple(key for _, key in in_order(graph))
        self.needs = self._needs(instrument)
        self._seen: dict[str, Reading | None] = {}
        self._made: dict[str, Reading] = {}

    def _needs(self, instrument: str) -> References:
        named = [references(one.formula, instrument) for one in self._parts.values()]
        own = (key for one in named for key in one.own if key not in self._parts)
        return References(
            tuple(dict.fromkeys(own)),
            tuple(dict.fromkeys(other for one in named for other in one.others)),
            tuple(dict.fromkeys(pv for one in named for pv in one.pvs)),
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the readings that `compute` needs."""
        others = (f"{owner}.{key}" for owner, key in self.needs.others)
        return (*self.needs.own, *others, *map(pv_key, self.needs.pvs))

    def compute(self, readings: Mapping[str, Reading]) -> dict[str, Reading]:
        """Compute the channels whose inputs have changed; at first, all.

        Args:
            readings: the present ones by name; further ones do no harm.

        Returns:
            The readings that were computed now, by key.
        """
        changed = {name for name in self.inputs if self._take(name, readings)}
        now: dict[str, Reading] = {}
        for key in self.order:
            part = self._parts[key]
            if changed.isdisjoint(part.inputs.values()):
                continue
            now[key] = self._made[key] = _computed(part, self._given(part))
            changed.add(key)
        return now

    def _take(self, name: str, readings: Mapping[str, Reading]) -> bool:
        """Keep the reading `name`; return whether it has changed."""
        new, is_new = readings.get(name), name not in self._seen
        old = self._seen.get(name)
        self._seen[name] = new
        return is_new or not _is_same(old, new)

    def _given(self, part: _Part) -> dict[str, Reading | None]:
        """The readings of a formula's inputs, by the names that it has for them."""
        return {
            name: self._made.get(key) if key in self._parts else self._seen[key]
            for name, key in part.inputs.items()
        }


def _part(
    instrument: str,
    key: str,
    calc: Calc,
    names: set[str],
    others: Collection[str] | None,
) -> _Part:
    if others is None:
        others = [name for name in Formula(calc.formula).names if "." in name]
    formula = Formula(calc.formula, names=names.union(others), foreign=True)
    refuse_constant(key, formula)
    own = f"{instrument}."
    return _Part(calc, formula, {one: one.removeprefix(own) for one in formula.names})


def _is_same(old: Reading | None, new: Reading | None) -> bool:
    if old is new:
        return True
    if old is None or new is None or not isinstance(new.value, int | float | str):
        return False  # arrays are not compared
    return type(old.value) is type(new.value) and old == new


def _computed(part: _Part, given: Mapping[str, Reading | None]) -> Reading:
    time = max((one.time for one in given.values() if one is not None), default=0.0)
    alarm, name = max(
        ((_alarm(reading), name) for name, reading in given.items()),
        key=lambda one: one[0].severity,
    )
    if alarm.severity is not Severity.NO_ALARM:
        reason = f"{name}: {alarm.reason or alarm.status.name}"
        status = Status.UDF if alarm.status is Status.UDF else Status.LINK
        alarm = Alarm(alarm.severity, status, reason)
    if alarm.severity is Severity.INVALID:
        return Reading(value=None, alarm=alarm, time=time)
    values = {name: _value(one) for name, one in given.items() if one is not None}
    try:
        value, label = part.calc.shaped(part.formula(values))
    except FormulaError as error:
        alarm = Alarm(Severity.INVALID, Status.CALC, error.what)
        return Reading(value=None, alarm=alarm, time=time)
    return Reading(value=value, label=label, alarm=alarm, time=time)


def _alarm(reading: Reading | None) -> Alarm:
    """The alarm of an input; INVALID if it has no value."""
    if reading is None:
        return Alarm(Severity.INVALID, Status.UDF, "no value yet")
    if reading.severity is Severity.INVALID:
        return reading.alarm
    value = reading.value
    if value is None:
        return Alarm(Severity.INVALID, Status.UDF, "no value")
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN
        return Alarm(Severity.INVALID, Status.CALC, "not a number")
    return reading.alarm if reading.severity else NO_ALARM


def _value(reading: Reading) -> Any:
    if reading.label and isinstance(reading.value, int):
        return State(reading.value, reading.label)
    return reading.value

"""The channels that are computed, and the values of others that they need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from daqpv.core import UNDEFINED, Reading, Readings
from daqpv.instruments.formula.calculated import Calculated
from daqpv.instruments.formula.results import Calc
from daqpv.instruments.settings.channel import Channel


class PvOf(Protocol):
    """Gives the PV of a channel of another instrument."""

    def __call__(self, instrument: str, channel: str) -> str:
        """The name of its PV."""


class Inputs:
    """The calculated channels of an instrument.

    Args:
        formulas: of the calculated channels.
        pvs: the PV of each name in the formulas that is not a channel of the same
            instrument: ``gas.pressure``, ``pv("LAB:BEAM:I")``.
        readings: reads them.
    """

    def __init__(
        self, formulas: Calculated, pvs: Mapping[str, str], readings: Readings
    ) -> None:
        self._formulas = formulas
        self._pvs = pvs
        self._readings = readings
        self._foreign: dict[str, Reading] = {}
        self._ends: list[Callable[[], None]] = []

    @classmethod
    def of(
        cls,
        instrument: str,
        channels: Mapping[str, Channel],
        *,
        readings: Readings,
        pv_of: PvOf,
    ) -> Inputs:
        """The calculated ones of `channels`.

        Args:
            instrument: its name.
            channels: settings by key.
            readings: reads the values of others.
            pv_of: the PVs of other instruments.

        Raises:
            FormulaError: a formula cannot be used.
        """
        calcs, read = {}, []
        for key, channel in channels.items():
            name = channel.name or key
            if channel.calc is None:
                read.append(name)
            else:
                labels = tuple(state.label for state in channel.states)
                calcs[name] = Calc(channel.calc, type=channel.type, states=labels)
        formulas = Calculated(instrument, calcs, channels=read)
        needs = formulas.needs
        pvs = {f"{one}.{channel}": pv_of(one, channel) for one, channel in needs.others}
        pvs |= {f'pv("{name}")': name for name in needs.pvs}
        return cls(formulas, pvs, readings)

    def __bool__(self) -> bool:
        """Whether there is a calculated channel."""
        return bool(self.names)

    @property
    def names(self) -> Collection[str]:
        """The calculated channels."""
        return self._formulas.order

    def follow(self, changed: Callable[[], None]) -> None:
        """Call `changed` when readings of other instruments and PVs have changed."""
        for name, pv in self._pvs.items():

            def show(reading: Reading, name: str = name) -> None:
                self._foreign[name] = reading
                changed()

            self._ends.append(self._readings.watch(pv, show))

    def leave(self) -> None:
        """Follow them no longer."""
        while self._ends:
            self._ends.pop()()

    def computed(self, values: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """The calculated channels whose inputs have changed.

        Args:
            values: the present readings of the instrument.
        """
        return self._formulas.compute({**values, **self._foreign})

    def unread(self) -> dict[str, Reading]:
        """The readings before the first contact."""
        return {name: Reading(value=None, alarm=UNDEFINED) for name in self.names}

"""Simulates the instruments of an experiment file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from daqpv.errors import SimulatorError, counted
from daqpv.instruments.driver.installed import scheme_of
from daqpv.instruments.settings import InstrumentSettings
from daqpv.sim.instruments.places import MAKERS, place_of
from daqpv.sim.instruments.simulator import InstrumentSimulator


class SimulatedInstruments:
    """Simulators of instruments (daqpv.core.stage.Simulated).

    Args:
        settings: of all instruments, by name.
        folder: of the files that they write; they get addresses of their own. None:
            they take the addresses of the file.
        speed: their time runs so many times faster.
        seed: of their noise; None: another one each time.

    Attributes:
        simulators: by name.

    Raises:
        SimulatorError: a section `simulator` is wrong, or an address is not one of this
            computer.
    """

    def __init__(
        self,
        settings: Mapping[str, InstrumentSettings],
        folder: Path | None,
        speed: float = 1.0,
        *,
        seed: int | None = None,
    ) -> None:
        self.simulators: dict[str, InstrumentSimulator] = {}
        self._left_out: dict[str, str] = {}  # why, by name
        self._folder = folder
        for name, one in settings.items():
            scheme = _scheme(name, one)
            if scheme is not None and scheme in MAKERS:
                made = InstrumentSimulator(name, one, speed=speed, seed=seed)
                made.place = place_of(made, scheme, folder)
                self.simulators[name] = made
            elif scheme is not None:
                self._left_out[name] = f"{scheme}: has no simulator"
        number = len(self.simulators)
        self.title = counted(number, "simulated instrument") if number else ""

    async def run(self, ready: Callable[[], None]) -> None:
        """Simulate until cancelled.

        Raises:
            SimulatorError: one cannot be started, or a formula has no result.
        """
        async with AsyncExitStack() as stack:
            for simulator in self.simulators.values():
                await stack.enter_async_context(simulator)
            ready()
            async with asyncio.TaskGroup() as tasks:
                for simulator in self.simulators.values():
                    tasks.create_task(simulator.live())

    def places(self) -> Mapping[str, str]:
        """The place of each: "at tcp://127.0.0.1:4001"."""
        return {name: f"at {one.place.url}" for name, one in self.simulators.items()}

    def changes(self) -> Mapping[tuple[str, ...], object]:
        """Their addresses. What cannot be simulated is disabled: it is real."""
        found: dict[tuple[str, ...], object] = {}
        for name, one in self.simulators.items():
            if one.settings.file is not None:
                found[name, "file"] = one.place.url
            else:
                found[name, "connection"] = one.connection
        found |= {(name, "enable"): False for name in self._left_out}
        return found


def _scheme(name: str, settings: InstrumentSettings) -> str | None:
    try:
        return scheme_of(settings)
    except ValueError as error:
        raise SimulatorError(f"{name}: connection: {error}") from error

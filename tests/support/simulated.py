"""Simulated instruments, and the drivers that read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from daqpv.core import Events, Reading
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.driver import Block, Driver, DriverKind, Frame, Listener, Read
from daqpv.instruments.driver.installed import scheme_of
from daqpv.instruments.settings import InstrumentSettings
from daqpv.sim.instruments import InstrumentSimulator, SimulatedInstruments
from tests.support.talker import Site

KINDS = {
    "tcp": "daqpv.links.stream.kinds:TCP",
    "udp": "daqpv.links.stream.kinds:UDP",
    "serial": "daqpv.links.stream.kinds:SERIAL",
    "snmp": "daqpv.links.snmp.kinds:SNMP",
    "file": "daqpv.links.textfiles.kind:KIND",
}


def settings_of(**keys: Any) -> InstrumentSettings:
    return InstrumentSettings.model_validate(keys)


def driver_of(settings: InstrumentSettings) -> Driver:
    """The driver of an instrument."""
    module, _, name = KINDS[str(scheme_of(settings))].partition(":")
    kind: DriverKind = getattr(import_module(module), name)
    site: Any = Site()
    site.experiment, site.events = "e1", Events()
    return kind.make("A", settings, site)


class Rig:
    """A simulated instrument, its driver, and the readings of its channels."""

    def __init__(self, simulator: InstrumentSimulator, connection: object) -> None:
        self.simulator = simulator
        settings = simulator.settings
        key = "connection" if settings.file is None else "file"
        self.settings = settings.model_copy(update={key: str(connection)})
        self.driver = driver_of(self.settings)
        self.channels = Channels(
            self.settings.channels, stale=None, slack=1.0, period=1.0
        )
        self.readings: dict[str, Reading] = {}
        self.frame = Frame()
        self.cycle = self.bad = 0
        self.losses_expected = False

    @property
    def variables(self) -> dict[str, Any]:
        return self.simulator.play.variables

    def set(self, variables: dict[str, Any]) -> None:
        """Set variables of the simulator."""
        self.variables.update(variables)

    async def read(self) -> dict[str, Reading]:
        """One cycle."""
        self.heard(await self.driver.exchange(Read(self.cycle)))
        self.cycle += 1
        return self.readings

    def heard(self, frame: Frame | Block) -> None:
        assert isinstance(frame, Frame)
        self.frame = frame
        self.bad += len(frame.bad)
        taken, bad = self.channels.taken(frame, self.readings, now=1.0, time=1.0)
        assert not bad
        self.readings |= taken

    def broken(self, error: Exception) -> None:
        assert self.losses_expected, error


@asynccontextmanager
async def rig(tmp_path: Path, **keys: Any) -> AsyncIterator[Rig]:
    """A simulated instrument A with its driver, opened."""
    async with rig_of(settings_of(**keys), tmp_path) as made:
        yield made


@asynccontextmanager
async def rig_of(settings: InstrumentSettings, folder: Path) -> AsyncIterator[Rig]:
    """The same, of settings."""
    simulated = SimulatedInstruments({"A": settings}, folder, seed=1)
    ready = asyncio.Event()
    running = asyncio.create_task(simulated.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set(), running
        [place] = simulated.changes().values()
        made = Rig(simulated.simulators["A"], place)
        listener: Listener = made
        made.driver.listen(listener)
        await made.driver.open()
        try:
            yield made
        finally:
            await made.driver.close()
    finally:
        waiting.cancel()
        running.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)

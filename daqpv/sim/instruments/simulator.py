"""One simulated instrument: what it does, where it is, and its time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from daqpv.errors import SimulatorError
from daqpv.instruments.settings import InstrumentSettings
from daqpv.sim.instruments.faults import Faults
from daqpv.sim.instruments.generic import generic
from daqpv.sim.instruments.play import Play
from daqpv.sim.instruments.speech import Speech


class Place(Protocol):
    """Where a simulated instrument can be reached."""

    @property
    def url(self) -> str:
        """Its connection, without options; or its file."""

    async def start(self) -> None:
        """Make it available.

        Raises:
            SimulatorError: that is not possible.
        """

    def stream(self) -> None:
        """Send what it sends unasked now."""

    def hang_up(self) -> None:
        """Cut all connections."""

    def close(self) -> None:
        """Make it unavailable."""


class InstrumentSimulator:
    """A simulated instrument; an asynchronous context manager, open while it runs.

    Args:
        name: of the instrument.
        settings: of it. Without a section `simulator` it gets a generic one.
        speed: its time runs so many times faster.
        seed: of its noise; None: another one each time.

    Attributes:
        play: its variables.
        faults: what it does wrong.
        place: where it is; set it before it is started.

    Raises:
        SimulatorError: the section `simulator` is wrong.
    """

    place: Place

    def __init__(
        self,
        name: str,
        settings: InstrumentSettings,
        *,
        speed: float = 1.0,
        seed: int | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.faults = Faults()
        self.play = Play(
            name,
            settings.simulator or generic(settings),
            speed=speed,
            encoding=settings.encoding,
            seed=seed,
        )
        try:
            self.speech()
        except ValueError as error:
            raise SimulatorError(f"{name}: checksum: {error}") from error

    @property
    def connection(self) -> str:
        """The connection of the settings, at the address of the simulator."""
        options = (self.settings.connection or "").partition("?")[2]
        return f"{self.place.url}?{options}" if options else self.place.url

    def speech(self) -> Speech:
        """A new conversation with it."""
        return Speech(self.play, self.settings, self.faults)

    async def __aenter__(self) -> InstrumentSimulator:
        await self.place.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.place.close()

    async def live(self) -> None:
        """Let its time pass until cancelled; it sends what it sends unasked.

        Raises:
            SimulatorError: a formula has no result.
        """
        loop = asyncio.get_running_loop()
        simulator = self.play.settings
        period = simulator.stream_period / self.play.speed
        streams = simulator.stream is not None or self.settings.file is not None
        tick = min(simulator.tick, period) if streams else simulator.tick
        now = loop.time()
        due = now + period
        while True:
            await asyncio.sleep(tick)
            before, now = now, loop.time()
            self.play.advance(now - before)
            if streams and now >= due:
                self.place.stream()
                due = max(due + period, now)  # no burst after a suspend

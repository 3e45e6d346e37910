"""An instrument in memory, and its driver, for tests of the domain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from daqpv.core import Events
from daqpv.errors import LinkError
from daqpv.instruments.channels.inputs import Inputs
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.device.instrument import Instrument, Parts
from daqpv.instruments.device.snapshot import InstrumentSnapshot
from daqpv.instruments.driver import Driver, Frame, Listener, Raw, Read, Request, Write
from daqpv.instruments.settings import Channel
from tests.support.sheet import Lab
from tests.support.virtual import CLOCK


class MemoryDriver(Driver):
    """Answers at once, or as it is told.

    Attributes:
        values: what it answers to `Read`.
        error: raised by `open` and `exchange`, if set.
        opened: how often it was opened.
        written: what was written.
        delay: of each answer [s].
    """

    def __init__(self, *, polls: bool = True, **values: Raw) -> None:
        self.who = "memory"
        self.polls = polls
        self.values: dict[str, Raw] = dict(values)
        self.error: LinkError | None = None
        self.breaks = True
        self.opened = self.cycles = 0
        self.delay = 0.0
        self.unended: Callable[[], str] = str
        self.time: float | None = None
        self.bad: list[str] = []
        self.written: list[Write] = []
        self.take: Callable[[Write], None] = lambda write: None
        self._is_open = False
        self.is_busy = False
        self.listener: Listener | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._is_open

    async def open(self) -> None:
        """Open, or fail."""
        assert not self._is_open
        self._fail()
        self.opened += 1
        self._is_open = True

    async def exchange(self, request: Request) -> Frame:
        """Answer after the delay."""
        assert not self.is_busy, "two exchanges at a time"
        self.is_busy = True
        try:
            await asyncio.sleep(self.delay)
            self._fail()
        finally:
            self.is_busy = False
        if isinstance(request, Write):
            self.take(request)
            self.written.append(request)
            return Frame(good=0)
        assert isinstance(request, Read)
        self.cycles += 1
        if not self.polls:
            return Frame(good=0)
        good = 0 if self.bad else 1
        return Frame(
            values=dict(self.values), time=self.time, bad=tuple(self.bad), good=good
        )

    def listen(self, listener: Listener) -> None:
        """Keep the listener."""
        self.listener = listener

    async def close(self) -> None:
        """Close."""
        self._is_open = False

    def _fail(self) -> None:
        if self.error is not None:
            self._is_open = self._is_open and not self.breaks
            raise self.error


def instrument(
    driver: Driver,
    channels: Mapping[str, Mapping[str, Any]],
    *,
    period: float = 1.0,
    stale: float | None = None,
    lab: Lab | None = None,
    **snapshot: Any,
) -> Instrument:
    """An instrument with `driver`, on a virtual clock.

    Args:
        driver: of it.
        channels: settings by name.
        period: between two cycles [s].
        stale: see InstrumentSettings.
        lab: the PVs of others.
        snapshot: what operators have chosen.
    """
    settings = {name: Channel.model_validate(one) for name, one in channels.items()}
    parts = Parts(
        driver=driver,
        channels=Channels(settings, stale=stale, slack=1.0, period=period),
        inputs=Inputs.of(
            "gas",
            settings,
            readings=lab or Lab(),
            pv_of=lambda one, channel: f"AT:Inst:{one}:{channel}",
        ),
    )
    return Instrument(
        "gas",
        InstrumentSnapshot(period=period, **snapshot),
        parts,
        timeout=1.0,
        events=Events(),
        prefix="AT:Inst:gas:",
        clock=CLOCK,
    )

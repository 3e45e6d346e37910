"""A simulated instrument as an SNMP agent."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from daqpv.errors import SimulatorError
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.snmp.settings import SnmpAt, SnmpOptions, SnmpPlace
from daqpv.instruments.snmp.values import Value
from daqpv.sim.instruments.simulator import InstrumentSimulator
from daqpv.sim.snmp import Point, SnmpSimulator, points_of

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Played(Point):
    """An object whose written value goes to a simulated instrument.

    Attributes:
        simulator: of the instrument.
        channel: of the object.
    """

    simulator: InstrumentSimulator | None = None
    channel: str = ""

    def keep(self, value: Value) -> None:
        """Give the instrument what was written."""
        assert self.simulator is not None
        self.simulator.play.write(self.channel, value.plain)


class SnmpAgentPlace:
    """An instrument as an SNMP agent on loopback.

    Args:
        simulator: of the instrument.
        host: a loopback address.
        port: 0: any free one.
    """

    def __init__(
        self, simulator: InstrumentSimulator, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._simulator, self.host, self.port = simulator, host, port
        self._options = _options(simulator)
        self.agent: SnmpSimulator | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"snmp://{self.host}:{self.port}"

    async def start(self) -> None:
        """Answer on the port.

        Raises:
            SimulatorError: it is taken, or the `at` of a channel is wrong.
        """
        read = self._options.community
        write = self._options.write
        self.agent = _Agent(
            self._simulator, community=read, write=read if write is None else write
        )
        self.port = await self.agent.start(self.host, self.port or 0)

    def stream(self) -> None:
        """An agent sends nothing unasked."""

    def hang_up(self) -> None:
        """There are no connections."""

    def close(self) -> None:
        """Give the port back."""
        if self.agent is not None:
            self.agent.close()


class _Agent(SnmpSimulator):
    """An agent that has the faults of an instrument."""

    def __init__(
        self, simulator: InstrumentSimulator, *, community: str, write: str
    ) -> None:
        super().__init__(_points(simulator), community=community, write=write)
        self._faults = simulator.faults

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer a request, perhaps later."""
        if late := self._faults.late:
            self._faults.used()
            loop = asyncio.get_running_loop()
            loop.call_later(late, super().datagram_received, data, addr)
        else:
            super().datagram_received(data, addr)

    def answer(self, data: bytes) -> bytes | None:
        """The answer to a request; None: there is none."""
        try:
            answer = super().answer(data)
        except SimulatorError as error:
            _log.error("%s", error)
            return None
        if answer is None:
            return None
        spoiled = self._faults.spoiled(answer, b"")
        if spoiled != answer:
            self._faults.used()
        return spoiled or None


def _points(simulator: InstrumentSimulator) -> dict[str, Point]:
    """The objects of the agent: those of all channels that are read."""
    settings, play = simulator.settings, simulator.play
    places = {
        name: _place(simulator.name, name, channel.at)
        for name, channel in settings.channels.items()
        if channel.at is not None
    }
    values = {name: partial(play.point, name) for name in places}
    points = points_of(settings, places, values)
    for name, at in places.items():
        where = at.oid if at.index is None else f"{at.oid}.{at.index}"
        point = points[where]
        if point.is_writable and at.bit is None:
            points[where] = _Played(
                point.kind,
                point.give,
                is_writable=True,
                simulator=simulator,
                channel=name,
            )
    return points


def _place(name: str, channel: str, at: object) -> SnmpAt:
    try:
        place: SnmpAt = TypeAdapter(SnmpPlace).validate_python(at)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise SimulatorError(
            f"{name}: the `at` of channel {channel}: {reason}"
        ) from error
    return place


def _options(simulator: InstrumentSimulator) -> SnmpOptions:
    settings = simulator.settings
    try:
        connection = Connection.of(settings.connection or "", settings.options)
        return connection.read(SnmpOptions)
    except ValueError as error:
        raise SimulatorError(f"{simulator.name}: connection: {error}") from error

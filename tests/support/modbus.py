"""Modbus devices for tests: pymodbus in a process of its own, and one in memory."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from daqpv.core import Site
from daqpv.errors import NotConnectedError
from daqpv.instruments.driver import Driver, Raw, Read
from daqpv.instruments.modbus.frames import rtu_frame, rtu_question
from daqpv.instruments.modbus.memory import Memory
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.modbus import kinds
from tests.support import forks

T = TypeVar("T")

SERVER = Path(__file__).with_name("modbus_server.py")
KINDS = {kind.scheme: kind for kind in (kinds.TCP, kinds.RTU, kinds.RTU_TCP)}


class OneSite(SimpleNamespace):
    """As much of a site as drivers need."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[Any, Any] = {}

    def shared(self, make: Callable[[Any], T]) -> T:
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made


def a_driver(
    connection: str,
    channels: Mapping[str, Any],
    *,
    name: str = "plc",
    site: Any = None,
    **settings: Any,
) -> Driver:
    """The driver of an instrument; a channel is its `at`, or a mapping with it."""
    given = {
        key: one if isinstance(one, dict) and "at" in one else {"at": one}
        for key, one in channels.items()
    }
    model = InstrumentSettings.model_validate(
        {"connection": connection, "channels": given, **settings}
    )
    kind = KINDS[connection.split(":", 1)[0]]
    the_site: Site = site or OneSite()
    return kind.make(name, model, the_site)


async def values(driver: Driver) -> Mapping[str, Raw]:
    """What one cycle reads."""
    return (await driver.exchange(Read())).values


async def opened(driver: Driver) -> None:
    """Open it, as soon as the other side listens."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await driver.open()
            except NotConnectedError:
                await driver.close()
                await asyncio.sleep(0.02)


@contextmanager
def pymodbus_server(framer: str, place: str) -> Iterator[forks.Process]:
    """pymodbus as a device at a port, or at a serial line; see modbus_server.py."""
    command = [sys.executable, str(SERVER), framer, place]
    with forks.Process(command) as process:
        try:
            yield process
        finally:
            process.kill()


class MemoryWire:
    """A line to RTU units without a serial port, for virtual time.

    Attributes:
        units: their memories, by number.
        delay: [s] of the answer to the next question; it may differ each time.
        asked: frames that were sent.
    """

    place = "memory"
    gap = 0.0
    longest_opening = 0.0
    is_network = False

    def __init__(self, units: Mapping[int, Memory]) -> None:
        self.units = units
        self.delay: Callable[[], float] = lambda: 0.0
        self.asked: list[bytes] = []
        self.received: Callable[[bytes], None] = lambda _: None
        self.lost: Callable[[str], None] = lambda _: None
        self.is_open = False
        self._free_at = 0.0

    async def open(self, name: str, timeout: float) -> None:
        self.is_open = True

    def write(self, data: bytes) -> None:
        self.asked.append(data)
        assert rtu_question(data) == len(data)
        if (memory := self.units.get(data[0])) is None:
            return
        answer = rtu_frame(data[0], memory.answer(data[1:-2]))
        loop = asyncio.get_running_loop()
        if self._free_at > loop.time() + 3.0:
            return  # busy: it takes no more questions
        self._free_at = max(self._free_at, loop.time()) + self.delay()  # one at a time
        loop.call_at(self._free_at, lambda: self.received(answer))

    def close(self) -> None:
        self.is_open = False

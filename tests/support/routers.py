"""A data router in memory: a true model of its files, on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from daqpv.core import Event, Events
from daqpv.errors import NoAnswerError, NotConnectedError
from daqpv.routers import (
    DataFile,
    Disk,
    Moved,
    Observation,
    Obstacle,
    Pace,
    Router,
    RouterSnapshot,
)
from tests.support.virtual import CLOCK

STAGING = b"/data"


class Memory:
    """The link: directories of names and sizes.

    Attributes:
        folders: what lies in each directory.
        rate: of each file in staging [byte/s].
        fails: what the next exchanges raise.
        cut: after so many files the link is cut in a move.
        empty: the page is empty.
    """

    def __init__(self) -> None:
        self.directory = STAGING
        self.folders: dict[bytes, dict[bytes, float]] = {STAGING: {}}
        self.rate = 0.0
        self.disk = Disk(1e12, 4e11, 60.0)
        self.fails: list[Exception] = []
        self.lost: Exception | None = None
        self.cut: int | None = None
        self.empty = False
        self.in_use = 0
        self.looks = 0
        self._moment = 0.0

    async def __aenter__(self) -> Memory:
        self.in_use += 1
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.in_use -= 1

    @property
    def staging(self) -> dict[bytes, float]:
        self._grow()
        return self.folders.setdefault(self.directory, {})

    def _grow(self) -> None:
        now = asyncio.get_running_loop().time()
        for name in self.folders.setdefault(self.directory, {}):
            self.folders[self.directory][name] += self.rate * (now - self._moment)
        self._moment = now

    async def _exchange(self) -> None:
        await asyncio.sleep(0.01)
        if self.lost is not None:
            raise self.lost
        if self.fails:
            raise self.fails.pop(0)

    async def observe(self, *, timeout: float) -> Observation | None:
        self.looks += 1
        await self._exchange()
        if self.empty:
            return None
        files = _listed(self.staging)
        return Observation(
            directory=self.directory, files=files, disk=self.disk, clock_offset=0.25
        )

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        await self._exchange()
        self._grow()
        return _listed(self.folders[directory])

    async def has(
        self, directory: bytes, experiment: str, folder: str, *, timeout: float
    ) -> bool:
        await self._exchange()
        return f"{experiment}/{folder}".encode() in self.folders

    async def move(
        self, directory: bytes, names: Collection[bytes], into: str, *, timeout: float
    ) -> Moved:
        await self._exchange()
        source, stayed = self.folders[directory], []
        target = self.folders.setdefault(into.encode(), {}) if names else None
        for n, name in enumerate(names):
            if n == self.cut:
                self.cut = None
                raise NoAnswerError("cut", timed_out=False)
            assert target is not None
            if name in target:
                stayed.append(Obstacle(name, "a file of that name exists"))
            elif name in source:
                target[name] = source.pop(name)
        there = self.folders.get(into.encode(), {})
        return Moved(_listed(there), stayed)


def _listed(files: dict[bytes, float]) -> list[DataFile]:
    return [DataFile(name, int(size)) for name, size in files.items()]


class Watched:
    """A router that is followed, and all that it told."""

    def __init__(self, **facts: Any) -> None:
        self.link = Memory()
        self.events: list[Event] = []
        events = Events()
        events.add(self.events.append)
        self.router = Router(
            "data0",
            self.link,
            snapshot=RouterSnapshot(**facts),
            pace=Pace(period=2.0, timeout=5.0, no_data=10.0),
            events=events,
            clock=CLOCK,
            prefix="AT:Router:data0:",
        )
        self.moved: list[tuple[str, int]] = []

    @property
    def snapshot(self) -> RouterSnapshot:
        return self.router.snapshot

    def told(self, name: str) -> list[str]:
        return [event.text for event in self.events if event.name == name]

    async def sort(self, number: int = 12) -> None:
        def moved(path: str, size: int) -> None:
            self.moved.append((path, size))

        await self.router.sort("e20009", number, moved=moved)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(1000):
            while not condition():  # noqa: ASYNC110 - the clock jumps
                await asyncio.sleep(0.1)


OFFLINE = NotConnectedError("data0 at mac0: connection refused")
HUNG = NoAnswerError("data0 at mac0: no answer", timed_out=True)

"""A detector and routers in memory, and the run over them, on a clock that jumps."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from daqpv.core import Condition, Event, Events, StoreFigures
from daqpv.errors import AbortedError, DaqError, OperationError
from daqpv.runs import History, Member, Run, RunRecord, RunSnapshot
from daqpv.runs.settings import RunSettings
from tests.support.virtual import CLOCK

STEP = 1.0  # [s] that the detector takes for anything


@dataclass
class Progress:
    step: str = ""
    progress: float = 0.0


class Detector:
    """Two servers as one: Ready, Running, Paused, Mixed; the wishes take a second."""

    def __init__(self) -> None:
        self.prefix = "AT:Sys:"
        self.state = "Ready"
        self.servers: dict[str, dict[str, Any]] = {"CoBo0": {}, "CoBo3": {}}
        self.troubled: tuple[str, ...] = ()
        self.missing_clock: Member | None = None
        self.configs = "e20009"
        self.is_settled = True
        self.fault: dict[str, DaqError] = {}
        self.done: list[str] = []
        self._watchers: list[Callable[[Any, Collection[str]], None]] = []
        self._abort = asyncio.Event()

    @property
    def unready(self) -> tuple[str, ...]:
        return () if self.state == "Ready" else (f"CoBo0 is {self.state}",)

    @property
    def is_running(self) -> bool:
        return self.state == "Running"

    @property
    def is_paused(self) -> bool:
        return self.state == "Paused"

    @property
    def takes_data(self) -> bool:
        return self.state in ("Running", "Paused", "Mixed")

    @property
    def members(self) -> tuple[Member, ...]:
        """The servers, each like all but for what `servers` says of it."""
        state = "Running" if self.state == "Mixed" else self.state
        return tuple(
            Member(
                name=name,
                prefix=f"AT:ECC:{name}:",
                **{
                    "enabled": True,
                    "is_known": self.is_settled,
                    "is_there": True,
                    "state": state,
                    "may_take_data": state in ("Running", "Paused"),
                    **facts,
                },
            )
            for name, facts in self.servers.items()
        )

    def server(self, name: str, **facts: Any) -> None:
        """One of them is so now; without facts it is as all are."""
        self.servers[name] = facts
        self.tell()

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        self._watchers.append(show)
        show(Progress(), ())

    def forget(self) -> None:
        """Nobody watches any more: daqpv was killed."""
        self._watchers.clear()
        self.done.clear()

    def becomes(self, state: str, **facts: Any) -> None:
        """Somebody, or nobody, brings the servers there."""
        self.state = state
        for name, value in facts.items():
            setattr(self, name, value)
        self.tell()

    def tell(self, step: str = "") -> None:
        for show in self._watchers:
            show(Progress(step, 50.0), {"state"})

    async def _do(self, what: str, state: str) -> None:
        self.tell(f"{what}: CoBos, 1 of 2")
        self._abort.clear()
        try:
            async with asyncio.timeout(STEP):
                await self._abort.wait()
        except TimeoutError:
            pass
        else:
            raise AbortedError(f"{what}: aborted")
        if error := self.fault.pop(what, None):
            if isinstance(error, OperationError):
                self.becomes("Mixed" if what == "stop" else "Ready")
            raise error
        self.done.append(what)
        self.becomes(state)

    async def start(self) -> None:
        await self._do("start", "Running")

    async def stop(self) -> None:
        self.abort()
        await self._do("stop", "Ready")

    async def pause(self) -> None:
        await self._do("pause", "Paused")

    async def resume(self) -> None:
        await self._do("resume", "Running")

    def abort(self) -> None:
        self._abort.set()


@dataclass(frozen=True)
class Router:
    """What a run looks at in a router's snapshot."""

    known: bool = True
    online: bool = True
    message: str = ""
    enabled: bool = True
    directory: str = "/data"
    staging_empty: bool | None = True
    staged: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    rate: float = 0.0
    disk_free: float = 100e9
    disk_time_left: float = math.nan
    process: str = ""
    silent: bool = False
    growing: bool = False
    condition: Condition = Condition.OK

    @property
    def is_lost(self) -> bool:
        return self.condition in (Condition.OFFLINE, Condition.HUNG, Condition.ERROR)


class Storage:
    """A router in memory."""

    def __init__(self, name: str = "data0") -> None:
        self.name = name
        self.prefix = f"AT:Router:{name}:"
        self.snapshot = Router()
        self.expected: list[bool] = []
        self.runs: set[int] | DaqError = set()
        self.files: list[str] = ["a.graw"]
        self.sorted: list[tuple[str, int]] = []
        self.faults: list[DaqError] = []
        self.takes = 0.5  # [s]
        self._watchers: list[Callable[[Any, Collection[str]], None]] = []

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        self._watchers.append(show)
        show(self.snapshot, ("online",))

    def becomes(self, **fields: Any) -> None:
        self.snapshot = replace(self.snapshot, **fields)
        for show in self._watchers:
            show(self.snapshot, fields)

    def expect_data(self, expected: bool) -> None:
        self.expected.append(expected)

    async def has_run(self, experiment: str, number: int) -> bool:
        if isinstance(self.runs, DaqError):
            raise self.runs
        return number in self.runs

    async def sort(
        self, experiment: str, number: int, *, moved: Callable[[str, int], None]
    ) -> None:
        await asyncio.sleep(self.takes)
        if self.faults:
            raise self.faults.pop(0)
        for name in self.files:
            moved(f"/data/{experiment}/run_{number:04d}/{name}", 1000)
        self.sorted.append((experiment, number))

    async def sweep(self) -> str:
        if self.faults:
            raise self.faults.pop(0)
        self.becomes(staging_empty=True, staged=())
        return "/data/unassigned/20261120T120000Z"


class Store:
    """What was added, and the last record of each run."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def add(self, record: Any) -> None:
        self.records.append(record)

    async def ask(self, query: Any, *, timeout: float = 5.0) -> Any:
        raise AssertionError

    async def change(self, work: Any, *, timeout: float = 5.0) -> Any:
        raise AssertionError

    async def kept(self, *, timeout: float) -> bool:
        return True

    def begin(self) -> None:
        pass

    def figures(self) -> StoreFigures:
        return StoreFigures()

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.records if isinstance(one, kind)]

    @property
    def last(self) -> RunRecord | None:
        found = self.of(RunRecord)
        return found[-1] if found else None


@dataclass
class Lab:
    """A run, all that it stands on, and what it said."""

    detector: Detector = field(default_factory=Detector)
    storages: list[Storage] = field(default_factory=lambda: [Storage()])
    settings: RunSettings = field(default_factory=RunSettings)
    snapshot: RunSnapshot = field(
        default_factory=lambda: RunSnapshot(experiment="e20009", next_number=12)
    )
    history: History | None = None
    store: Store = field(default_factory=Store)
    said: list[Event] = field(default_factory=list)

    def make(self, **books: Any) -> Run:
        events = Events()
        events.add(self.said.append)

        async def history() -> History:
            assert self.history is not None
            return self.history

        self.run = Run(
            detector=self.detector,
            storages=self.storages,
            settings=self.settings,
            events=events,
            clock=CLOCK,
            prefix="AT:Run:",
            snapshot=self.snapshot,
            store=self.store,
            history=None if self.history is None else history,
            **books,
        )
        return self.run

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Run]:
        """The run while it is followed; leaving it is the end of daqpv."""
        run = self.make()
        task = asyncio.create_task(run.run())
        await asyncio.sleep(0)
        try:
            yield run
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                await task

    def names(self) -> list[str]:
        return [event.name for event in self.said]


async def reaches(condition: Callable[[], bool], within: float = 60.0) -> None:
    """Wait until `condition` holds, on the clock that jumps."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - of whatever there is
            await asyncio.sleep(0.05)

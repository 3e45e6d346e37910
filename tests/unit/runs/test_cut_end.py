"""A kill in the moment in which a run ends, at every point: nothing of it is lost.

Two things are written, each in order and by a thread of its own: the settings, and the
store, which has the settings as well. A kill leaves any beginning of either.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from daqpv.core import DeviceState, Events, Remembered, Setting
from daqpv.core.devices.places import key_of
from daqpv.iocs.run import RunGroup
from daqpv.iocs.sheet import SheetGroup
from daqpv.runs import (
    Entry,
    History,
    Run,
    RunFile,
    RunPv,
    RunRecord,
    RunSize,
    RunState,
    RunValue,
)
from daqpv.runs.record.sheet import Sheet, SheetSnapshot
from daqpv.runs.settings import RunSettings
from tests.support.restart import Restart
from tests.support.runs import Lab, reaches
from tests.support.sheet import Lab as Pvs

SETTINGS = RunSettings.model_validate(
    {
        "observables": {
            "pressure": {"pv": "LAB:P"},
            "target": {"type": "string"},
            "shift": {"type": "int", "keep": False},
        },
        "snapshot": ["LAB:P", "LAB:X"],
    }
)


class Kept:
    """All that was written, in its order: settings, and records of runs."""

    def __init__(self, settings: Sequence[Remembered] = ()) -> None:
        self.all: list[Any] = []
        self._settings = settings

    def read(self) -> Sequence[Remembered]:
        return self._settings

    def add(self, record: Any) -> None:
        self.all.append(record)

    async def kept(self, *, timeout: float) -> bool:
        """What was written until now is on the disk, settings and records."""
        self.all.append(KEPT)
        return True


KEPT = object()
"""In what was written: all before it is on the disk when it comes."""


class Site:
    """A run and its sheet, joined as in `daqpv serve`."""

    def __init__(self, settings: Sequence[Remembered], history: History) -> None:
        self.kept = Kept(settings)
        self.lab = Lab(settings=SETTINGS, history=history)
        self.lab.store.add = self.kept.add  # type: ignore[method-assign]
        self.pvs = Pvs()
        self.pvs.becomes("LAB:P", 300.0)
        self.pvs.becomes("LAB:X", [1.0, float("nan")])
        restart = Restart(self.kept)
        snapshot = restart.restored("AT:Run:", RunGroup, self.lab.snapshot)
        self.lab.snapshot = snapshot
        self.lab.storages[0].files = ["a.graw", "b.graw", "c.graw"]
        self.run = self.lab.make(kept=self.kept.kept)
        open_run = self.lab.snapshot.open_run
        self.sheet = Sheet(
            SETTINGS,
            readings=self.pvs,
            keep=self.run.keep,
            events=Events(),
            snapshot=restart.restored("AT:Run:Par:", SheetGroup, SheetSnapshot()),
            open_run=None if open_run is None else open_run.number,
        )
        self.run.observe(self.sheet.observe)
        restart.follow("AT:Run:", RunGroup, self.run)
        restart.follow("AT:Run:Par:", SheetGroup, self.sheet)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Run]:
        tasks = [asyncio.create_task(one.run()) for one in (self.run, self.sheet)]
        await asyncio.sleep(0)
        try:
            yield self.run
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def history(records: Sequence[Any]) -> History:
    runs = {one.number: one for one in records if isinstance(one, RunRecord)}
    return History(numbers=runs, last=runs[max(runs)])


def stored(records: Sequence[Any]) -> dict[Any, Any]:
    """What the store has: the last record of each thing."""
    kept: dict[Any, Any] = {}
    for one in records:
        match one:
            case RunRecord():
                kept[one.number] = one
            case RunValue():
                kept[one.number, one.name] = one
            case RunPv():
                kept[one.number, one.moment, one.pv] = one
            case RunSize() if one.number in kept:
                kept[one.number] = replace(kept[one.number], data=one.data)
            case RunFile():
                kept[one.number, one.path] = replace(one, time=0.0)
    return kept


def knows(written: Sequence[Any], device: str, field: str, key: str) -> int:
    """Where the setting stands that has the end of the run: so many are before it."""
    return next(
        i
        for i, one in enumerate(written)
        if isinstance(one, Setting | DeviceState)
        and (one.device, one.field) == (device, field)
        and one.value
        and one.value[key]
    )


async def whole() -> tuple[list[Any], int]:
    """All that is written of a run, and how much of it until its stop has begun."""
    site = Site((), History())
    async with site.running() as run:
        await site.sheet.write("shift", 3)
        await site.sheet.write("target", "CH2")
        await run.start()
        await asyncio.sleep(60)
        site.pvs.becomes("LAB:P", 400.0)
        stop = asyncio.create_task(run.stop())
        await reaches(lambda: run.snapshot.state is RunState.STOPPING)
        begun = len(site.kept.all)
        await stop
        await reaches(lambda: not run.snapshot.sorting)
    return list(site.kept.all), begun


async def after_a_restart(written: list[Any], kept: list[Any]) -> dict[Any, Any]:
    """What the store has in the end, whose beginning and settings were `kept`."""
    settings = {
        key_of(one): one for one in written if isinstance(one, Setting | DeviceState)
    }
    site = Site([*settings.values()], history(kept))
    async with site.running() as run:
        await reaches(lambda: run.snapshot.known and run.snapshot.number == 12)
        await reaches(lambda: not run.snapshot.sorting)
    assert run.snapshot.open_run is None
    assert site.sheet.snapshot.written == {"target": "CH2"}
    return stored([*kept, *site.kept.all])


async def test_wherever_a_kill_cuts_the_end_of_a_run_it_is_told_whole() -> None:
    written, begun = await whole()
    wanted = stored(written)
    assert (wanted[12, "pressure"].stop, wanted[12, "shift"].value) == (400.0, 3)
    assert wanted[12, "stop", "LAB:X"].value == [1.0, "nan"]
    read = knows(written, "Run:Par", "run", "end")
    closed = knows(written, "Run", "closed_run", "stop")
    for known in range(begun, len(written) + 1):  # of the settings
        kept = max((n for n in range(known) if written[n] is KEPT), default=0)
        for there in range(max(begun, kept), known + 1):  # in the store
            found = await after_a_restart(written[:known], written[:there])
            run = found.pop(12)
            assert run.entry is Entry.ENDED, (known, there)
            assert abs(run.stop - wanted[12].stop) <= 2.0, (known, there)
            assert run == wanted[12] or known <= closed, (known, there)
            if known > read:
                ours = {key: one for key, one in wanted.items() if key != 12}
                assert found == ours, (known, there)
            else:
                assert found[12, "pressure"].start == 300.0, (known, there)
            files = {key for key, one in found.items() if isinstance(one, RunFile)}
            assert len(files) == 3, (known, there)


async def test_a_run_that_is_closed_in_the_store_has_all_of_its_end_there() -> None:
    written, begun = await whole()
    closes = next(
        i for i, one in enumerate(written)
        if isinstance(one, RunRecord) and one.entry is Entry.ENDED
    )  # fmt: skip
    sorts = next(i for i, one in enumerate(written) if isinstance(one, RunFile))
    assert stored(written[:closes]) | {12: written[closes]} == stored(written[:sorts])
    assert begun < closes

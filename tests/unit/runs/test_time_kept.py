"""Time in the books: through kills at any moment, stops of the process, clocks set."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from daqpv.core import Beat, DeviceState, Remembered, Setting
from daqpv.core.devices.places import Key, key_of
from daqpv.errors import DaqError
from daqpv.iocs.run import RunGroup
from daqpv.runs import Entry, Run, RunRecord, RunSnapshot, RunState
from tests.support.restart import Restart
from tests.support.runs import Detector, Lab, reaches
from tests.support.virtual import Clock

BEAT = 1.0  # [s] between two beats of the pulse: so much may be lost by a kill
SLACK = 0.1  # [s]


@dataclass
class Disk:
    """What a kill leaves: settings, the last beat, records."""

    remembered: dict[Key, Remembered] = field(default_factory=dict)
    noted: tuple[float, Mapping[str, float]] | None = None
    runs: dict[int, RunRecord] = field(default_factory=dict)
    step: float = 0.0  # of the clock, since the last beat

    def read(self) -> list[Remembered]:
        return [*self.remembered.values()]

    def add(self, record: object) -> None:
        if isinstance(record, Setting | DeviceState):
            self.remembered[key_of(record)] = record
        elif isinstance(record, RunRecord):
            self.runs[record.number] = record

    async def kept(self, *, timeout: float) -> bool:
        return True

    def beat(self, facts: Mapping[str, float], /) -> None:
        self.noted, self.step = (now(), facts), 0.0

    def last(self) -> Beat | None:
        if self.noted is None:
            return None
        at, facts = self.noted
        return Beat(facts=facts, age=now() - at, step=self.step)


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def served(disk: Disk, detector: Detector) -> AsyncIterator[Lab]:
    """Serve until a kill, which writes nothing."""
    restart = Restart(disk)
    lab = Lab(detector=detector)
    lab.store.add = disk.add  # type: ignore[method-assign]
    lab.snapshot = restart.restored("AT:Run:", RunGroup, lab.snapshot)
    run = lab.make(pulse=disk, kept=disk.kept)
    restart.follow("AT:Run:", RunGroup, run)
    task = asyncio.create_task(run.run())
    await asyncio.sleep(0)
    try:
        yield lab
    finally:
        task.cancel()
        await asyncio.wait({task})
        detector.forget()


async def known(run: Run) -> None:
    await reaches(lambda: run.snapshot.known)


class Truth:
    """For how long the servers were Running in the open run, as they know it."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.live = 0.0
        self.began = now()

    async def passes(self, seconds: float) -> None:
        if self._detector.state == "Running":
            self.live += seconds
        await asyncio.sleep(seconds)


async def operated(run: Run, truth: Truth, detector: Detector, wish: str) -> None:
    """What an operator wishes; the servers take a second for it."""
    before = detector.state
    with suppress(DaqError):
        await (run.pause() if wish == "pause" else run.resume())
    if detector.done and before == "Running":
        truth.live += 1.0


@pytest.mark.parametrize("seed", range(40))
async def test_live_time_through_kills_at_any_moment(seed: int) -> None:
    chance, disk, detector = random.Random(seed), Disk(), Detector()
    async with served(disk, detector) as lab:
        await lab.run.start()
        truth = Truth(detector)
        await truth.passes(chance.uniform(0, 5))
    doubt = 0.0  # [s] of live time that nobody can know
    for _ in range(chance.randint(1, 6)):
        away = chance.uniform(0.1, 40)
        if chance.random() < 0.3:  # others act meanwhile: it is known only until then
            running = detector.state == "Running"
            live = truth.live
            await truth.passes(away / 2)
            detector.state = "Paused" if running else "Running"
            await truth.passes(away / 2)
            doubt += truth.live - live + BEAT
        else:
            await truth.passes(away)
        async with served(disk, detector) as lab:
            run = lab.run
            await known(run)
            for _ in range(chance.randint(0, 3)):
                wish = "pause" if detector.state == "Running" else "resume"
                await operated(run, truth, detector, wish)
                await truth.passes(chance.uniform(0, 40))
        doubt += BEAT if detector.state == "Paused" else 0.0
    async with served(disk, detector) as lab:
        await reaches(lambda: lab.run.snapshot.known)
        await lab.run.stop()
    record = disk.runs[12]
    assert record.entry is Entry.ENDED
    low, high = truth.live - doubt - SLACK, truth.live + 1 + SLACK  # the stop: 1 s
    assert low <= record.live_time <= high
    assert record.stop is not None
    assert record.stop - record.start == pytest.approx(
        now() - truth.began, abs=1 + SLACK
    )


@pytest.mark.parametrize("pauses", [False, True])
async def test_a_run_ends_when_it_was_last_seen(pauses: bool) -> None:
    """Not when its row was written, which is every half a minute."""
    disk, detector = Disk(), Detector()
    async with served(disk, detector) as lab:
        await lab.run.start()
        await asyncio.sleep(47.5)
        if pauses:
            await lab.run.pause()
            await asyncio.sleep(12.5)
        seen, live = now(), lab.run.snapshot.live_time
    await asyncio.sleep(24)
    detector.state = "Ready"
    async with served(disk, detector) as lab:
        await reaches(lambda: lab.run.snapshot.known)
        record = disk.runs[12]
        assert record.entry is Entry.INTERRUPTED
        assert record.stop == pytest.approx(1.8e9 + seen, abs=BEAT)
        assert record.live_time == pytest.approx(live, abs=BEAT)


async def test_how_long_it_was_away_counts_from_the_last_beat() -> None:
    disk, detector = Disk(), Detector()
    async with served(disk, detector) as lab:
        await lab.run.start()
        await asyncio.sleep(20)
    await asyncio.sleep(4)
    async with served(disk, detector) as lab:
        await reaches(lambda: "run goes on" in lab.names())
        (event,) = (one for one in lab.said if one.name == "run goes on")
        away = event.fields["away"]
        assert isinstance(away, float)
        assert 4 <= away <= 4 + BEAT


async def test_a_kill_between_the_number_and_the_state_leaves_no_run_open() -> None:
    record = RunRecord(number=12, entry=Entry.OPEN, start=1.79e9, seen=1.79e9)
    lab = Lab(snapshot=RunSnapshot(state=RunState.STARTING, open_run=record))
    async with lab.running() as run:
        await known(run)
        assert lab.store.last
        assert lab.store.last.entry is Entry.INTERRUPTED
    for state in (RunState.RUNNING, RunState.STOPPING):
        lab = Lab(snapshot=RunSnapshot(state=state))
        lab.detector.state = "Running"
        async with lab.running() as run:
            await known(run)
            assert run.snapshot.state is RunState.STOPPED
            assert lab.store.records == []


# -- clocks that are set ---------------------------------------------------------------


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_a_clock_that_is_set_changes_no_duration(
    step: float, clock: Clock
) -> None:
    lab = Lab()
    async with lab.running() as run:
        await run.stop_after(60.0)
        await run.start()
        await asyncio.sleep(10)
        clock.step = step
        await asyncio.sleep(10)
        now = run.snapshot
        assert now.state is RunState.RUNNING
        assert now.duration == pytest.approx(20, abs=BEAT)
        await asyncio.sleep(45)
        assert run.snapshot.state is RunState.STOPPED
        record = lab.store.last
        assert record is not None
        assert record.stop is not None
        assert 60 <= record.stop - record.start < 63
        assert record.stop == pytest.approx(clock.time(), abs=10)
        way = "forward" if step > 0 else "back"
        assert f"The clock was set {way} by 3600.0 s at " in record.note


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_a_clock_that_is_set_while_daqpv_is_away(
    step: float, clock: Clock
) -> None:
    disk, detector = Disk(), Detector()
    async with served(disk, detector) as lab:
        await lab.run.start()
        await asyncio.sleep(20)
    await asyncio.sleep(5)
    clock.step = disk.step = step
    async with served(disk, detector) as lab:
        await reaches(lambda: lab.run.snapshot.known)
        await asyncio.sleep(5)
        assert lab.run.snapshot.duration == pytest.approx(30, abs=2)
        assert lab.run.snapshot.live_time == pytest.approx(30, abs=2)
        await lab.run.stop()
    record = disk.runs[12]
    assert record.stop is not None
    assert record.stop - record.start == pytest.approx(31, abs=2)


async def test_many_steps_do_not_fill_the_note(clock: Clock) -> None:
    lab = Lab()
    async with lab.running() as run:
        await run.start()
        for _ in range(1000):
            clock.step += 5.0
            await asyncio.sleep(1)
        await run.stop()
        assert lab.store.last
        assert len(lab.store.last.note) < 5000

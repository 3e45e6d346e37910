"""Kills at random moments around what an operator does to a run.

The simulators are the truth: for how long all of them were Running. What daqpv says of
it may be late by its polls, and by what nobody can know of the time it was away.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from tests.e2e.truth.scene import Scene
from tests.support.waiting import until

LOOK = 0.02  # [s] between two looks at the simulators
POLLS = 1.0  # [s] for two polls of daqpv and an operation, on a busy computer
BEAT = 1.5  # [s] between two notes of live time, on a busy computer
STEPS = 5

AFTER = {"Pause": "Paused", "Resume": "Running", "Stop": "Stopped"}
WISHES = {"Running": ("Pause", "Stop"), "Paused": ("Resume", "Stop")}


@dataclass
class Watch:
    """Looks at the simulators, and adds up for how long all were Running."""

    scene: Scene
    live: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        sims = [self.scene.lab.sim(name) for name in self.scene.lab.urls]
        last = time.monotonic()
        while not self._over.wait(LOOK):
            is_live = all(sim()["state"] == "Running" for sim in sims)
            now = time.monotonic()
            self.live += (now - last) * is_live
            last = now


def killed_after(scene: Scene, wish: str, delay: float | None) -> None:
    """Push a button, and kill daqpv `delay` [s] later; None: when it is done."""
    scene.run.put_only(wish, "1")
    if delay is None:
        scene.run.until("State", AFTER[wish])
        delay = POLLS / 2
    threading.Event().wait(delay)
    scene.lab.serve_no_more(signal.SIGKILL)


def record(scene: Scene) -> tuple[str, float, float, float]:
    """How the run ended, its start and stop (UTC), its live time [s]."""
    query = "SELECT entry, start, stop, live_time FROM run WHERE number = ?"
    with closing(sqlite3.connect(scene.lab.folder / "exp.db")) as store:
        entry, start, stop, live = store.execute(query, (scene.number,)).fetchone()
    return entry, start / 1e6, stop / 1e6, live / 1e6


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(2))
def test_live_time_is_that_of_the_servers_whenever_daqpv_is_killed(
    scene: Scene, seed: int
) -> None:
    chance = random.Random(seed)
    scene.system.put("Target", "Ready")
    scene.number = int(scene.run.get("NextNumber"))
    doubt, state = POLLS, "Running"
    with Watch(scene) as watch:
        begun = time.time()
        scene.run.put("Start", "1")
        started = time.time()
        for _ in range(STEPS):
            threading.Event().wait(chance.uniform(0, 1.5))
            wish = chance.choices(WISHES[state], [4, 1])[0]
            delay = chance.choice([None, chance.uniform(0, 0.4)])
            killed = time.monotonic()
            killed_after(scene, wish, delay)
            scene.serve_again()
            until(lambda: scene.run.get("State.SEVR") != "INVALID", "what it does")
            away = time.monotonic() - killed
            state = scene.run.get("State")
            if delay is None:
                assert state == AFTER[wish]
            doubt += POLLS + (BEAT if delay is None else away)
            if state not in WISHES:
                break
        stopping = time.time()
        scene.stop()
        live = watch.live
    entry, start, stop, said = record(scene)
    assert entry in ("ended", "interrupted")
    assert begun <= start <= started
    assert start <= stop <= time.time()
    if entry == "ended" and state in WISHES:
        assert stop >= stopping
    assert live - doubt <= said <= live + POLLS * (STEPS + 1)


MANY = 3000  # files of a run


def of_run(scene: Scene) -> int:
    """How many files of the run the store has."""
    query = "SELECT count(*) FROM run_file WHERE number = ?"
    with closing(sqlite3.connect(scene.lab.folder / "exp.db")) as store:
        (count,) = store.execute(query, (scene.number,)).fetchone()
    return int(count)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("moment", ["moved", "recorded", "told"])
def test_each_of_many_files_is_recorded_though_a_kill_comes_in_the_sorting(
    scene: Scene, moment: str
) -> None:
    scene.bring("Running")
    staging = scene.staging("data1")
    for n in range(MANY - 1):  # one is there, and one at data0
        staging.joinpath(f"run{scene.number}_{n:05d}.graw").write_bytes(b"data")
    scene.run.put("Stop", "1")
    files = staging / "exp" / f"run_{scene.number:04d}"
    match moment:
        case "moved":
            until(files.is_dir, "the first moved file")
        case "recorded":
            until(lambda: of_run(scene), "the first recorded file")
        case "told":
            scene.run.until("Sorting", "No")
    scene.lab.serve_no_more(signal.SIGKILL)
    scene.serve_again()
    scene.run.until("Sorting", "No")
    until(lambda: of_run(scene) == MANY + 1, lambda: f"all files: {of_run(scene)}")
    assert len(list(files.iterdir())) == MANY
    assert list(staging.glob("*.graw")) == []

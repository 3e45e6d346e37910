"""The computer's clock is set while a run is open: no duration follows it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.e2e.truth.scene import Scene
from tests.support.waiting import until

STEP = 3600  # [s]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", [STEP, -STEP])
def test_a_clock_that_is_set_is_told_and_changes_no_duration(
    scene: Scene, step: int
) -> None:
    scene.is_spent = True  # what follows would have times of another clock
    scene.run.put("AutoStop", str(STEP / 2))
    scene.bring("Running")
    scene.set_clock(step)
    until(lambda: "clock set" in scene.events(), "the event of it")
    scene.server().until("State", "Running")
    assert scene.run.get("State") == "Running"
    assert float(scene.run.get("Duration")) < STEP / 4
    scene.log.put("Note", "now")
    until(lambda: "now" in scene.log.get("Last"), "what happens now in the log")
    scene.stop()
    query = "SELECT start, stop, live_time, note FROM run WHERE number = ?"
    with closing(sqlite3.connect(scene.lab.folder / "exp.db")) as store:
        start, stop, live, note = store.execute(query, (scene.number,)).fetchone()
    assert 0 < live <= stop - start < 1e6 * STEP / 4
    way = "forward" if step > 0 else "back"
    assert f"The clock was set {way} by 3600.0 s at " in note

"""The computer's clock is set while a run is open: no duration follows it."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import until
from tests.e2e.truth.conftest import Scene

STEP = 3600  # [s]

# Stands in for a clock that is set: whatever daqpv asks it is off by what a file says
OFFSET = """\
import os, time
wall, path = time.time, os.environ["CLOCK_OFFSET_FILE"]
def shifted():
    with open(path) as file:
        return wall() + float(file.read())
time.time = shifted
"""


@pytest.fixture
def offset(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with what daqpv's clock is off by [s]."""
    tmp_path.joinpath("sitecustomize.py").write_text(OFFSET)
    offset = tmp_path / "offset"
    offset.write_text("0")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(offset))
    scene.is_spent = True  # nothing else should be served so
    scene.lab.serve_no_more(signal.SIGTERM)
    scene.serve_again()
    return offset


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", [STEP, -STEP])
def test_a_clock_that_is_set_is_told_and_changes_no_duration(
    scene: Scene, offset: Path, step: int
) -> None:
    scene.run.put("AutoStop", str(STEP / 2))
    scene.bring("Running")
    new = offset.with_name("new")
    new.write_text(str(step))
    new.replace(offset)
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

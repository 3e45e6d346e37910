"""The pulse on the disk: what is read is what was noted last, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daqpv.links.files import pulse_file
from daqpv.links.files.pulse_file import SIZE, PulseFile
from tests.support.virtual import SetClock


def noted(path: Path, **facts: float) -> None:
    with PulseFile(path) as pulse:
        pulse.beat(facts)


def test_the_last_beat_is_found_again_with_its_age(tmp_path: Path) -> None:
    path = tmp_path / "exp.spool" / "pulse.json"
    assert PulseFile(path).last() is None
    noted(path, number=11, live_time=1e6)
    noted(path, number=12, live_time=6.25)
    assert path.stat().st_size == SIZE
    beat = PulseFile(path).last()
    assert beat is not None
    assert beat.facts == {"number": 12, "live_time": 6.25}
    assert 0 <= beat.age < 30
    assert beat.step == 0


def test_a_clock_that_was_set_meanwhile_changes_no_age(tmp_path: Path) -> None:
    path = tmp_path / "pulse.json"
    noted(path, number=12)
    clock = SetClock()
    clock.step = -3600.0
    beat = PulseFile(path, clock=clock).last()
    assert beat is not None
    assert 0 <= beat.age < 30
    assert beat.step == pytest.approx(-3600, abs=0.1)


def test_after_a_start_of_the_computer_the_wall_clock_is_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pulse.json"
    noted(path, number=12)
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(pulse_file, "_BOOT", boot)
    clock = SetClock()
    clock.step = 600.0
    beat = PulseFile(path, clock=clock).last()
    assert beat is not None
    assert beat.age == pytest.approx(600, abs=30)
    assert beat.step == 0
    clock.step = -600.0
    beat = PulseFile(path, clock=clock).last()
    assert beat is not None
    assert beat.age == 0  # never in the future


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "\0" * SIZE,
        "[]",
        '{"boot": "", "steady": 1, "time": NaN, "facts": {}}',
        '{"boot": "", "steady": 1, "time": 1e9, "facts": {"number": "12"}}',
    ],
)
def test_what_cannot_be_understood_is_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pulse.json"
    path.write_text(content)
    assert PulseFile(path).last() is None
    noted(path, number=12)
    assert json.loads(path.read_text())["facts"] == {"number": 12}


def test_a_disk_that_takes_nothing_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "no" / "folder"
    (tmp_path / "no").touch()
    noted(path, number=12)
    assert PulseFile(path).last() is None

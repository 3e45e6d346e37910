"""daqpv sim: a simulated server misbehaves as it is told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.commands import daqpv, told


def test_a_fault_is_set_shown_and_cleared(shared_lab: Any, cobo: Any) -> None:
    file = str(shared_lab.file)
    words = ("Configure", "refuse", "--times", "2", "--message", "no power")
    assert daqpv("sim", "fault", file, "CoBo0", *words).exit_code == 0
    faults = json.loads(daqpv("sim", "show", file, "CoBo0").stdout)["faults"]
    assert faults["Configure"]["message"] == "no power"
    assert faults["Configure"]["times"] == 2
    assert daqpv("sim", "clear", file, "CoBo0").exit_code == 0
    assert json.loads(daqpv("sim", "show", file, "CoBo0").stdout)["faults"] == {}


def test_a_server_goes_offline_and_comes_back(shared_lab: Any, cobo: Any) -> None:
    online = cobo.monitor("Online")
    online.until("Online")
    file = str(shared_lab.file)
    assert daqpv("sim", "offline", file, "CoBo0", "--seconds", "3").exit_code == 0
    online.until("Offline")
    online.until("Online")


def test_what_the_simulator_refuses_is_told(shared_lab: Any) -> None:
    result = daqpv("sim", "fault", str(shared_lab.file), "CoBo0", "Nonsense", "hang")
    assert result.exit_code == 1
    assert "Nonsense" in told(result)[0]


def test_a_real_server_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(
        'experiment: e\nprefix: "E:"\necc: {CoBo0: {url: "http://192.0.2.1"}}\n'
    )
    result = daqpv("sim", "crash", str(file), "CoBo0")
    assert result.exit_code == 2
    assert "is no simulator of this computer" in told(result)[0]

"""An instrument that appends to a text file, as clients see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from daqpv.errors import OperationError
from daqpv.testing import served

EXPERIMENT = """
experiment: lab
prefix: "LAB:"
store: none
instruments:
  weather:
    file: "{file}"
    period: 100 ms
    columns: {{header: 1, time: "%Y-%m-%d %H:%M:%S", names: [t, h]}}
    channels: {{t: {{units: degC}}, h: {{units: "%"}}}}
"""


def test_lines_bad_ones_and_reading_again(tmp_path: Path) -> None:
    file = tmp_path / "weather.csv"
    file.write_text(
        "time,t,h\n2026-11-29 10:00:00,20.5,40\n2026-11-29 10:00:01,x,41\n"
        "2026-11-29 10:00:02,20.7,42\n"
    )
    with served(EXPERIMENT.format(file=file), tmp_path) as lab:
        lab.until("Inst:weather:t", "20.700")
        lab.until("Inst:weather:LinesBad", "1")
        assert "10:00:01,x,41" in lab.get("Inst:weather:BadLines")
        assert "10:00:01,x,41" in lab.get("Inst:weather:LastBad")
        good = lab.get("Inst:weather:LinesOK")
        lab.put("Inst:weather:Reparse", "2026-11-29 10:00:02")
        assert lab.get("Inst:weather:Reparse") == "2026-11-29 10:00:02: 1 lines"
        lab.put("Inst:weather:Reparse", "2026-01-01")
        # the bad one has a good h
        assert lab.get("Inst:weather:Reparse").endswith(": 3 lines")
        assert lab.get("Inst:weather:LinesOK") == good
        with pytest.raises(OperationError):
            lab.put("Inst:weather:Reparse", "some day")
        assert "wanted is a time ago" in lab.get("Inst:weather:LastError")

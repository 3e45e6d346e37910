"""An instrument that appends to a text file, as clients see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daqpv.errors import OperationError
from tests.support.experiment import CA_PORT, making

COLUMNS = {"header": 1, "time": "%Y-%m-%d %H:%M:%S", "names": ["t", "h"]}
CHANNELS = {"t": {"units": "degC"}, "h": {"units": "%"}}
LINES = """time,t,h
2026-11-29 10:00:00,20.5,40
2026-11-29 10:00:01,x,41
2026-11-29 10:00:02,20.7,42
"""


def test_lines_bad_ones_and_reading_again(tmp_path: Path) -> None:
    file = tmp_path / "weather.csv"
    file.write_text(LINES)
    weather = {"file": str(file), "columns": COLUMNS, "channels": CHANNELS}
    with making(tmp_path, CA_PORT) as make:
        lab = make(cobos=0)
        text = {
            "experiment": "exp",
            "prefix": lab.prefix,
            "store": "none",
            "instruments": {"weather": weather | {"period": "100 ms"}},
        }
        lab.file.write_text(json.dumps(text))  # JSON is YAML, too
        lab.serve()
        client = lab.client("weather", "Inst")
        client.until("t", "20.700")
        client.until("LinesBad", "1")
        assert "10:00:01,x,41" in client.get("BadLines")
        assert "10:00:01,x,41" in client.get("LastBad")
        good = client.get("LinesOK")
        client.put("Reparse", "2026-11-29 10:00:02")
        assert client.get("Reparse") == "2026-11-29 10:00:02: 1 lines"
        client.put("Reparse", "2026-01-01")
        assert client.get("Reparse").endswith(": 3 lines")  # h of the bad one is good
        assert client.get("LinesOK") == good
        with pytest.raises(OperationError):
            client.put("Reparse", "some day")
        assert "wanted is a time ago" in client.get("LastError")

"""10,000 columns, of a text file and of a line: they are served, nobody waits long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.experiment import SHARED_PORT, Client, making
from tests.support.ground import Ground, instrument, serve
from tests.support.waiting import until

COLUMNS = 10_000
TIMES = 2  # lines of each


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with Ground() as ground:
        yield ground


@pytest.mark.timeout(120)
def test_10000_columns_are_served_and_hold_up_nobody(
    tmp_path: Path, ground: Ground
) -> None:
    with making(tmp_path, SHARED_PORT) as make:
        lab = make(cobos=0)
        names = [f"c{n}" for n in range(COLUMNS)]
        channels: dict[str, Any] = {name: {} for name in names}
        file = tmp_path / "logger.txt"
        file.write_text(_line(0, "\t"))
        device = ground.device(lambda line: None)
        found: dict[str, Any] = {
            "file": {
                "file": str(file),
                "period": 0.2,
                "columns": {"separator": "tab", "names": names},
                "channels": channels,
            },
            "line": {
                "connection": device.address,
                "terminator": "\n",
                "stream": ",".join(f"{{{name}:g}}" for name in names),
                "channels": channels,
            },
        }
        serve(lab, found)
        clients = [instrument(lab, name) for name in found]
        for client in clients:
            client.until("Online", "Online")
        for turn in range(1, TIMES + 1):
            with file.open("a") as logger:
                logger.write(_line(turn, "\t"))
            ground.call(device.send, _line(turn, ",").encode())
            for client in clients:
                for n in (0, 4321, COLUMNS - 1):
                    client.until(f"c{n}", f"{n + turn}.000")
        for client in clients:
            until(partial(_has_counted, client), "counts")
            assert client.get("LinesBad") == "0"
        log = (lab.folder / "exp.log").read_text()
        assert not re.search(r"warning +IOC:main loop blocked", log)


def _has_counted(client: Client) -> bool:
    return int(client.get("LinesOK")) >= TIMES


def _line(turn: int, separator: str) -> str:
    return separator.join(str(n + turn) for n in range(COLUMNS)) + "\n"

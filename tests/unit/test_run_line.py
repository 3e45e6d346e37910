"""daqpv status: the run in a line."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from daqpv.cli.status.board import Row, Signal, run_line
from daqpv.core import PvInfo


def row(texts: Mapping[str, str], *, served: bool = True) -> Row:
    """The Run, whose PVs say `texts`."""
    run = Row("AT:Run:", "Run")
    for name, text in texts.items():
        info = PvInfo(name=f"AT:Run:{name}", device="run", record="", writable=False)
        run.signals[name] = signal = Signal(info)
        signal.text, signal.is_connected = text, served
    return run


OPEN = {
    "Number": "12",
    "State": "Running",
    "DurationText": "00:10:02",
    "Rate": "12.30",
    "DiskTimeLeft": "3.2",
    "Operator": "Otto",
    "Title": "12Be on p",
}


def test_the_run_is_told_with_what_a_shift_asks_first() -> None:
    assert run_line([Row("AT:Sys:", "Sys"), row(OPEN)]) == (
        'Run 12 Running  00:10:02  12.30 MB/s  disk full in 3.2 h  Otto  "12Be on p"'
    )


@pytest.mark.parametrize("left", ["nan", "9999.0", ""])
def test_what_is_not_known_is_left_out(left: str) -> None:
    texts = OPEN | {"DiskTimeLeft": left, "Operator": "", "Title": ""}
    assert run_line([row(texts)]) == "Run 12 Running  00:10:02  12.30 MB/s"


def test_before_the_first_run_there_is_none() -> None:
    assert run_line([row(OPEN | {"Number": "-1"})]) == "No run yet"


def test_a_run_that_nobody_serves_is_not_told() -> None:
    assert run_line([row(OPEN, served=False)]) == ""
    assert run_line([]) == ""

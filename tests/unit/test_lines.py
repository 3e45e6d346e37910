"""No control character reaches a terminal, and no formula a spreadsheet."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.cli.csv_cells import csv_cell
from daqpv.cli.run.formats import TEXTS, Runs
from daqpv.cli.status.board import Board
from daqpv.core import PvInfo, Severity, Status
from daqpv.core.lines import has_controls, is_text, one_line, plain
from daqpv.links.ca.channel import Update
from daqpv.runs import Entry, RunRecord

EVIL = "a\x1b]0;b\x07\r\x9b2J\u202e"


@given(st.text())
def test_no_control_character_is_left_in_a_line(text: str) -> None:
    assert not has_controls(one_line(text))
    lines = plain(text).split("\n")
    assert len(lines) == text.count("\n") + 1
    assert not any(map(has_controls, lines))


def test_bytes_that_are_no_text_are_known() -> None:
    assert is_text("caf\xe9")
    assert not is_text(os.fsdecode(b"caf\xe9"))


@pytest.mark.parametrize("text", ["=1+1", "+a", "-x", "@SUM(A1)", "\t=1", "\r=1", "-"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "-3.5", "+1e3", "'=1", "5"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert csv_cell(text) == text


def test_what_the_status_screen_knows_of_a_pv_has_no_control_characters() -> None:
    info = PvInfo(
        name="T:ECC:CoBo0:State", device="CoBo0", record="mbbi", writable=False
    )
    changed: list[str] = []
    board = Board([info], "T:", lambda signal, _: changed.append(signal.text))
    signal = board.rows[0].signals["State"]
    board._updated(signal, Update(EVIL, Severity.NO_ALARM, Status.NO_ALARM, (0, 0)))
    assert changed == [one_line(EVIL)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_export_to_a_terminal_has_no_control_characters() -> None:
    run = RunRecord(
        number=1, title=EVIL, comment=EVIL, start=0.0, seen=1.0, entry=Entry.ENDED
    )
    runs = Runs(runs=[run], values={}, names=[])
    for write in TEXTS.values():
        file = Terminal()
        write(runs, file)
        assert not any(map(has_controls, file.getvalue().split("\n")))
    plain = io.StringIO()
    TEXTS["csv"](runs, plain)
    assert EVIL in plain.getvalue()


def test_a_word_that_is_no_text_is_a_sentence() -> None:
    lines: list[list[str | bytes]] = [
        ["put", "T:PV", b"\xff"],
        ["put", b"\xff", "1"],
        ["get", b"\xff"],
    ]
    for words in lines:
        done = subprocess.run(
            [sys.executable, "-m", "daqpv", *words],
            capture_output=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.endswith(b": b'\\xff' is not UTF-8.\n")

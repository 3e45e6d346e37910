"""``daqpv runs`` as an operator types it: what is found, how it looks, what it says."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from daqpv.cli import main
from daqpv.cli.run.facts import amount_text
from daqpv.cli.run.table import table
from daqpv.core import Event, EventSeverity, Origin, Severity
from daqpv.runs import (
    Entry,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunValue,
)
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Source
from daqpv.store.writing.journal import Journal
from daqpv.store.writing.refused import Refused
from tests.support import forks

TIMEOUT = 30.0  # [s] for a command on a busy machine
START = 1795183200.0  # 2026-11-20 14:00 UTC
RUN = RunRecord(
    number=12,
    entry=Entry.ENDED,
    start=START,
    stop=START + 3661,
    seen=START + 3661,
    live_time=3600.0,
    kind="Production",
    title="alpha source, 300 Torr",
    operator="otto",
    config="e20009, pulser",
    data=123_456_789_012,
)


class Experiment:
    """A file with observables, and its store in SQLite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "e20009.yaml"
        self.file.write_text(
            'experiment: e20009\nprefix: "AT:"\nstore: "sqlite:///e20009.db"\n'
            'ecc:\n  CoBo3: {url: "http://127.0.0.1:1/"}\n'
            "run:\n  observables:\n    target: {type: string}\n"
            "    pressure: {units: Torr}\n"
        )
        self._journal = Journal(
            f"sqlite:///{folder}/e20009.db", "e20009", Refused(folder).keep
        )
        self._count = 0

    def keep(self, *records: Any) -> None:
        entries = []
        for record in records:
            self._count += 1
            entries.append(OWN.entry(self._count, record, "main@hut"))
        assert self._journal.write(Source("a" * 32, "main@hut"), entries) == []

    def runs(self, action: str, *arguments: object, command: str = "runs") -> Result:
        words = [command, action, self.file] if action else [command, self.file]
        return CliRunner().invoke(main, [str(word) for word in (*words, *arguments)])

    def close(self) -> None:
        self._journal.close()


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    experiment = Experiment(tmp_path)
    yield experiment
    experiment.close()


def numbers(result: Result) -> list[int]:
    assert result.exit_code == 0, result.stderr
    return [int(line.split()[0]) for line in result.stdout.splitlines()[1:]]


# -- list ------------------------------------------------------------------------------


def test_the_newest_run_comes_last(experiment: Experiment) -> None:
    experiment.keep(*(replace(RUN, number=number) for number in (12, 3, 7)))
    assert numbers(experiment.runs("list")) == [3, 7, 12]
    assert numbers(experiment.runs("list", "-n", 2)) == [7, 12]


def test_runs_are_found_by_what_is_written_of_them(experiment: Experiment) -> None:
    experiment.keep(
        replace(RUN, number=1, start=START - 86400),
        replace(RUN, number=2, kind="Junk"),
        replace(RUN, number=3, comment="No Beam"),
    )
    assert numbers(experiment.runs("list", "--class", "junk")) == [2]
    assert numbers(experiment.runs("list", "--since", "2026-11-20")) == [2, 3]
    assert numbers(experiment.runs("list", "--text", "no beam")) == [3]
    nothing = experiment.runs("list", "--text", "nothing")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == "No run matches.\n"


def test_no_value_is_too_large_or_of_another_alphabet(experiment: Experiment) -> None:
    experiment.keep(RUN)
    result = experiment.runs("edit", RUN.number, "--title", "caf\udce9")
    assert result.exit_code == 0, result.stderr
    assert numbers(experiment.runs("list", "--text", "caf\udce9")) == [RUN.number]
    for words in (("show", 10**20), ("list", "-n", 10**20)):
        result = experiment.runs(*words)
        assert result.exit_code == 2
        assert "is not in the range" in result.stderr


def test_a_pipe_gets_everything_uncut_and_on_one_line(experiment: Experiment) -> None:
    experiment.keep(replace(RUN, title="x" * 300 + "\n\x1b[2J", operator="anna@hut"))
    line = experiment.runs("list").stdout.splitlines()[1]
    assert "x" * 300 + r"\n\x1b[2J" in line
    assert "2026-11-20 14:00 01:01:01 01:00:00 123 GB ended anna@hut" in line


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_the_terminal(width: int) -> None:
    title = "Kälte 氷 and a title that is far longer than any terminal is wide " * 3
    long = replace(
        RUN, number=10_000, title=title, entry=Entry.INTERRUPTED, operator=99 * "o"
    )
    head, *lines = table([RUN, long], width)
    assert head.startswith("  Run Class")
    assert max(map(len, lines)) <= width
    assert all("14:00 01:01:01 01:00:00 123 GB" in line for line in lines)
    assert "Kälte 氷" in lines[1]
    assert ("2026-11-20" in lines[0]) == (width == 120)


def test_a_terminal_gets_lines_as_wide_as_it_is(experiment: Experiment) -> None:
    experiment.keep(replace(RUN, title="long " * 50))
    command = [sys.executable, "-m", "daqpv", "runs", "list", str(experiment.file)]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    with forks.Process(command, stdout=theirs) as process:
        os.close(theirs)
        text = b""
        while chunk := read(ours):
            text += chunk
        assert process.wait(TIMEOUT) == 0
    os.close(ours)
    lines = text.decode().splitlines()
    assert [len(line) <= 80 for line in lines] == [True, True]
    assert "long lo…" in lines[1]


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody writes any more
        return b""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_994_999, "9.99 MB"),
        (99_949_999, "99.9 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.00 GB"),
        (5.5e18, "5500 PB"),
    ],
)
def test_amounts_have_three_digits(size: float, text: str) -> None:
    assert amount_text(size) == text


def test_the_list_is_quick_because_it_loads_little(experiment: Experiment) -> None:
    experiment.keep(RUN)
    code = (
        "import sys; from daqpv.cli import main\n"
        f"main(['runs', 'list', {str(experiment.file)!r}], standalone_mode=False)\n"
        "slow = {'sqlalchemy', 'numpy', 'zeep', 'daqpv.runs.run', 'daqpv.serve'}\n"
        "sys.exit(' '.join(slow.intersection(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "alpha source" in done.stdout


def test_without_runs_and_without_a_store(experiment: Experiment) -> None:
    without = experiment.runs("list")
    assert without.exit_code == 1
    assert "there is no store" in without.stderr
    experiment.keep()
    assert experiment.runs("list").stderr == "No run yet.\n"


# -- show ------------------------------------------------------------------------------


def test_a_page_has_everything_of_a_run(experiment: Experiment) -> None:
    by = Origin("anna", "hut")
    experiment.keep(
        replace(RUN, comment="first\nsecond\x1b"),
        RunValue(number=12, name="target", type="string", value="CH2"),
        RunValue(
            number=12, name="pressure", type="float", units="Torr", value=300.5,
            start=300.0, stop=301.0, mean=300.5, low=299.0, high=302.0, count=3600,
            severity=Severity.MINOR,
        ),
        RunValue(number=12, name="field", type="float", units="T"),
        RunPv(number=12, moment="start", pv="LAB:P", value=1.5, severity=Severity(0)),
        RunPv(number=12, moment="stop", pv="LAB:P"),
        RunChange(number=12, time=START, field="title", old="a", new="b", origin=by),
        RunFile(number=12, router="data0", path="/d/a.graw", size=7, time=START),
        RunDocument(number=12, server="CoBo0", name="a.xcfg", text="<a/>"),
        RunValue(number=13, name="target", type="string", value="other run"),
    )  # fmt: skip
    text = experiment.runs("show", 12).stdout
    assert text.startswith("Run 12: Production, ended\n")
    for line in (
        "Title          alpha source, 300 Torr",
        "Stop           2026-11-20 15:01:01 UTC",
        "Comment        first\n               second\\x1b",
        "  target    CH2\n"
        "  pressure  300.5 Torr  (start 300, stop 301, mean 300.5, low 299, high 302, "
        "3600 readings, MINOR)\n"
        "  field     -",
        "  LAB:P: start 1.5, stop not read, INVALID",
        "  2026-11-20 14:00:00 UTC title: 'a' -> 'b' [anna@hut]",
        "  data0: 1 file, 7 B\n    /d/a.graw",
        "  CoBo0/a.xcfg, 4 characters",
    ):
        assert f"\n{line}\n" in text
    assert "other run" not in text
    document = experiment.runs("show", 12, "--document", "CoBo0/a.xcfg")
    assert document.stdout == "<a/>"
    wrong = experiment.runs("show", 12, "--document", "a.xcfg")
    assert wrong.stderr == "Run 12 has no document a.xcfg: CoBo0/a.xcfg\n"


def test_a_run_that_is_not_there(experiment: Experiment) -> None:
    experiment.keep()
    result = experiment.runs("show", 12)
    assert (result.exit_code, result.stderr) == (1, "there is no run 12 of e20009.\n")


# -- edit ------------------------------------------------------------------------------


def test_what_is_written_of_a_run_can_be_corrected(experiment: Experiment) -> None:
    experiment.keep(RUN)
    done = experiment.runs("edit", 12, "--class", "junk", "--comment", "no beam")
    assert done.stdout == "Run 12: changed class, comment\n"
    again = experiment.runs("edit", 12, "--class", "Junk")
    assert again.stdout == "Run 12: changed nothing: it was so already\n"
    page = experiment.runs("show", 12).stdout
    assert page.startswith("Run 12: Junk, ended\n")
    assert re.search(r"class: 'Production' -> 'Junk' \[\S+@\S+\]", page)


def test_observables_of_a_run_can_be_corrected(experiment: Experiment) -> None:
    experiment.keep(
        RUN, RunValue(number=12, name="pressure", type="float", value=300.0, count=9)
    )
    edit = ("edit", 12, "--set")
    done = experiment.runs(*edit, "pressure=300.5", "--set", "target=C = 2", "--set=x=")
    assert done.stderr == "run 12 has no observable x: target, pressure.\n"
    done = experiment.runs(*edit, "pressure=300.5", "--set", "target=C = 2")
    assert done.stdout == "Run 12: changed Par:pressure, Par:target\n"
    page = experiment.runs("show", 12).stdout
    assert "  target    C = 2\n  pressure  300.5  (9 readings)\n" in page
    assert re.search(r" Par:pressure: '300.0' -> '300.5' \[\S+@\S+\]\n", page)
    assert experiment.runs(*edit, "target=").exit_code == 0
    assert "  target    -\n" in experiment.runs("show", 12).stdout
    wrong = experiment.runs(*edit, "pressure")
    assert (wrong.exit_code, "wanted is NAME=VALUE" in wrong.stderr) == (2, True)


def test_the_log_has_who_edited_a_run(experiment: Experiment) -> None:
    experiment.keep(RUN, replace(RUN, number=13))
    experiment.runs("edit", 12, "--class", "junk")
    said = re.compile(r"Run 12 edited: class Production -> Junk by \S+@\S+")
    for options, is_there in ((), True), (("--run", 12), True), (("--run", 13), False):
        result = experiment.runs("", *options, command="log")
        assert bool(said.search(result.stdout)) == is_there, options


def test_a_run_that_is_open_is_not_edited(experiment: Experiment) -> None:
    experiment.keep(replace(RUN, entry=Entry.OPEN, stop=None))
    result = experiment.runs("edit", 12, "--title", "x")
    assert result.exit_code == 1
    assert "Run 12 is open: caput AT:Run:Title" in result.stderr
    assert "--title" in experiment.runs("edit", 12).stderr


# -- export ----------------------------------------------------------------------------

COLUMNS = [
    *("run number", "run class", "title", "start date/time", "stop date/time"),
    *("config name", "live time (s)", "data (bytes)", "operator", "comment"),
    *("entry", "note", "target", "pressure", "old"),
]
HARD = 'a "title", with;\nall\tthere is, =1+1 and Kälte'


@pytest.fixture
def exported(experiment: Experiment) -> Experiment:
    experiment.keep(
        replace(RUN, title=HARD, comment="=1+1"),
        replace(RUN, number=2, entry=Entry.OPEN, stop=None, title=""),
        RunValue(number=12, name="pressure", type="float", units="Torr", value=300.5),
        RunValue(number=12, name="target", type="string", value="007"),
        RunValue(number=2, name="pressure", type="float", value=None),
        RunValue(number=2, name="old", type="int", value=4, count=2),
    )
    return experiment


def test_csv_has_a_row_for_each_run(exported: Experiment) -> None:
    result = exported.runs("export")
    head, open_, ended = csv.reader(io.StringIO(result.stdout))
    assert head == COLUMNS
    assert dict(zip(head, ended, strict=True)) == {
        "run number": "12",
        "run class": "Production",
        "title": HARD,
        "start date/time": "2026-11-20 14:00:00.000000",
        "stop date/time": "2026-11-20 15:01:01.000000",
        "config name": "e20009, pulser",
        "live time (s)": "3600.0",
        "data (bytes)": "123456789012",
        "operator": "otto",
        "comment": "'=1+1",
        "entry": "ended",
        "note": "",
        "target": "007",
        "pressure": "300.5",
        "old": "",
    }
    assert (open_[4], open_[-3:]) == ("", ["", "", "4"])


@pytest.mark.parametrize("name", ["r.doc", "r.CSVV", "r.csv.gz"])
def test_an_end_that_no_format_has_is_refused(exported: Experiment, name: str) -> None:
    result = exported.runs("export", exported.folder / name)
    assert result.exit_code == 2
    assert "is no format. OUT ends in .csv, .json, .xlsx, or say --f" in result.stderr
    assert not (exported.folder / name).exists()
    assert exported.runs("export", exported.folder / "r").exit_code == 0


def test_a_dash_is_the_terminal(exported: Experiment) -> None:
    result = exported.runs("export", "-")
    assert result.stdout == exported.runs("export").stdout
    assert not (exported.folder / "-").exists()


def test_json_has_all_of_the_observables(exported: Experiment) -> None:
    out = exported.folder / "runs.json"
    result = exported.runs("export", out)
    assert result.stdout == f"{out}: 2 runs\n"
    first, second = json.loads(out.read_text())
    assert first["observables"]["old"]["count"] == 2
    assert (first["stop"], first["observables"]["pressure"]["value"]) == (None, None)
    assert second["stop"] == "2026-11-20T15:01:01.000000Z"
    assert (second["class"], second["title"]) == ("Production", HARD)
    assert list(second["observables"]) == ["target", "pressure"]
    again = exported.runs("export", out)
    assert again.exit_code == 1
    assert "exists: nothing is overwritten" in again.stderr


def test_an_export_of_nothing_is_whole(experiment: Experiment) -> None:
    experiment.keep()
    assert json.loads(experiment.runs("export", "--format", "json").stdout) == []
    head = experiment.runs("export").stdout
    assert head.splitlines() == [",".join(COLUMNS[:-1])]


def test_a_workbook_has_numbers_as_numbers_and_no_formulas(
    exported: Experiment,
) -> None:
    exported.keep(replace(RUN, number=13, title="bell\x07", comment="=SUM(A1)"))
    out = exported.folder / "runs.xlsx"
    assert exported.runs("export", out).exit_code == 0
    sheet = load_workbook(out)["Runs"]
    head, _, ended, last = sheet.iter_rows(values_only=True)
    assert list(head) == COLUMNS
    row = dict(zip(head, ended, strict=True))
    assert (row["run number"], row["pressure"], row["target"]) == (12, 300.5, "007")
    assert (row["title"], row["old"]) == (HARD, None)
    assert last[2] == "bell\N{REPLACEMENT CHARACTER}"
    types = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in types
    text = exported.runs("export", "--format", "xlsx")
    assert text.exit_code == 2
    assert "it needs a file OUT" in text.stderr


def test_without_openpyxl_a_workbook_says_what_to_install(
    exported: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    result = exported.runs("export", exported.folder / "runs.xlsx")
    assert result.exit_code == 1
    assert "pip install 'daqpv[xlsx]'" in result.stderr
    assert not list(exported.folder.glob("*.xlsx*"))


# -- the log of a run ------------------------------------------------------------------


def test_the_log_of_a_run_is_from_its_start_to_its_stop(experiment: Experiment) -> None:
    information = EventSeverity.INFORMATION
    moments = {"before": -1.0, "first": 0.001, "end": 3661.2, "after": 3665.0}
    experiment.keep(
        RUN,
        replace(RUN, number=13, entry=Entry.OPEN, start=START + 3663, stop=None),
        *(
            Event(time=START + t, severity=information, name="x", text=text)
            for text, t in moments.items()
        ),
    )

    def texts(*options: object) -> list[str]:
        found = experiment.runs("", *options, "--format", "json", command="log")
        assert found.exit_code == 0, found.stderr
        return [json.loads(line)["text"] for line in found.stdout.splitlines()]

    assert texts("--run", 12) == ["first", "end"]
    assert texts("--run", 13) == ["after"]
    none = experiment.runs("", "--run", 14, command="log")
    assert (none.exit_code, none.stderr) == (1, "there is no run 14 of e20009.\n")
    both = experiment.runs("", "--run", 12, "--since", "1h", command="log")
    assert both.exit_code == 2

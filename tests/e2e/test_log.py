"""``daqpv log`` as an operator types it: what is found, how it looks, how it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, text

from daqpv.cli import main
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.migrate import prepare
from daqpv.store.tables.models import EVENT, EXPERIMENT
from tests.support.terminal import environ, open_terminal, read_all
from tests.support.waiting import DEADLINE

LONG = (
    "CoBo3 is Prepared, the others Ready: caput AT:Sys:Target Ready brings it to where "
    "the others are, and nothing is sent to those that are there already"
)


class Experiment:
    """A file, and its store in SQLite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "e20009.yaml"
        self.write("sqlite:///e20009.db")
        self._engine = make_engine(f"sqlite:///{folder}/e20009.db", writes=True)
        prepare(self._engine)
        with self._engine.begin() as connection:
            connection.execute(insert(EXPERIMENT).values(name="e20009"))

    def write(self, store: str | None) -> None:
        self.file.write_text(
            'experiment: e20009\nprefix: "AT:"\n'
            + (f"store: {store}\n" if store else "")
            + 'ecc:\n  CoBo3: {url: "http://127.0.0.1:1/"}\n'
        )

    def add(self, text: str, *, ago: float = 0, **more: Any) -> None:
        """Add an event."""
        row = {
            "experiment_id": 1,
            "time": round((time.time() - ago) * 1e6),
            "severity": 0,
            "name": "state",
            "device": "ECC:CoBo3",
            "process": "main@daq",
            "function": "ecc.move",
            "text": text,
            "fields": "{}",
            "who": "",
            "count": 1,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(EVENT).values(row | more))

    def do(self, statement: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement))

    def log(self, *options: str) -> Result:
        return CliRunner().invoke(main, ["log", str(self.file), *options])

    def texts(self, *options: str) -> list[str]:
        result = self.log("--format", "json", *options)
        assert result.exit_code == 0, result.stderr
        return [json.loads(line)["text"] for line in result.stdout.splitlines()]

    @contextmanager
    def running(self, *options: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
        """The command as a process."""
        command = [sys.executable, "-m", "daqpv", "log", str(self.file), *options]
        with subprocess.Popen(command, text=True, **more) as process:
            guard = threading.Timer(DEADLINE, process.kill)
            guard.start()
            try:
                yield process
            finally:
                guard.cancel()
                process.kill()

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    experiment = Experiment(tmp_path)
    yield experiment
    experiment.close()


# -- what is found ---------------------------------------------------------------------


def test_times_are_ago_or_moments_in_utc(experiment: Experiment) -> None:
    for hours in (30, 5, 2, 0.5):
        experiment.add(f"{hours}", ago=3600 * hours)
    assert experiment.texts("--since", "3h") == ["2", "0.5"]
    assert experiment.texts("--since", "180 min", "--until", "1h") == ["2"]
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 3 * 3600))
    assert experiment.texts("--since", moment) == ["2", "0.5"]
    assert experiment.texts("--until", f"{moment}Z") == ["30", "5"]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 48 * 3600))
    assert len(experiment.texts("--since", day)) == 4


def test_a_time_of_day_is_todays(experiment: Experiment) -> None:
    experiment.add("yesterday", ago=86400)
    experiment.add("today")
    found = experiment.texts("--since", "00:00")
    assert found in (["today"], [])  # midnight may pass meanwhile


def test_a_time_of_day_that_is_still_to_come_is_yesterdays(
    experiment: Experiment,
) -> None:
    experiment.add("before", ago=23.5 * 3600)
    experiment.add("in the night", ago=22 * 3600)
    in_an_hour = time.strftime("%H:%M:%S", time.gmtime(time.time() + 3600))
    assert experiment.texts("--since", in_an_hour) == ["in the night"]
    assert experiment.texts("--until", in_an_hour) == ["before"]
    east = time.strftime("%H:%M:%S+05:30", time.gmtime(time.time() + 6.5 * 3600))
    assert experiment.texts("--since", east) == ["in the night"]


def test_no_value_is_too_large_or_of_another_alphabet(experiment: Experiment) -> None:
    experiment.add(r"caf\udce9 is down", severity=1)
    assert len(experiment.texts("--since", "99999999999d")) == 1
    assert len(experiment.texts("--text", "caf\udce9", "--severity", "WARNING")) == 1


def test_all_choices_hold_together(experiment: Experiment) -> None:
    experiment.add("refused: busy", severity=1, who="anna@hut", name="put")
    experiment.add("refused: busy", severity=1, who="bert@hut", name="put")
    experiment.add("Refused: off", severity=2, who="anna@hut", name="put", device="Sys")
    experiment.add("done", severity=0, who="anna@hut", name="put")
    by_anna = ("--who", "anna", "--severity", "warning", "--text", "REFUSED")
    assert experiment.texts(*by_anna) == ["refused: busy", "Refused: off"]
    assert experiment.texts(*by_anna, "--device", "cobo*") == ["refused: busy"]
    assert experiment.texts(*by_anna, "--severity", "error") == ["Refused: off"]
    assert experiment.texts("--name", "p*", "--limit", "1") == ["done"]


def test_that_there_are_more_is_told_past_the_pipe(experiment: Experiment) -> None:
    for n in range(103):
        experiment.add(str(n), ago=200 - n)
    result = experiment.log()
    assert len(result.stdout.splitlines()) == 100
    assert result.stderr.startswith("The newest 100; there are more: -n 1000, ")
    assert experiment.texts() == [str(n) for n in range(3, 103)]
    assert experiment.texts("-n", "103")[0] == "0"
    assert experiment.log("-n", "103").stderr == ""
    assert experiment.texts("-n", "all") == [str(n) for n in range(103)]


def test_events_ahead_of_our_clock_hide_nothing(experiment: Experiment) -> None:
    experiment.add("before the clock was set back", ago=-3600)
    experiment.add("now", ago=5)
    result = experiment.log("-n", "1", "--format", "json")
    texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
    assert texts == ["before the clock was set back", "now"]
    assert "are ahead of the clock of this computer" in result.stderr
    assert experiment.texts("-n", "1", "--until", "1s") == ["now"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "No event yet."),
        (("--text", "nosuch"), "No event fits."),
        (("--device", "CoBo2"), "No event of a device CoBo2, did you mean 'CoBo3'?"),
    ],
)
def test_that_nothing_is_found_is_told(
    experiment: Experiment, options: tuple[str, ...], says: str
) -> None:
    if options:
        experiment.add("something")
    result = experiment.log(*options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{says}\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--since", "5"), "'5' is no time: wanted is a time ago like 90s, 30min"),
        (("--since", "tomorrow"), "'tomorrow' is no time"),
        (("--since", ""), "'' is no time"),
        (("--until", "2026-13-01"), "'2026-13-01' is no time"),
        (("--since", "1h", "--until", "2h"), "--since is not before --until"),
        (("--follow", "--until", "2h"), "--until is not valid"),
        (("-n", "-1"), "wanted is a number up to 100000, or all"),
        (("-n", "many"), "wanted is a number up to 100000, or all"),
        (("--severity", "fatal"), "'fatal' is not one of 'information'"),
        (("--run", "99999999999999999999"), "is not in the range"),
        (("--run", "-1"), "is not in the range"),
    ],
)
def test_a_wrong_option_is_told(
    experiment: Experiment, options: tuple[str, ...], says: str
) -> None:
    result = experiment.log(*options)
    assert result.exit_code == 2
    assert says in result.stderr


# -- how it looks ----------------------------------------------------------------------


def test_a_pipe_gets_the_lines_of_the_log_file(experiment: Experiment) -> None:
    experiment.add("moves", who="anna@hut", fields='{"state": "Idle"}')
    [line] = experiment.log().stdout.splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z information ECC:CoBo3 state: moves "
        r'by anna@hut \{"state": "Idle"\}.*',
        line,
    )


def test_csv_and_json_have_the_same_rows(experiment: Experiment) -> None:
    experiment.add('He said "no", twice', who="anna@hut", count=2, fields='{"n": [1]}')
    experiment.add("été 漢", severity=2, device="")
    rows = list(csv.DictReader(experiment.log("--format", "csv").stdout.splitlines()))
    objects = [
        json.loads(line)
        for line in experiment.log("--format", "json").stdout.splitlines()
    ]
    assert [row["text"] for row in rows] == ['He said "no", twice', "été 漢"]
    assert [row | {"fields": json.loads(row["fields"])} for row in rows] == [
        {key: value if key == "fields" else str(value) for key, value in one.items()}
        for one in objects
    ]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_control_character_gets_out(experiment: Experiment, form: str) -> None:
    evil = "a\x1b[2Jb\rc\nd\x9b31me\x7f\u2028f"
    experiment.add(evil, device="x\x1b[m", who="a\nb@h\x07", name="n\x1b", count=2)
    printed = experiment.log("--format", form).stdout
    assert len(printed.splitlines()) == (2 if form == "csv" else 1)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028]", printed)


def in_terminal(experiment: Experiment, *options: str, columns: int = 80) -> str:
    """What is printed to a terminal of so many columns."""
    ours, its = open_terminal(columns)
    colours = environ(TERM="xterm-256color")
    with experiment.running(*options, stdout=its, stderr=its, env=colours):
        os.close(its)
        return read_all(ours).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_the_terminal_and_loses_no_word(
    experiment: Experiment, columns: int
) -> None:
    experiment.add(LONG, severity=2, who="anna@hut")
    experiment.add("quick", device="Router:a_name_of_24_characters_")
    experiment.add("evil \x1b[2J")
    printed = in_terminal(experiment, columns=columns)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()
    assert max(map(len, lines)) <= columns
    assert re.fullmatch(r"\d{4}-\d\d-\d\d UTC *", lines[0])
    assert re.match(r"\d\d:\d\d:\d\d error   ECC:CoBo3 +CoBo3 is Prepared", lines[1])
    sentence = re.sub(r"\s+", " ", " ".join(lines))
    assert f"{LONG} [anna@hut]" in sentence
    assert "evil \\x1b[2J" in sentence
    assert "\x1b[31m" in printed  # an error is red


def test_a_table_tells_once_how_often_and_of_a_megabyte_its_beginning(
    experiment: Experiment,
) -> None:
    experiment.add("CPU load (21 times, this was the last)", count=21)
    experiment.add("M" * 1_000_000)
    lines = experiment_lines(in_terminal(experiment))
    assert sum(line.count("21 times") for line in lines) == 1
    assert len(lines) < 100
    assert "(1,000,000 characters)" in " ".join(lines)


def test_a_table_has_a_line_for_each_day(experiment: Experiment) -> None:
    for days in (2, 1, 1, 0):
        experiment.add("moves", ago=86400 * days)
    lines = experiment_lines(in_terminal(experiment))
    assert [line[10:].strip() == "UTC" for line in lines] == [
        *(True, False),
        *(True, False, False),
        *(True, False),
    ]


def experiment_lines(printed: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()


# -- following, and its end ------------------------------------------------------------


def test_follow_shows_what_comes_until_ctrl_c(experiment: Experiment) -> None:
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    experiment.add("old")
    with experiment.running("-f", "--severity", "warning", **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "No event fits.\n"
        experiment.add("no warning")
        experiment.add("first", severity=1)
        assert " first" in process.stdout.readline()
        experiment.add("second", severity=2)
        assert " second" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
        assert process.stdout.read() + process.stderr.read() == ""


def test_follow_ends_when_nobody_reads_any_more(experiment: Experiment) -> None:
    experiment.add("old")
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with experiment.running("-f", **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""


def test_a_pipe_that_is_closed_in_the_middle_is_no_fault(
    experiment: Experiment,
) -> None:
    experiment.add("x" * 100, id=1)
    experiment.do(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
        " INSERT INTO event SELECT i, experiment_id, time, severity, name, device, "
        "process, function, text, fields, who, count FROM event, n WHERE id = 1"
    )
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with experiment.running("-n", "all", **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""


def test_follow_goes_on_when_the_store_is_back(experiment: Experiment) -> None:
    experiment.add("old")
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with experiment.running("-f", **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert " old" in process.stdout.readline()
        experiment.do("ALTER TABLE event RENAME TO gone")
        assert "no such table: event" in process.stderr.readline()
        experiment.do("ALTER TABLE gone RENAME TO event")
        assert process.stderr.readline() == "The store answers again.\n"
        experiment.add("new")
        assert " new" in process.stdout.readline()


def test_it_starts_quickly_for_it_imports_neither_kinds_nor_the_pv_server(
    experiment: Experiment,
) -> None:
    environ = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    with experiment.running(env=environ, stderr=subprocess.PIPE) as process:
        _, told = process.communicate()
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "daqpv.store.reading.query" in imported
    assert not {name for name in imported if name.startswith(("daqpv.iocs", "caproto"))}


# -- a store that cannot be read -------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("none", "e20009.yaml has no store (store: none). "),
        ("sqlite:///no.db", "no.db yet: daqpv serve makes it. "),
        ("postgresql://daq:secret@127.0.0.1:1/daq", "daq:***@127.0.0.1:1/daq: "),
    ],
)
def test_a_store_that_cannot_be_read_is_told_with_where_else_to_look(
    experiment: Experiment,
    store: str | None,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    experiment.write(store)
    result = experiment.log()
    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr
    assert f"{experiment.folder}/e20009.log" in result.stderr
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr
    assert list(elsewhere.iterdir()) == []


def test_the_working_directory_does_not_matter(
    experiment: Experiment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    experiment.add("moves")
    experiment.write(None)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = experiment.log()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("moves") == 1


def test_what_waits_for_the_store_is_told(experiment: Experiment) -> None:
    experiment.add("moves")
    experiment.write("{url: 'sqlite:///e20009.db', spool: spool}")
    spool = experiment.folder / "spool" / "e20009" / "main"
    spool.mkdir(parents=True)
    (spool / "000001.spool").write_bytes(b"x" * 5000)
    result = experiment.log()
    assert result.stdout.count("moves") == 1
    assert f"0.005 MB wait in {spool.parent}. The newest events are" in result.stderr
    (spool / "refused.jsonl").write_text("{}\n{}\n")
    said = "it refuses 2 records: daqpv db retry "
    assert said in experiment.log().stderr
    listed = CliRunner().invoke(main, ["runs", "list", str(experiment.file)])
    assert said in listed.stderr


def test_a_newer_store_is_refused(experiment: Experiment) -> None:
    experiment.do("UPDATE alembic_version SET version_num = '9999'")
    result = experiment.log()
    assert result.exit_code == 1
    assert "newer daqpv" in result.stderr
    assert "install that daqpv here, too" in result.stderr

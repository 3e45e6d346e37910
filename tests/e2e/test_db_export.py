"""``daqpv db export`` and ``import`` as an operator types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, text

from daqpv.cli import main
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.migrate import prepare
from daqpv.store.tables.models import EVENT, EXPERIMENT

TIMEOUT = 30.0  # [s] for a command on a busy machine


def write(folder: Path, store: str) -> Path:
    """An experiment file with this store."""
    file = folder / f"{store}.yaml"
    file.write_text(
        f'experiment: e20009\nprefix: "AT:"\nstore: "sqlite:///{store}.db"\n'
        'ecc:\n  CoBo3: {url: "http://127.0.0.1:1/"}\n'
    )
    return file


def fill(folder: Path, store: str) -> None:
    engine = make_engine(f"sqlite:///{folder}/{store}.db", writes=True)
    prepare(engine)
    row = {
        "experiment_id": 1,
        "severity": 0,
        "name": "state",
        "device": "ECC:CoBo3",
        "process": "main@daq",
        "function": "ecc.move",
        "fields": "{}",
        "who": "",
        "count": 1,
    }
    rows = [row | {"time": 10**15 + n, "text": f"event {n}"} for n in range(3)]
    with engine.begin() as connection:
        connection.execute(insert(EXPERIMENT).values(name="e20009"))
        connection.execute(insert(EVENT), rows)
    engine.dispose()


def daqpv(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The file of an experiment that has a store with events."""
    fill(tmp_path, "old")
    return write(tmp_path, "old")


def test_records_move_to_another_store_and_the_log_is_the_same(
    old: Path, tmp_path: Path
) -> None:
    new, out = write(tmp_path, "new"), tmp_path / "out.zip"
    exported = daqpv("db", "export", old, out)
    assert exported.stdout == f"{out}: rows: 1 of experiment, 3 of event\n"
    imported = daqpv("db", "import", new, out)
    assert imported.stdout == f"{out}: rows: 1 of experiment, 3 of event\n"
    logs = [daqpv("log", file, "--format", "json").stdout for file in (old, new)]
    assert logs[0] == logs[1]
    assert "event 2" in logs[0]


@pytest.mark.parametrize(
    ("action", "file", "says"),
    [
        ("export", "old.db", "old.db exists: nothing is overwritten"),
        ("import", "old.db", "is no export of daqpv, or is damaged"),
        ("import", "no.zip", "no.zip cannot be read: No such file or directory"),
        ("import", "/dev/zero", "/dev/zero cannot be read: it is a pipe or a device"),
        ("import", "pipe", "pipe cannot be read: it is a pipe or a device"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    old: Path, tmp_path: Path, action: str, file: str, says: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = daqpv("db", action, old, tmp_path / file)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert says in line


def test_without_a_store_there_is_nothing_to_export(tmp_path: Path) -> None:
    file = write(tmp_path, "none")
    file.write_text(file.read_text().replace("sqlite:///none.db", "none"))
    result = daqpv("db", "export", file, tmp_path / "out.zip")
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [file])
    assert "has no store" in result.stderr


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an experiment whose store takes a second or more to read."""
    folder = tmp_path_factory.mktemp("big")
    fill(folder, "big")
    engine = make_engine(f"sqlite:///{folder}/big.db", writes=True)
    with engine.begin() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS "
                "(SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
                "INSERT INTO event SELECT i, experiment_id, time, severity, name, "
                "device, process, function, text, fields, who, count "
                "FROM event, n WHERE id = 1"
            )
        )
    engine.dispose()
    return write(folder, "big")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_export_that_is_ended_leaves_nothing(
    big: Path, tmp_path: Path, number: int
) -> None:
    command = [sys.executable, "-m", "daqpv", "db", "export", str(big)]
    with subprocess.Popen([*command, str(tmp_path / "out.zip")]) as process:
        guard = threading.Timer(TIMEOUT, process.kill)
        guard.start()
        while process.poll() is None and not list(tmp_path.glob(".out.zip*")):
            threading.Event().wait(0.01)
        process.send_signal(number)
        code = process.wait(TIMEOUT)
        guard.cancel()
    assert code in (1, 128 + number)
    assert list(tmp_path.iterdir()) == []

"""A store of every version that has landed is upgraded, and served, on each engine.

``tests/data/stores/`` has such stores as scripts of SQL. Each was written by the daqpv
of its version: ``0001``; ``0002-numbers``, whose SQLite columns make numbers of JSON;
``0002``.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL, make_url

from daqpv.cli import main
from daqpv.core import DeviceState, Events, Place, Setting
from daqpv.errors import StoreError
from daqpv.iocs.run import RunGroup
from daqpv.iocs.sheet import SheetGroup
from daqpv.links.files.settings_file import SettingsFile
from daqpv.runs import RunSnapshot, RunState
from daqpv.runs.record.kinds import PV, RUN, VALUE
from daqpv.runs.record.sheet import SheetSnapshot
from daqpv.store.tables import migrate, version
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.models import METADATA
from daqpv.store.tables.records import records
from tests.support.keeping import event, running
from tests.support.restart import Restart

STORES = Path(__file__).parents[2] / "data" / "stores"

LANDED = {
    "0001_first.py": "275148b1609f9c2c676f46caf06daf81",
    "0002_runs.py": "c6cccb95e6fa2b33f570303708834061",
    "0003_json_text.py": "e2698d407e08498b697a576ea465c957",
    "0004_journal.py": "e91c0c4e0521640227f6d24959a35618",
    "0005_device_state.py": "826d8759ce992ebdc892cd19a1e5b115",
}
"""BLAKE2 of the scripts. One that has landed is never changed: stores in use were
made by it. Correct its result in a new script, and add that one here."""

SETTINGS = {
    "field0": 3.0,
    "field1": 3,
    "field2": 2.5,
    "field3": 0.1 + 0.2,
    "field4": 1e22,
    "field5": "text",
    "field6": "12",
    "field7": True,
    "field8": None,
    "field9": [1, 2.0, "é"],
}


def test_no_landed_script_is_changed() -> None:
    scripts = sorted((version.SCRIPTS / "versions").glob("[0-9]*.py"))
    found = {
        path.name: hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        for path in scripts
    }
    assert found == LANDED


def _load_sqlite(url: URL, script: str) -> None:
    assert url.database
    with closing(sqlite3.connect(url.database)) as connection:
        connection.executescript(script)


def _load_server(*command: str) -> Callable[[URL, str], None]:
    def load(url: URL, script: str) -> None:
        values = {"port": url.port, "user": url.username, "database": url.database}
        filled = [part.format(**values) for part in command]
        done = subprocess.run(
            filled, input=script, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    return load


LOAD: dict[str, Callable[[URL, str], None]] = {
    "sqlite": _load_sqlite,
    "postgresql": _load_server(
        *("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
        *("--host=127.0.0.1", "--port={port}", "--username={user}", "{database}"),
    ),
    "mariadb": _load_server(
        *("mariadb", "--no-defaults", "--host=127.0.0.1", "--port={port}"),
        *("--user={user}", "--default-character-set=utf8mb4", "{database}"),
    ),
}


@pytest.fixture(params=["0001", "0002-numbers", "0002"])
def landed(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> Path:
    """An experiment file whose store was made by an earlier version."""
    url = make_url(store_url)
    kind = url.get_backend_name()
    script = STORES / request.param / f"{kind}.sql"
    LOAD[kind](url, script.read_text(encoding="utf-8"))
    path = tmp_path / "e1.yaml"
    path.write_text(f"experiment: e1\nprefix: 'A:'\nstore: {store_url}\n")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments])


async def test_a_landed_store_is_upgraded_and_served(
    landed: Path, store_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="daqpv db upgrade FILE"):
        async with running(store_url, tmp_path):
            pass
    result = run("upgrade", "--no-backup", str(landed))
    assert result.exit_code == 0, result.output
    async with running(store_url, tmp_path) as kept:
        settings = {one.field: one.value for one in kept.store.read()}
        assert settings == SETTINGS
        kept.store.add(event(9))
        await kept.written()
        await kept.store.ask(_has_all_that_was_kept)
        texts = await kept.texts()
        assert texts[-1] == "event 9"
        assert texts.count("event 0: é 日本") == 2
    assert run("status", str(landed)).exit_code == 0


def _has_all_that_was_kept(connection: Connection) -> None:
    for run_ in records(connection, RUN, "e1"):
        assert (run_.number, run_.title, run_.live_time) == (7, "é on 日本", 55.5)
        values = {one.name: one for one in records(connection, VALUE, "e1")}
        assert (values["Pressure"].value, values["Target"].value) == (250.0, "12")
        assert values["Pressure"].stop == 0.1 + 0.2
        [pv] = records(connection, PV, "e1")
        assert pv.value == 2.0


def test_a_landed_store_has_our_tables_after_its_upgrade(
    landed: Path, store_url: str
) -> None:
    assert run("upgrade", "--no-backup", str(landed)).exit_code == 0
    engine = make_engine(store_url)
    with engine.connect() as connection:
        assert migrate.versions_in(connection).own == version.newest()
        found = inspect(connection)
        for name, table in METADATA.tables.items():
            assert {column["name"] for column in found.get_columns(name)} == {
                *table.c.keys()
            }
            if engine.dialect.name == "sqlite" and name in ("setting", "run_value"):
                types = {c["name"]: str(c["type"]) for c in found.get_columns(name)}
                assert types["value"] == "TEXT"
        owners = connection.execute(
            text("SELECT process, experiment_id FROM journal ORDER BY process")
        )
        assert owners.all() == [("left@hut", 2), ("main@hut", 1)]
    engine.dispose()


OPEN_RUN = (
    '{"number": 7, "entry": "open", "start": 1.5e9, "stop": null, "seen": 1.5e9, '
    '"live_time": 12.0, "kind": "Testing", "title": "alpha", "comment": "", '
    '"operator": "eva", "config": "", "note": "", "data": 0}'
)
BEFORE = {
    ("Run", "title"): '"alpha"',
    ("Run", "open_run"): OPEN_RUN,
    ("Run", "state"): '"RUNNING"',
    ("Run", "unsorted"): "[5, 6]",
    ("Run:Par", "written"): '{"target": "CH2"}',
    ("ECC:CoBo0", "state"): '"of another device"',
}
"""Settings as version 0004 kept them: the state of the run was among them."""


KEEP = """
    INSERT INTO setting (experiment_id, device, field, value, file, time, who)
    VALUES (1, :device, :field, :value, '""', 5000000, '')
"""


def write_before(url: str, scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a store of version 0004."""
    shutil.copytree(version.SCRIPTS, scripts)
    (scripts / "versions/0005_device_state.py").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(version, "SCRIPTS", scripts)
        engine = make_engine(url, writes=True)
        migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO experiment (id, name) VALUES (1, 'e1')"))
        for (device, field), value in BEFORE.items():
            values = {"device": device, "field": field, "value": value}
            connection.execute(text(KEEP), values)
    engine.dispose()


async def test_the_state_of_a_run_is_found_again_after_the_upgrade(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_before(store_url, tmp_path / "db", monkeypatch)
    file = tmp_path / "e1.yaml"
    file.write_text(f"experiment: e1\nprefix: 'A:'\nstore: {store_url}\n")
    assert run("upgrade", "--no-backup", str(file)).exit_code == 0
    async with running(store_url, tmp_path) as kept:
        found = {(type(one), one.device, one.field) for one in kept.store.read()}
        assert found == {
            (Setting, "Run", "title"),
            (Setting, "ECC:CoBo0", "state"),
            *((DeviceState, "Run", name) for name in ("open_run", "state", "unsorted")),
            (DeviceState, "Run:Par", "written"),
        }
        check_restored(kept.store)


def test_a_copy_on_the_disk_of_before_has_the_state_of_a_run(tmp_path: Path) -> None:
    """The settings.json of an earlier version: the store is away, or there is none."""
    path = tmp_path / "settings.json"
    entries = [
        f'{{"device": "{device}", "field": "{field}", "value": {value}, "file": "", '
        '"by": "eva@hut", "time": "2026-11-20T15:18:04.250000Z"}'
        for (device, field), value in BEFORE.items()
    ]
    path.write_text(f'{{"settings": [{",".join(entries)}]}}')
    with SettingsFile(path, Events()) as file:
        check_restored(file)


def check_restored(place: Place) -> None:
    """A run is restored from `place` as it was."""
    restart = Restart(place, prefix="A:")
    snapshot = restart.restored("A:Run:", RunGroup, RunSnapshot())
    assert snapshot.open_run is not None
    assert (snapshot.open_run.number, snapshot.open_run.operator) == (7, "eva")
    assert (snapshot.title, snapshot.unsorted) == ("alpha", (5, 6))
    assert snapshot.state is RunState.RUNNING
    sheet = restart.restored("A:Run:Par:", SheetGroup, SheetSnapshot())
    assert sheet.written == {"target": "CH2"}

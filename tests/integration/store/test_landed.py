"""A store of every version that has landed is upgraded, and served, on each engine.

``tests/data/stores/`` has such stores as scripts of SQL. Each was written by the daqpv
of its version: ``0001``; ``0002-numbers``, whose SQLite columns make numbers of JSON;
``0002``.
"""

from __future__ import annotations

import hashlib
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
from daqpv.errors import StoreError
from daqpv.runs.record.kinds import PV, RUN, VALUE
from daqpv.store.tables import migrate, version
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.models import METADATA
from daqpv.store.tables.records import records
from tests.support.keeping import event, running

STORES = Path(__file__).parents[2] / "data" / "stores"

LANDED = {
    "0001_first.py": "275148b1609f9c2c676f46caf06daf81",
    "0002_runs.py": "c6cccb95e6fa2b33f570303708834061",
    "0003_json_text.py": "e2698d407e08498b697a576ea465c957",
    "0004_journal.py": "e91c0c4e0521640227f6d24959a35618",
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

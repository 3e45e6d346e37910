"""``daqpv db status`` and ``upgrade``, in each engine."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from daqpv.cli import main
from daqpv.store.tables import migrate, version
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.state import TableState, state_of
from daqpv.store.writing.spool import Spool
from tests.support.keeping import NEXT, SOURCE, entries


@pytest.fixture
def file(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "e.yaml"
    path.write_text(f"experiment: e1\nprefix: 'A:'\nstore: {store_url}\n")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments])


def test_the_status_says_where_the_store_is_and_what_waits(
    file: Path, store_url: str, tmp_path: Path
) -> None:
    result = run("status", str(file))
    assert (result.exit_code, "no tables yet" in result.output) == (0, True)
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    spool = Spool(tmp_path / "e1.spool/left", SOURCE, limit=1e9, say=pytest.fail)
    assert spool.open()
    spool.append(entries(1, 20))
    spool.close()
    result = run("status", str(file))
    assert result.exit_code == 0
    assert f"tables of version {version.newest()}" in result.output
    assert "left: 0.00" in result.output
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for command in ("status", "upgrade"):
        result = run(command, str(file))
        assert result.exit_code == 1
        assert "newer daqpv" in result.output


def test_the_status_names_what_is_missing(file: Path, store_url: str) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE run_file"))
        connection.execute(text("ALTER TABLE run DROP COLUMN note"))
    engine.dispose()
    result = run("status", str(file))
    assert result.exit_code == 1
    assert "missing: column run.note, table run_file. Put a backup" in result.stderr


@contextmanager
def nobody() -> Iterator[None]:
    """As another user than root, who may write everywhere."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_the_status_needs_no_write_access(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="daqpv-store-"))
    folder.chmod(0o755)
    scripts = shutil.copytree(version.SCRIPTS, folder / "db")  # others may read these
    monkeypatch.setattr(version, "SCRIPTS", scripts)
    url = f"sqlite:///{folder}/store.db"
    engine = make_engine(url, writes=True)
    migrate.prepare(engine)
    engine.dispose()
    before = {one.name: one.stat().st_mtime_ns for one in folder.iterdir()}
    folder.chmod(0o555)
    with nobody():
        assert not os.access(folder, os.W_OK, effective_ids=True)
        assert state_of(url) == TableState(version.Versions(version.newest(), {}))
    assert {one.name: one.stat().st_mtime_ns for one in folder.iterdir()} == before
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_an_upgrade_makes_a_backup_first(
    file: Path, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO journal VALUES ('kept', 'main@host', 7, 1000000, NULL)")
        )
    scripts = tmp_path / "db"
    shutil.copytree(version.SCRIPTS, scripts)
    last = version.newest()
    (scripts / "versions/9000_next.py").write_text(NEXT.replace("NEWEST", last))
    monkeypatch.setattr(version, "SCRIPTS", scripts)
    assert run("status", str(file)).exit_code == 1
    result = run("upgrade", str(file))
    assert result.exit_code == 0, result.output
    assert f"tables of version 9000, they were of {last}" in result.output
    assert run("status", str(file)).exit_code == 0
    assert "nothing to do" in run("upgrade", str(file)).output
    with engine.connect() as connection:
        assert connection.execute(text("SELECT last, note FROM journal")).all() == [
            (7, None)
        ]
    engine.dispose()
    (backup,) = (*tmp_path.glob("*.backup"), *tmp_path.glob("*.sql"))
    assert str(backup) in result.output
    if backup.suffix == ".sql":
        assert "kept" in backup.read_text()
        return
    with closing(sqlite3.connect(backup)) as old:
        assert old.execute("SELECT last FROM journal").fetchall() == [(7,)]


def test_a_store_that_is_away_is_told(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "experiment: e1\nprefix: 'A:'\nstore: postgresql://u:secret@127.0.0.1:1/d\n"
    )
    result = run("status", str(path))
    assert result.exit_code == 1
    assert "postgresql://u:***@127.0.0.1:1/d" in result.output
    assert "secret" not in result.output

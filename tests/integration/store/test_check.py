"""What ``daqpv check`` finds wrong with a store, before anything is served."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daqpv.cli import main
from daqpv.store.tables import migrate
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.rows import Source
from daqpv.store.writing.spool import Spool
from tests.support.keeping import entries


def check(folder: Path, store: str | None, *, command: str = "check") -> Result:
    file = folder / "e1.yaml"
    line = "" if store is None else f"store: {store}\n"
    file.write_text(f"experiment: e1\nprefix: 'A:'\n{line}")
    return CliRunner().invoke(main, [*command.split(), str(file)])


def problem(folder: Path, store: str | None, line: int = 3) -> str:
    result = check(folder, store)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stderr.startswith(f"{folder}/e1.yaml:{line}: ")
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize("port", ["notaport", "0", "65536", "-1", "1e3", "5432x", ""])
@pytest.mark.parametrize("host", ["h", "u:secret@h", "[::1]"])
def test_a_port_that_is_none_is_refused(host: str, port: str, tmp_path: Path) -> None:
    said = problem(tmp_path, f"'postgresql://{host}:{port}/d'")
    assert "a port from 1 to 65535" in said
    assert "secret" not in said
    for command in ("db status", "db upgrade", "log", "runs list", "serve"):
        result = check(tmp_path, f"'mysql://{host}:{port}/d'", command=command)
        assert (result.exit_code, result.exception.__class__) == (2, SystemExit)


@pytest.mark.parametrize("url", ["oracle://h/d", "postgresql+asyncpg://h/d", "x"])
def test_an_unknown_driver_is_refused(url: str, tmp_path: Path) -> None:
    assert "wanted is sqlite:///FILE, postgresql://" in problem(tmp_path, url)


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("postgresql://h/d", "psycopg", "postgres"),
        ("mysql://h/d", "pymysql", "mysql"),
        ("mariadb://h/d", "pymysql", "mysql"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_its_cure(
    url: str, driver: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    assert f"pip install 'daqpv[{extra}]'" in problem(tmp_path, url)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    assert "there is no such folder" in problem(tmp_path, "sqlite:///nowhere/e.db")
    (tmp_path / "e.db").mkdir()
    assert "wanted is a file" in problem(tmp_path, "sqlite:///e.db")
    (tmp_path / "text.db").write_text("no database\n" * 100)
    assert "not a database" in problem(tmp_path, "sqlite:///text.db")
    (tmp_path / "folder").write_text("a file")
    said = problem(tmp_path, "{url: 'sqlite:///x.db', spool: folder/spool}")
    assert "folder: the spool cannot be written" in said


def test_a_store_that_is_away_is_no_problem(tmp_path: Path) -> None:
    result = check(tmp_path, "postgresql://u:secret@127.0.0.1:1/d")
    assert result.exit_code == 0
    assert "postgresql://u:***@127.0.0.1:1/d is away (" in result.output
    assert "secret" not in result.output


def test_a_check_makes_nothing(tmp_path: Path) -> None:
    result = check(tmp_path, None)
    assert (result.exit_code, "e1.db, no tables yet" in result.output) == (0, True)
    assert [path.name for path in tmp_path.iterdir()] == ["e1.yaml"]


def test_a_store_is_checked_as_it_is(tmp_path: Path, store_url: str) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    engine.dispose()
    assert "tables of version" in check(tmp_path, store_url).output


def test_a_poor_encoding_is_a_problem(tmp_path: Path, latin1: str) -> None:
    assert "the encoding LATIN1" in problem(tmp_path, latin1)


# -- what an earlier daqpv has left ----------------------------------------------------


@pytest.mark.parametrize("command", ["check", "serve", "db status"])
def test_a_store_in_the_working_directory_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, here = tmp_path / "folder", tmp_path / "here"
    for one in (folder, here):
        one.mkdir()
    monkeypatch.chdir(here)
    (here / "e1.db").write_bytes(b"")
    (here / "e1.spool").mkdir()
    result = check(folder, None, command=command)
    assert result.exit_code == (1 if command == "db status" else 2)
    assert f"mv {here}/e1.db* {here}/e1.spool {folder}" in result.stderr
    assert not (folder / "e1.db").exists()
    (folder / "e1.db").touch()
    assert check(folder, None).exit_code == 0


def test_a_spool_of_the_earlier_layout_is_named_and_can_be_taken_in(
    tmp_path: Path,
) -> None:
    old = tmp_path / "spool" / "main"
    left = Spool(old, Source("w" * 32, "main@host"), limit=1e9, say=pytest.fail)
    assert left.open()
    left.append(entries(1, 3))
    left.close()
    store = "{url: 'sqlite:///e.db', spool: spool}"
    assert f"daqpv db retry {tmp_path}/e1.yaml {old}" in problem(tmp_path, store)
    assert check(tmp_path, store, command="serve").exit_code == 2
    result = CliRunner().invoke(
        main, ["db", "retry", str(tmp_path / "e1.yaml"), str(old)]
    )
    assert "3 of 3 records are in the store" in result.output, result.output
    assert check(tmp_path, store).exit_code == 0

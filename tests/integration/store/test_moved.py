"""A SQLite file that is moved, removed or replaced while daqpv writes it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from daqpv.cli import main
from daqpv.core import EventSeverity
from daqpv.errors import StoreError
from daqpv.store.tables.rows import Source
from daqpv.store.writing.refused import Refused
from tests.support.keeping import (
    Kept,
    entries,
    event,
    found,
    locked,
    lost,
    numbers,
    retry,
    running,
)


def texts_in(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT text FROM event ORDER BY id")
        return [text for (text,) in rows]


def move(pattern: str, source: Path, target: Path) -> None:
    for part in source.glob(pattern):
        part.rename(target / part.name)


async def begun(kept: Kept) -> None:
    kept.store.add(event(0))
    await kept.written()


async def is_lost(kept: Kept, why: str) -> None:
    """Wait for the alarm, with a record that waits in the spool."""
    kept.store.add(event(1))
    await kept.waiting(1)
    await kept.until(lambda: lost(kept))
    assert why in kept.store.figures().reason
    await kept.until(lambda: any(e.name == "store away" for e in kept.said))
    away = next(e for e in kept.said if e.name == "store away")
    assert away.severity is EventSeverity.ERROR


async def comes_in(kept: Kept, count: int = 2) -> None:
    """Wait until the record is where it belongs."""
    await kept.until(lambda: found(kept))
    await kept.written()
    assert await kept.texts() == numbers(count)


@pytest.mark.parametrize("pattern", ["store.db", "store.db*"])
async def test_a_file_that_was_moved_is_missed_until_it_is_back(
    pattern: str, tmp_path: Path
) -> None:
    file, away = tmp_path / "store.db", tmp_path / "away"
    away.mkdir()
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        move(pattern, tmp_path, away)
        await is_lost(kept, "is gone: it was moved or renamed; put it back")
        assert not file.exists()
        assert texts_in(away / "store.db") == numbers(1)
        with pytest.raises(StoreError):  # which would make a new one
            await kept.store.change(lambda connection: connection.exec_driver_sql("x"))
        assert not file.exists()
        move("store.db", away, tmp_path)
        await comes_in(kept)
    assert texts_in(file) == numbers(2)


async def test_a_file_that_was_removed_is_saved_as_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        file.unlink()
        rescued = tmp_path / "store.db.rescued"
        await is_lost(kept, f"its records were saved: mv {rescued} {file}")
        assert texts_in(rescued) == numbers(1)
        rescued.rename(file)
        await comes_in(kept)


async def test_a_copy_of_the_file_in_its_place_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        file.rename(tmp_path / "x.db")
        await is_lost(kept, "is gone")
        shutil.copy(tmp_path / "x.db", file)
        await comes_in(kept)
    assert texts_in(tmp_path / "x.db") == numbers(1)


@pytest.mark.parametrize("content", [b"", b"other " * 1000, None])
async def test_another_file_in_its_place_is_not_written(
    content: bytes | None, tmp_path: Path
) -> None:
    file, other = tmp_path / "store.db", tmp_path / "other.db"
    if content is None:
        async with running(f"sqlite:///{other}", tmp_path / "other") as another:
            another.store.add(event(7))
            await another.written()
    else:
        other.write_bytes(content)
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        file.rename(tmp_path / "x.db")
        shutil.copy(other, file)
        before = file.read_bytes()
        await is_lost(kept, "another file is in its place")
        assert file.read_bytes() == before
        (tmp_path / "x.db").replace(file)
        await comes_in(kept)


@pytest.mark.parametrize("part", ["wal", "shm"])
async def test_a_journal_that_was_removed_loses_nothing(
    part: str, tmp_path: Path
) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        (tmp_path / f"store.db-{part}").unlink()
        kept.store.add(event(1))
        await kept.written()
        kept.store.add(event(2))
        await kept.written()
        assert texts_in(file) == numbers(3)
        assert kept.names() == []


async def test_a_file_that_is_moved_while_it_is_locked_gets_each_record_once(
    tmp_path: Path,
) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        with locked(file):
            kept.store.add(event(1))
            await kept.waiting(1)
            file.rename(tmp_path / "x.db")
            await kept.until(lambda: lost(kept))
        (tmp_path / "x.db").rename(file)
        await comes_in(kept)


def test_a_journal_without_its_file_is_not_given_a_new_one(tmp_path: Path) -> None:
    journal = tmp_path / "store.db-wal"
    journal.write_bytes(b"records")
    kept = Kept(f"sqlite:///{tmp_path}/store.db", tmp_path)
    with pytest.raises(StoreError, match=r"store\.db is not there, but store\.db-wal"):
        kept.store.open()
    kept.store.close()
    assert journal.read_bytes() == b"records"
    assert not (tmp_path / "store.db").exists()


async def test_a_link_to_the_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file, link = tmp_path / "real" / "store.db", tmp_path / "store.db"
    link.symlink_to(file)
    async with running(f"sqlite:///{link}", tmp_path) as kept:
        await begun(kept)
        kept.store.add(event(1))
        await kept.written()
        link.unlink()
        kept.store.add(event(2))
        await kept.waiting(1)
        link.symlink_to(file)
        await comes_in(kept, 3)


async def test_a_retry_makes_no_file_in_the_place_of_one_that_was_moved(
    tmp_path: Path,
) -> None:
    file = tmp_path / "store.db"
    refused = Refused(tmp_path / "refused")
    refused.keep(Source("w" * 32, "main@host"), entries(1, 1)[0], "no")
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await begun(kept)
        file.rename(tmp_path / "x.db")
        result = retry(tmp_path, f"sqlite:///{file}", refused.path.parent)
        assert (result.exit_code, file.exists()) == (1, False)
        assert "is gone while daqpv uses it" in result.output
        status = CliRunner().invoke(main, ["db", "status", str(tmp_path / "e.yaml")])
        assert "is gone while daqpv uses it" in status.stderr
        (tmp_path / "x.db").rename(file)
        result = retry(tmp_path, f"sqlite:///{file}", refused.path.parent)
        assert (result.exit_code, result.stderr) == (0, "")
        assert await kept.texts() == numbers(2)

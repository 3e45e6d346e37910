"""What can go wrong with a store: nothing is lost, nothing comes twice, all is said."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import EventSeverity, Setting
from daqpv.errors import StoreError
from daqpv.store import offers, spool, writer
from daqpv.store.journal import Journal
from daqpv.store.rows import Source, entry
from daqpv.store.spool import Spool
from tests.integration.store.conftest import DEADLINE, StoreServer
from tests.integration.store.test_store import Kept, event, numbers, running

SOURCE = Source("w" * 32, "main@host")


def lost(kept: Kept) -> bool:
    return kept.store.figures().online is False


def found(kept: Kept) -> bool:
    return kept.store.figures().online is True


# -- servers ---------------------------------------------------------------------------


async def test_a_server_that_is_killed_and_comes_back_misses_nothing(
    store_server: StoreServer, tmp_path: Path
) -> None:
    async with running(store_server.database(), tmp_path) as kept:
        for n in range(100):
            kept.store.add(event(n))
        await kept.written()
        store_server.stop(signal.SIGKILL)
        for n in range(100, 3000):
            kept.store.add(event(n))
        await kept.waiting(2900)
        await kept.until(lambda: lost(kept))
        figures = kept.store.figures()
        assert figures.backlog == 2900
        assert figures.spool > 2900 * 50
        assert figures.write_errors > 0
        assert "127.0.0.1" in figures.reason
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            await kept.asked("SELECT 1")
        store_server.start()
        await kept.until(lambda: found(kept))
        await kept.written()
        assert await kept.texts() == numbers(3000)
        await kept.until(lambda: kept.names() == ["store away", "store back"])
        assert not list(kept.spool.glob("*.spool"))


async def test_a_server_killed_at_any_moment_gets_each_record_once(
    store_server: StoreServer, tmp_path: Path
) -> None:
    async with running(store_server.database(), tmp_path) as kept:
        count = 0
        for _ in range(3):
            end = count + random.randrange(500, 4000)
            for n in range(count, end):
                kept.store.add(event(n))
                if n % 50 == 0:
                    await asyncio.sleep(0)
            count = end
            await asyncio.sleep(random.random() * 0.2)
            await asyncio.to_thread(store_server.stop, signal.SIGKILL)
            await asyncio.to_thread(store_server.start)
        await kept.written()
        assert await kept.texts() == numbers(count)


async def test_a_server_that_falls_silent_holds_up_nothing(
    store_server: StoreServer, tmp_path: Path
) -> None:
    async with running(store_server.database(), tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        store_server.send(signal.SIGSTOP)
        if store_server.user == "postgres":  # a process for each connection
            _signal_children(store_server, signal.SIGSTOP)
        for n in range(1, 500):
            kept.store.add(event(n))
        await kept.waiting(499)
        await kept.until(lambda: lost(kept))
        assert "no answer for" in kept.store.figures().reason
        _signal_children(store_server, signal.SIGCONT)
        store_server.send(signal.SIGCONT)
        await kept.written()
        assert await kept.texts() == numbers(500)


def _signal_children(server: StoreServer, number: int) -> None:
    assert server._process is not None
    pid = server._process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), number)


async def test_an_end_while_the_server_is_silent_is_quick_and_loses_nothing(
    store_server: StoreServer, tmp_path: Path
) -> None:
    url = store_server.database()
    async with running(url, tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        store_server.send(signal.SIGSTOP)
        _signal_children(store_server, signal.SIGSTOP)
        for n in range(1, 500):
            kept.store.add(event(n))
    assert kept.safe == 499
    _signal_children(store_server, signal.SIGCONT)
    store_server.send(signal.SIGCONT)
    async with running(url, tmp_path) as kept:
        await kept.until(lambda: found(kept))
        await kept.written()
        assert await kept.texts() == numbers(500)


# -- SQLite ----------------------------------------------------------------------------


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def test_a_database_that_another_program_locks_misses_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        with locked(file):
            for n in range(1, 2000):
                kept.store.add(event(n))
            await kept.waiting(1999)
            await kept.until(lambda: lost(kept))  # longer than every time-out
            assert "locked" in kept.store.figures().reason
            kept.store.add(event(2000))
            await kept.waiting(2000)
        await kept.written()
        assert await kept.texts() == numbers(2001)
        assert found(kept)


async def test_a_database_that_is_locked_at_the_start_is_no_reason_not_to_start(
    tmp_path: Path,
) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
    with locked(file):
        async with running(f"sqlite:///{file}", tmp_path) as kept:
            kept.store.add(event(1))
            assert list(kept.store.read()) == []  # which a lock does not forbid
            await kept.waiting(1)
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        await kept.until(lambda: found(kept))
        await kept.written()
        assert await kept.texts() == numbers(2)


async def test_a_database_file_that_was_taken_away_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        _move_away(tmp_path)
        kept.store.add(event(1))
        await kept.written()
        assert await kept.texts() == ["event 1"]
    with closing(sqlite3.connect(tmp_path / "old-store.db")) as old:
        assert old.execute("SELECT text FROM event").fetchall() == [("event 0",)]


def _move_away(folder: Path) -> None:
    for part in folder.glob("store.db*"):
        part.rename(folder / f"old-{part.name}")


@pytest.mark.parametrize(
    ("content", "why"), [(b"not a database " * 100, "not a database"), (None, "unable")]
)
def test_a_file_that_cannot_be_a_store_is_refused(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "folder" / "store.db"
    if content is not None:
        file.parent.mkdir()
        file.write_bytes(content)
    kept = Kept(f"sqlite:///{file}", tmp_path)
    with pytest.raises(
        StoreError, match=f"store.db: the store cannot be used: .*{why}"
    ):
        kept.store.open()
    kept.store.close()


PROCESS = """
import asyncio, sys, time
from pathlib import Path
from daqpv.core import Event, Events, EventSeverity
from daqpv.store.sql_store import SqlStore

url, spool, name, count = sys.argv[1:]
store = SqlStore(url, experiment="e1", process=f"{name}@host", spool=Path(spool) / name,
    spool_limit=1e9, events=Events())
store.open()
store.begin()
for n in range(int(count)):
    store.add(Event(time=time.time(), severity=EventSeverity.INFORMATION,
        name=name, text=f"event {n}"))
    if n % 100 == 0:
        time.sleep(0.001)
print("added", flush=True)
while True:
    figures = store.figures()
    print(figures.backlog, store._writer._spool.count, flush=True)
    if not figures.backlog:
        break
    time.sleep(0.02)
store.close()
"""


def begin(url: str, folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    """Another process that keeps events; it prints how many wait, and in the spool."""
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, url, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    processes = [begin(url, tmp_path, name, 3000) for name in ("left", "right")]
    for process in processes:
        await asyncio.to_thread(process.communicate, timeout=DEADLINE)
        assert process.returncode == 0
    async with running(url, tmp_path) as kept:
        for name in ("left", "right"):
            rows = await kept.asked(
                f"SELECT text FROM event WHERE name = '{name}' ORDER BY id"
            )
            assert [text for (text,) in rows] == numbers(3000)


# -- the end of the process ------------------------------------------------------------


async def test_what_was_queued_outlives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    url = f"sqlite:///{file}"
    async with running(url, tmp_path) as kept:
        await kept.until(lambda: found(kept))
    with locked(file):
        process = begin(url, tmp_path, "killed", 10_000)
        assert process.stdout is not None
        while not process.stdout.readline().endswith(" 10000\n"):  # in the spool
            assert process.poll() is None
        process.kill()
        process.communicate()
    heir = begin(url, tmp_path, "killed", 0)
    await asyncio.to_thread(heir.communicate, timeout=DEADLINE)
    async with running(url, tmp_path) as kept:
        assert await kept.texts() == numbers(10_000)


async def test_a_kill_while_it_writes_leaves_a_beginning_and_none_twice(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    process = begin(url, tmp_path, "killed", 20_000)
    assert process.stdout is not None
    assert process.stdout.readline() == "added\n"
    while int(process.stdout.readline().split()[0]) > 15_000:
        assert process.poll() is None
    process.kill()
    process.communicate()
    heir = begin(url, tmp_path, "killed", 0)
    await asyncio.to_thread(heir.communicate, timeout=DEADLINE)
    async with running(url, tmp_path) as kept:
        texts = await kept.texts()
        assert 5000 <= len(texts) <= 20_000
        assert texts == numbers(len(texts))


# -- the journal -----------------------------------------------------------------------


def entries(first: int, last: int) -> list[Any]:
    return [entry(n, event(n), "main@host") for n in range(first, last + 1)]


async def test_what_is_offered_again_is_passed_over(
    store_url: str, tmp_path: Path
) -> None:
    journal = Journal(store_url, "e1")
    assert journal.write(SOURCE, entries(1, 10)) == []
    assert journal.write(SOURCE, entries(1, 10)) == []
    assert journal.write(SOURCE, [*entries(5, 12), *entries(11, 15)]) == []
    assert journal.write(SOURCE._replace(writer="v"), entries(1, 2)) == []
    journal.close()
    async with running(store_url, tmp_path) as kept:
        texts = await kept.texts()
        assert texts == [*numbers(1, 16), "event 1", "event 2"]


@pytest.mark.parametrize("store_url", ["postgresql", "mariadb"], indirect=True)
async def test_a_record_that_the_engine_refuses_stops_no_other(
    store_url: str, tmp_path: Path
) -> None:
    batch = entries(1, 100)
    for bad in (0, 36, 37, 99):
        batch[bad].row["name"] = "x" * 61  # which `entry` would not let through
    journal = Journal(store_url, "e1")
    refused = journal.write(SOURCE, batch)
    assert [one.number for one in refused] == [1, 37, 38, 100]
    assert journal.write(SOURCE, entries(101, 101)) == []
    journal.close()
    async with running(store_url, tmp_path) as kept:
        good = [n for n in range(1, 102) if n not in (1, 37, 38, 100)]
        assert await kept.texts() == [f"event {n}" for n in good]


# -- the spool -------------------------------------------------------------------------


def test_a_spool_cut_at_any_byte_keeps_all_whole_records(tmp_path: Path) -> None:
    said: list[str] = []
    one = Spool(tmp_path, SOURCE, limit=1e9, say=said.append)
    assert one.open()
    one.append(entries(1, 3))
    one.close()
    (path,) = tmp_path.glob("*.spool")
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")][1:]
    cuts = {end + i for end in (0, *ends) for i in (-1, 0, 1, 7)} | {*range(9, 999, 40)}
    for cut in sorted(cuts & {*range(len(whole))}):
        path.write_bytes(whole[:cut])
        said.clear()
        again = Spool(tmp_path, SOURCE._replace(writer="v"), limit=1e9, say=said.append)
        assert again.open()
        count = sum(end <= cut for end in ends)
        assert again.count == count
        if count:
            source, kept = again.read(10)
            assert source == SOURCE
            assert kept == entries_like(kept, 1, count)
            again.append(entries(1, 1))  # goes behind it
            again.taken()
            assert again.read(10)[0].writer == "v"
            again.taken()
        assert again.is_empty
        again.close()
        assert bool(said) == (cut not in (0, *ends) and whole[cut - 1 : cut] != b"\n")
        assert not list(tmp_path.glob("*.spool"))


def entries_like(kept: list[Any], first: int, last: int) -> list[Any]:
    """The entries `first` to `last`, with the times of those that were kept."""
    made = entries(first, last)
    for one, like in zip(made, kept, strict=True):
        one.row["time"] = like.row["time"]
    return made


def test_damage_in_a_spool_costs_the_damaged_records_alone(tmp_path: Path) -> None:
    said: list[str] = []
    one = Spool(tmp_path, SOURCE, limit=1e9, say=said.append)
    assert one.open()
    one.append(entries(1, 5))
    (path,) = tmp_path.glob("*.spool")
    path.write_bytes(path.read_bytes().replace(b"event 3", b"event 8"))
    _, kept = one.read(10)
    assert [e.number for e in kept] == [1, 2, 4, 5]
    one.taken()
    assert "1 records are damaged" in said[0]
    assert b"event 8" in next(tmp_path.glob("*.damaged")).read_bytes()
    one.close()


def test_a_full_spool_leaves_out_the_oldest_informations_and_nothing_else(
    tmp_path: Path,
) -> None:
    one = Spool(tmp_path, SOURCE, limit=200_000, say=pytest.fail)
    assert one.open()
    number, warnings = 0, []
    for batch in range(40):
        mixed = []
        for i in range(50):
            number += 1
            bad = i % 10 == 0
            severity = EventSeverity.WARNING if bad else EventSeverity.INFORMATION
            warnings += [number] * bad
            mixed.append(entry(number, event(number, severity=severity), "main@host"))
        one.append(mixed)
        assert one.size <= 200_000, batch
    seen = []
    while not one.is_empty:
        _, kept = one.read(1000)
        seen += kept
        one.taken()
    there = [e.number for e in seen]
    assert there == sorted(there)
    assert [e.number for e in seen if e.row["severity"]] == warnings
    informations = [e.number for e in seen if not e.row["severity"]]
    assert one.left_out == number - len(there) > 0
    assert informations[-1] == number
    assert len(informations) > 200
    gaps = [b - a for a, b in pairwise(informations)]
    assert max(gaps) == 2  # the oldest went, none in between
    one.close()


def test_warnings_and_settings_stay_beyond_the_limit(tmp_path: Path) -> None:
    one = Spool(tmp_path, SOURCE, limit=20_000, say=pytest.fail)
    assert one.open()
    setting = Setting(time=1.0, device="D", field="f", value="v" * 100, file=None)
    for n in range(1, 300):
        one.append([entry(n, setting, "main@host")])
    one.append(entries(300, 310))
    assert one.count == 299
    assert one.left_out == 11
    one.close()


async def test_a_spool_belongs_to_one_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with running(url, tmp_path) as first:
        await first.until(lambda: found(first))
        async with running(url, tmp_path) as second:
            second.store.add(event(2))
            await second.written()
            await second.until(lambda: "spool away" in second.names())
            assert "another process uses it" in second.said[-1].text
        first.store.add(event(3))
        await first.written()
        assert await first.texts() == ["event 2", "event 3"]


# -- memory ----------------------------------------------------------------------------


async def test_a_storm_with_nowhere_to_go_takes_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MEMORY", 2_000_000)
    monkeypatch.setattr(Spool, "append", _full)
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        with locked(file):
            for n in range(1, 20_000):
                kept.store.add(event(n))
            kept.store.add(event(20_000, severity=EventSeverity.WARNING))
            await kept.until(lambda: "spool away" in kept.names())
            figures = kept.store.figures()
            assert figures.backlog < 3000
            assert figures.spool_reason == "[Errno 28] No space left on device"
        await kept.written()
        texts = await kept.texts()
        assert texts == [*numbers(len(texts) - 1), "event 20000"]
        await kept.until(lambda: "records lost" in kept.names())
        said = next(e.text for e in kept.said if e.name == "records lost")
        assert f"{20_001 - len(texts)} informations were left out" in said
        assert kept.store.figures().spool_reason == ""


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_time_limits_fit_together() -> None:
    assert offers.PATIENCE < offers.AWAY
    assert spool.FILE_SIZE < 1e9 / 16

"""A store that goes away and comes back: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from daqpv.errors import StoreError
from tests.support.keeping import Kept, event, found, locked, lost, numbers, running
from tests.support.store import StoreServer

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

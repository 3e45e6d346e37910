"""Processes that share a store, or are killed: what they kept is there, once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.support import forks
from tests.support.keeping import found, locked, numbers, running
from tests.support.waiting import DEADLINE

PROCESS = """
import asyncio, sys, time
from pathlib import Path
from daqpv.core import Event, Events, EventSeverity
from daqpv.store.writing.sql_store import SqlStore

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
    return forks.Process(
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

"""A router that writes to a directory of this computer."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import psutil
import pytest

from daqpv.errors import NoAnswerError, ProtocolError
from daqpv.links.files.router_directory import DirectoryRouterLink
from tests.support.sshd import write
from tests.support.waiting import DEADLINE


async def test_files_and_disk_are_seen(staging: Path) -> None:
    write(staging, "a.graw", 7)
    write(staging, ".b.graw", 7)
    write(staging, "CoboFormats.xcfg")
    (staging / "c.graw").mkdir()
    seen = await DirectoryRouterLink("data0", str(staging)).observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)
    assert [(file.name, file.size) for file in seen.files] == [(b"a.graw", 7)]
    disk = os.statvfs(staging)
    assert seen.disk.size == disk.f_blocks * disk.f_frsize
    percent = psutil.disk_usage(str(staging)).percent
    assert seen.disk.used == pytest.approx(percent, abs=0.5)  # others write, too
    assert seen.clock_offset == 0


async def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    link = DirectoryRouterLink("data0", str(tmp_path / "gone"))
    with pytest.raises(ProtocolError, match="gone: No such file or directory"):
        await link.observe(timeout=DEADLINE)


async def test_a_disk_that_hangs_holds_up_one_thread_alone(
    staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    entered = []

    def scandir(path: bytes) -> object:
        entered.append(path)
        free.wait(DEADLINE)
        return os.scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    link = DirectoryRouterLink("data0", str(staging))
    for _ in range(3):
        with pytest.raises(NoAnswerError, match="no answer of the disk in") as caught:
            await link.observe(timeout=0.05)
        assert caught.value.timed_out
    assert len(entered) == 1
    names = [thread.name for thread in threading.enumerate()]
    assert names.count(f"data0 in {staging}") == 1
    monkeypatch.undo()
    free.set()
    async with asyncio.timeout(DEADLINE):
        while link._disk.stuck:  # noqa: ASYNC110 - threads set no asyncio.Event
            await asyncio.sleep(0.001)
    assert (await link.observe(timeout=DEADLINE)).files == []


async def test_without_hard_links_files_are_renamed(
    staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*arguments: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    write(staging, "a.graw", 1)
    write(staging, "b.graw", 2)
    (staging / "exp").mkdir()
    write(staging / "exp", "b.graw", 3)
    link = DirectoryRouterLink("data0", str(staging))
    moved = await link.move(
        os.fsencode(staging), [b"a.graw", b"b.graw"], "exp", timeout=DEADLINE
    )
    assert {(f.name, f.size) for f in moved.there} == {(b"a.graw", 1), (b"b.graw", 3)}
    assert [one.name for one in moved.stayed] == [b"b.graw"]


async def test_the_loop_is_free_while_the_disk_is_slow(
    staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    real = os.scandir

    def scandir(path: bytes) -> object:
        free.wait(DEADLINE)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    link = DirectoryRouterLink("data0", str(staging))
    look = asyncio.ensure_future(link.observe(timeout=DEADLINE))
    await asyncio.sleep(0)
    assert not look.done()
    free.set()
    assert (await look).directory == os.fsencode(staging)

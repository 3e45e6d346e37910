"""A router over a real SSH connection."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links import router_ssh
from daqpv.links.router_ssh import SshRouterLink
from daqpv.links.ssh import SshHost
from tests.integration.routers.conftest import (
    DEADLINE,
    DataRouter,
    Sshd,
    soon,
    write,
)

Start = Callable[..., DataRouter]
STRANGE = [
    b"a\nb.graw",
    b" blank blank .graw",
    b"-rf.graw",
    b"caf\xe9.graw",
    b"$(id)'\"`;*?.graw",
    "ü.graw".encode(),
]


@pytest.fixture
def link(host: SshHost) -> SshRouterLink:
    return SshRouterLink("data0", host)


async def test_a_router_is_found_by_its_process(link, staging, data_router: Start):
    data_router(staging)
    write(staging, "CoBo0_AsAd0_0000.graw", 1000)
    write(staging, "CoboFormats.xcfg")
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)
    assert [(f.name, f.size) for f in seen.files] == [(b"CoBo0_AsAd0_0000.graw", 1000)]
    disk = os.statvfs(staging)
    assert seen.disk.size == disk.f_blocks * disk.f_frsize
    assert 0 <= seen.disk.used <= 100
    assert abs(seen.clock_offset) < 1


async def test_without_proc_lsof_says_the_same(
    link, staging, data_router: Start, monkeypatch
):
    monkeypatch.setattr(router_ssh, "_ROUTERS", router_ssh.LSOF)
    data_router(staging, ":46003", ":46005")
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)


async def test_no_process_is_a_router_that_is_offline(link):
    with pytest.raises(NotConnectedError, match="no dataRouter runs there"):
        await link.observe(timeout=DEADLINE)


async def test_of_two_the_port_decides(host, tmp_path, staging, data_router: Start):
    other = tmp_path / "exporter"
    other.mkdir()
    data_router(staging)
    data_router(other, "127.0.0.1:46006", "127.0.0.1:46007", "TCP")
    for port, folder in ((46005, staging), (46007, other)):
        link = SshRouterLink("data0", host, port=port)
        seen = await link.observe(timeout=DEADLINE)
        assert seen.directory == os.fsencode(folder)
    with pytest.raises(ProtocolError, match="several dataRouter run there, in "):
        await SshRouterLink("data0", host, port=1).observe(timeout=DEADLINE)


async def test_the_file_may_say_where_it_writes(host, staging, data_router, tmp_path):
    data_router(tmp_path)
    write(staging, "a.graw")
    link = SshRouterLink("data0", host, staging=str(staging))
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)
    assert len(seen.files) == 1


async def test_home_is_that_of_who_is_logged_in(host, data_router, tmp_path):
    data_router(tmp_path)
    seen = await SshRouterLink("data0", host, staging="~/").observe(timeout=DEADLINE)
    home = os.environ["HOME"]
    assert seen.directory == os.fsencode(home)


async def test_names_may_be_anything(link, staging):
    for name in STRANGE:
        write(staging, name)
    os.mkfifo(staging / "pipe.graw")
    (staging / "folder.graw").mkdir()
    (staging / "link.graw").symlink_to("a")
    folder = os.fsencode(staging)
    files = await link.files(folder, timeout=DEADLINE)
    assert {file.name for file in files} == set(STRANGE)
    moved = await link.move(folder, STRANGE, "exp/run_0001", timeout=DEADLINE)
    assert {file.name for file in moved.there} == set(STRANGE)
    assert not moved.stayed
    assert set(os.listdir(os.fsencode(staging / "exp" / "run_0001"))) == set(STRANGE)


async def test_a_directory_may_be_called_anything(host, data_router, tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"we ird\n'\xff")
    os.mkdir(folder)
    data_router(Path(os.fsdecode(folder)))
    link = SshRouterLink("data0", host)
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == folder
    assert not seen.files


async def test_nothing_is_overwritten(link, staging):
    target = staging / "exp" / "run_0001"
    target.mkdir(parents=True)
    write(staging, "a.graw", 1)
    write(staging, "b.graw", 2)
    write(target, "a.graw", 3)
    moved = await link.move(
        os.fsencode(staging), [b"a.graw", b"b.graw"], "exp/run_0001", timeout=DEADLINE
    )
    assert {(f.name, f.size) for f in moved.there} == {(b"a.graw", 3), (b"b.graw", 2)}
    (stayed,) = moved.stayed
    assert (stayed.name, stayed.why) == (b"a.graw", "there is one of that name")
    assert (staging / "a.graw").stat().st_size == 1


async def test_a_directory_in_the_way_of_a_file_takes_nothing_in(link, staging):
    (staging / "exp" / "run_0001" / "a.graw").mkdir(parents=True)
    write(staging, "a.graw", 1)
    moved = await link.move(
        os.fsencode(staging), [b"a.graw"], "exp/run_0001", timeout=DEADLINE
    )
    assert moved.stayed
    assert (staging / "a.graw").exists()


async def test_a_move_that_was_cut_between_two_names_is_ended(link, staging):
    target = staging / "exp" / "run_0001"
    target.mkdir(parents=True)
    write(staging, "a.graw", 7)
    os.link(staging / "a.graw", target / "a.graw")
    moved = await link.move(
        os.fsencode(staging),
        [b"a.graw", b"gone.graw"],
        "exp/run_0001",
        timeout=DEADLINE,
    )
    assert not moved.stayed
    assert [file.size for file in moved.there] == [7]
    assert not (staging / "a.graw").exists()


async def test_two_moves_at_once_lose_nothing(link, staging):
    names = [f"{n}.graw".encode() for n in range(60)]
    for name in names:
        write(staging, name)
    moves = [
        link.move(os.fsencode(staging), names, "exp/run_0001", timeout=DEADLINE)
        for _ in range(3)
    ]
    for moved in await asyncio.gather(*moves):
        assert not moved.stayed
    assert len(list((staging / "exp" / "run_0001").iterdir())) == 60


async def test_without_files_no_directory_is_made(link, staging):
    moved = await link.move(os.fsencode(staging), [], "exp/run_0001", timeout=DEADLINE)
    assert not moved.there
    assert not list(staging.iterdir())


async def test_whether_there_is_a_run_is_known_or_an_error(link, staging):
    folder = os.fsencode(staging)

    async def has(name: str) -> bool:
        return await link.has(folder, "exp", name, timeout=DEADLINE)

    assert not await has("run_0001")
    (staging / "exp" / "run_0001").mkdir(parents=True)
    assert await has("run_0001")
    assert not await has("run_0002")
    (staging / "exp").chmod(0)
    with pytest.raises(ProtocolError, match="Permission denied"):
        await has("run_0002")
    (staging / "exp").chmod(0o755)


async def test_a_directory_that_cannot_be_read_is_not_empty(
    link, staging, data_router: Start
):
    data_router(staging)
    write(staging, "a.graw")
    staging.chmod(0)
    try:
        for look in (
            link.observe(timeout=DEADLINE),
            link.files(os.fsencode(staging), timeout=DEADLINE),
            link.move(os.fsencode(staging), [], "exp/run_0001", timeout=DEADLINE),
        ):
            with pytest.raises(ProtocolError, match="Permission denied"):
                await look
    finally:
        staging.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One for four files and no directory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=5", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_disk_that_is_full_loses_nothing(link, small_disk: Path):
    names = [b"a.graw", b"b.graw", b"c.graw", b"d.graw"]
    for name in names:
        write(small_disk, name, 4096)
    folder = os.fsencode(small_disk)
    with pytest.raises(ProtocolError, match="No space left on device"):
        await link.move(folder, names, "exp/run_0001", timeout=DEADLINE)
    assert len(await link.files(folder, timeout=DEADLINE)) == 4


async def test_44_files_are_sorted_within_a_second(link, staging):
    names = [f"CoBo{n}_AsAd0_0000.graw".encode() for n in range(44)]
    for name in names:
        write(staging, name)
    folder = os.fsencode(staging)
    await link.files(folder, timeout=DEADLINE)  # the connection is warm
    begin = time.monotonic()
    moved = await link.move(folder, names, "exp/run_0001", timeout=DEADLINE)
    assert len(moved.there) == 44
    print(f"44 files moved in {time.monotonic() - begin:.3f} s")
    assert time.monotonic() - begin < 5  # on any machine; the figure is a benchmark


@pytest.mark.parametrize("ended", [True, False])
async def test_a_cut_in_the_middle_of_a_move_is_healed_by_another(
    link, sshd: Sshd, staging, ended
):
    names = [f"{n}.graw".encode() for n in range(5)]
    for name in names:
        write(staging, name)
    folder, into = os.fsencode(staging), "exp/run_0001"
    began, go = sshd.hold("rm")
    move = asyncio.ensure_future(link.move(folder, names, into, timeout=DEADLINE))
    await soon(began.exists, "a move that has begun")
    assert len(await link.files(folder, timeout=DEADLINE)) == 5  # under both names
    sshd.stop(scripts=ended)
    with pytest.raises(NoAnswerError, match="was cut before"):
        await move
    with pytest.raises(NotConnectedError, match="connection refused"):
        await link.files(folder, timeout=DEADLINE)
    sshd.start()
    go.touch()
    moved = await link.move(folder, names, into, timeout=DEADLINE)
    assert not moved.stayed
    assert {file.name for file in moved.there} == set(names)
    assert not await link.files(folder, timeout=DEADLINE)

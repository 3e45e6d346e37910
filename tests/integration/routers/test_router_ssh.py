"""A router over a real SSH connection."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.ssh import router_answers, router_scripts
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.router import SshRouterLink
from tests.support.ports import free_port
from tests.support.sshd import IN_CI, DataRouter, Sshd, write
from tests.support.waiting import DEADLINE, soon

Start = Callable[..., DataRouter]


@pytest.fixture
def link(host: SshHost, port: int) -> SshRouterLink:
    return SshRouterLink("data0", host, port=port)


async def test_a_router_is_found_by_its_process(
    link: SshRouterLink, staging: Path, port: int, data_router: Start
) -> None:
    data_router(staging, port)
    write(staging, "CoBo0_AsAd0_0000.graw", 1000)
    write(staging, "CoboFormats.xcfg")
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)
    assert [(f.name, f.size) for f in seen.files] == [(b"CoBo0_AsAd0_0000.graw", 1000)]
    disk = os.statvfs(staging)
    assert seen.disk.size == disk.f_blocks * disk.f_frsize
    assert 0 <= seen.disk.used <= 100
    assert abs(seen.clock_offset) < 1


@pytest.mark.skipif(
    not IN_CI and not (shutil.which("lsof") and shutil.which("ps")),
    reason="no lsof: apt-get install lsof procps",
)
async def test_without_proc_lsof_says_the_same(
    link: SshRouterLink,
    staging: Path,
    port: int,
    data_router: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(router_scripts, "ROUTERS", router_scripts.LSOF)
    data_router(staging, port)
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)


async def test_no_process_is_a_router_that_is_offline(
    link: SshRouterLink, port: int
) -> None:
    reason = f"no dataRouter runs there for port {port}"
    with pytest.raises(NotConnectedError, match=reason):
        await link.observe(timeout=DEADLINE)


async def test_of_two_the_port_decides(
    link: SshRouterLink,
    host: SshHost,
    *,
    port: int,
    tmp_path: Path,
    staging: Path,
    data_router: Start,
) -> None:
    other = tmp_path / "exporter"
    other.mkdir()
    other_port = free_port()
    data_router(staging, port)
    data_router(other, other_port)
    seen = await SshRouterLink("online0", host, port=other_port).observe(
        timeout=DEADLINE
    )
    assert seen.directory == os.fsencode(other)
    ended = data_router(other, port)
    both = f"several dataRouter run there for port {port}, in "
    with pytest.raises(ProtocolError, match=both):
        await link.observe(timeout=DEADLINE)
    ended.end()
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)


async def test_one_that_is_begun_elsewhere_is_followed(
    link: SshRouterLink, port: int, tmp_path: Path, staging: Path, data_router: Start
) -> None:
    first = data_router(staging, port)
    before = await link.observe(timeout=DEADLINE)
    first.end()
    second = data_router(tmp_path, port)
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(tmp_path)
    assert before.process == str(first.process.pid)
    assert seen.process == str(second.process.pid)


@pytest.mark.parametrize(
    ("arguments", "port"),
    [
        (b"dataRouter ", 46005),
        (b"dataRouter 1.2.3.4:46003 1.2.3.4:46007 TCP FrameStorage ", 46007),
        (b"/bin/sh ./dataRouter :46003 :46010 TCP ", 46010),
        (b"dataRouter 1.2.3.4:46003 ", 46005),
        (b"dataRouter 1.2.3.4 1.2.3.4 ICE ", 46005),
    ],
)
def test_the_port_of_the_data_is_the_second_one(arguments: bytes, port: int) -> None:
    assert router_answers.process(b"7", b"/data\n", arguments).port == port


async def test_the_file_may_say_where_it_writes(
    host: SshHost, staging: Path, port: int, data_router: Start, tmp_path: Path
) -> None:
    data_router(tmp_path, port)
    write(staging, "a.graw")
    link = SshRouterLink("data0", host, staging=str(staging))
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == os.fsencode(staging)
    assert len(seen.files) == 1


async def test_home_is_that_of_who_is_logged_in(
    host: SshHost, port: int, data_router: Start, tmp_path: Path
) -> None:
    data_router(tmp_path, port)
    seen = await SshRouterLink("data0", host, staging="~/").observe(timeout=DEADLINE)
    assert seen.directory == os.environb[b"HOME"]


async def test_a_directory_may_be_called_anything(
    link: SshRouterLink, port: int, data_router: Start, tmp_path: Path
) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"we ird\n'\xff")
    os.mkdir(folder)
    data_router(Path(os.fsdecode(folder)), port)
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == folder
    assert not seen.files


async def test_a_directory_that_cannot_be_read_is_not_empty(
    link: SshRouterLink, staging: Path, port: int, data_router: Start
) -> None:
    data_router(staging, port)
    write(staging, "a.graw")
    os.chmod(staging, 0)
    try:
        for look in (
            link.observe(timeout=DEADLINE),
            link.files(os.fsencode(staging), timeout=DEADLINE),
            link.move(os.fsencode(staging), [], "exp/run_0001", timeout=DEADLINE),
        ):
            with pytest.raises(ProtocolError, match="Permission denied"):
                await look
    finally:
        os.chmod(staging, 0o755)


async def test_44_files_are_sorted_within_a_second(
    link: SshRouterLink, staging: Path
) -> None:
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
    link: SshRouterLink, sshd: Sshd, staging: Path, ended: bool
) -> None:
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

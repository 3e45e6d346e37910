"""A router over a real SSH connection."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
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


async def test_a_directory_may_be_called_anything(host, data_router, tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"we ird\n'\xff")
    os.mkdir(folder)
    data_router(Path(os.fsdecode(folder)))
    link = SshRouterLink("data0", host)
    seen = await link.observe(timeout=DEADLINE)
    assert seen.directory == folder
    assert not seen.files


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

"""Files of a router: the same over SSH and in a directory of this computer."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daqpv.errors import ProtocolError
from daqpv.links.files.router_directory import DirectoryRouterLink
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.router import SshRouterLink
from daqpv.routers import RouterLink
from tests.support.sshd import IS_ROOT, Sshd, write
from tests.support.waiting import DEADLINE

STRANGE = [
    b"a\nb.graw",
    b" blank blank .graw",
    b"-rf.graw",
    b"caf\xe9.graw",
    b"$(id)'\"`;*?.graw",
    "ü.graw".encode(),
]


@pytest.fixture(params=["ssh", "directory"])
def link(request: pytest.FixtureRequest, staging: Path) -> RouterLink:
    if request.param == "directory":
        return DirectoryRouterLink("data0", str(staging))
    host: SshHost = request.getfixturevalue("host")
    return SshRouterLink("data0", host)


async def test_names_may_be_anything(link: RouterLink, staging: Path) -> None:
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


async def test_nothing_is_overwritten(link: RouterLink, staging: Path) -> None:
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
    assert (stayed.name, stayed.why) == (b"a.graw", "a file of that name exists")
    assert (staging / "a.graw").stat().st_size == 1


async def test_a_directory_in_the_way_of_a_file_takes_nothing_in(
    link: RouterLink, staging: Path
) -> None:
    (staging / "exp" / "run_0001" / "a.graw").mkdir(parents=True)
    write(staging, "a.graw", 1)
    moved = await link.move(
        os.fsencode(staging), [b"a.graw"], "exp/run_0001", timeout=DEADLINE
    )
    assert moved.stayed
    assert (staging / "a.graw").exists()


async def test_a_move_that_was_cut_between_two_names_is_ended(
    link: RouterLink, staging: Path
) -> None:
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


async def test_two_moves_at_once_lose_nothing(link: RouterLink, staging: Path) -> None:
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


async def test_without_files_no_directory_is_made(
    link: RouterLink, staging: Path
) -> None:
    moved = await link.move(os.fsencode(staging), [], "exp/run_0001", timeout=DEADLINE)
    assert not moved.there
    assert os.listdir(staging) == []


async def test_whether_there_is_a_run_is_known_or_an_error(
    link: RouterLink, staging: Path
) -> None:
    folder = os.fsencode(staging)

    async def has(name: str) -> bool:
        return await link.has(folder, "exp", name, timeout=DEADLINE)

    assert not await has("run_0001")
    (staging / "exp" / "run_0001").mkdir(parents=True)
    assert await has("run_0001")
    assert not await has("run_0002")
    if IS_ROOT and isinstance(link, DirectoryRouterLink):
        return  # root may read everything here
    (staging / "exp").chmod(0)
    with pytest.raises(ProtocolError, match="Permission denied"):
        await has("run_0002")
    (staging / "exp").chmod(0o755)


CALLS = {"mkdir": "mkdir", "ln": "link", "mv": "rename"}
FULL = os.strerror(errno.ENOSPC)


@pytest.fixture
def full(
    link: RouterLink, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Let programs there, or the system calls here, find the disk full.

    On a full ext4 of coreutils 9.1 ln and mv say just this, and mkdir of a path may
    have made its first part.
    """

    def refuse(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, FULL, arguments[0])

    def full(*programs: str) -> None:
        for program in programs:
            if isinstance(link, DirectoryRouterLink):
                monkeypatch.setattr(os, CALLS[program], refuse)
            else:
                sshd: Sshd = request.getfixturevalue("sshd")
                sshd.stand_in(program, f"echo '{program}: {FULL}' >&2; exit 1")

    return full


async def test_where_no_directory_can_be_made_all_stays(
    link: RouterLink, staging: Path, full: Callable[..., None]
) -> None:
    names = [b"a.graw", b"b.graw"]
    for name in names:
        write(staging, name, 4096)
    folder = os.fsencode(staging)
    full("mkdir")
    with pytest.raises(ProtocolError, match=FULL):
        await link.move(folder, names, "exp/run_0001", timeout=DEADLINE)
    assert len(await link.files(folder, timeout=DEADLINE)) == 2


async def test_on_a_full_disk_each_file_stays_and_says_why(
    link: RouterLink, staging: Path, full: Callable[..., None]
) -> None:
    names = [b"a.graw", b"b.graw"]
    for name in names:
        write(staging, name, 4096)
    folder = os.fsencode(staging)
    full("ln", "mv")
    moved = await link.move(folder, names, "exp/run_0001", timeout=DEADLINE)
    assert [one.name for one in moved.stayed] == names
    assert all(FULL in one.why for one in moved.stayed)
    assert not moved.there
    assert {
        (file.name, file.size) for file in await link.files(folder, timeout=DEADLINE)
    } == {(name, 4096) for name in names}

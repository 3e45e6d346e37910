"""The log of a program on another computer, over a real SSH connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from daqpv.ecc.settings import EccSettings
from daqpv.errors import LinkError, NoAnswerError, ProtocolError
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.remote_log import RemoteLogFile
from daqpv.links.ssh.remote_text import tail
from daqpv.remote_log import newest
from daqpv.routers import RouterSettings, Watch
from tests.support.sshd import Sshd
from tests.support.waiting import DEADLINE


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "it's a $(log)"


def fill(log: Path, data: bytes) -> None:
    log.write_bytes(data)


async def end(host: SshHost, log: Path | str, size: int = 100) -> bytes:
    return await tail(host, str(log), size=size, timeout=DEADLINE)


async def test_the_end_of_a_huge_log_comes_at_once(host: SshHost, log: Path) -> None:
    with log.open("wb") as file:
        file.seek(2**36)
        file.write(b"first\nlast\n")
    assert (await end(host, log)).endswith(b"\0first\nlast\n")
    assert len(await end(host, log, 1000)) == 1000


async def test_its_bytes_may_be_anything(host: SshHost, log: Path) -> None:
    every = bytes(range(256)) + b"problem\0 daqpv:answer\0"
    fill(log, every)
    assert await end(host, log, 1000) == every
    fill(log, b"")
    assert await end(host, log) == b""


async def test_a_path_may_begin_at_home(host: SshHost, sshd: Sshd) -> None:
    (sshd.home / "a.log").write_text("there")
    assert await end(host, "~/a.log") == b"there"


async def test_what_cannot_be_read_is_said_with_the_cure(
    host: SshHost, log: Path
) -> None:
    with pytest.raises(ProtocolError, match=r"No such file .*log_path in the exper"):
        await end(host, log)
    fill(log, b"secret")
    os.chmod(log, 0)
    with pytest.raises(ProtocolError, match=r"Permission denied.* let this user read"):
        await end(host, log)


@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
async def test_what_has_no_end_is_not_waited_for(
    host: SshHost, log: Path, kind: str
) -> None:
    make: dict[str, Callable[[Path], object]] = {
        "pipe": os.mkfifo,
        "directory": os.mkdir,
        "device": partial(os.symlink, "/dev/zero"),
    }
    make[kind](log)
    with pytest.raises(ProtocolError, match="is no file"):
        await end(host, log)


async def test_a_disk_that_hangs_is_not_waited_for(
    host: SshHost, sshd: Sshd, log: Path
) -> None:
    fill(log, b"a")
    _, go = sshd.hold("tail")
    with pytest.raises(NoAnswerError, match="a disk of it hangs") as caught:
        await tail(host, str(log), size=100, timeout=0.5)
    assert caught.value.timed_out
    go.touch()


async def test_servers_and_routers_say_where_their_log_is(
    sshd: Sshd, log: Path
) -> None:
    fill(log, b"".join(b"line %d\n" % n for n in range(9000)))
    ecc = EccSettings(url="http://127.0.0.1:1/", ssh=sshd.target, log_path=str(log))
    router = RouterSettings(
        address="127.0.0.1", watch=Watch(ssh=sshd.target), log_path=str(log)
    )
    for settings in (ecc, router):
        file = RemoteLogFile(settings, SshHost)
        assert not file.missing
        lines = newest(await file.read()).splitlines()
        assert lines == [f"line {n}" for n in range(8950, 9000)]


async def test_a_line_that_is_not_whole_is_never_taken_for_one(
    sshd: Sshd, log: Path
) -> None:
    fill(log, b"x" * 100_000 + b"".join(b"%d\r\n" % n for n in range(40)))
    settings = EccSettings(
        url="http://127.0.0.1:1/", ssh=sshd.target, log_path=str(log)
    )
    text = newest(await RemoteLogFile(settings, SshHost).read())
    assert text.startswith("...xxx")
    assert text.endswith("38\n39")


def test_what_the_file_does_not_say_is_named() -> None:
    ecc = EccSettings(url="http://127.0.0.1:1/")
    router = RouterSettings(address="1.2.3.4", watch=Watch(directory="/data"))
    log_path = "log_path: ~/Library/Logs/..."
    assert RemoteLogFile(ecc, SshHost).missing == f"ssh: user@host and {log_path}"
    assert (
        RemoteLogFile(router, SshHost).missing
        == f"watch: {{ssh: user@host}} and {log_path}"
    )


async def test_nobody_there_is_said(sshd: Sshd) -> None:
    sshd.stop()
    settings = EccSettings(
        url="http://127.0.0.1:1/", ssh=sshd.target, log_path="/a.log"
    )
    with pytest.raises(LinkError, match="connection refused"):
        await RemoteLogFile(settings, SshHost).read()

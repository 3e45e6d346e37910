"""One connection to a computer, and all that can be wrong with it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.ssh.connections import SshHost, SshHosts, path, quoted
from tests.support.sshd import Sshd, make_key
from tests.support.waiting import DEADLINE, soon


async def ask(host: SshHost, script: bytes = b"id -un") -> bytes:
    return (await host.run(script, what="the test", timeout=DEADLINE)).output.strip()


async def test_all_share_one_connection(sshd: Sshd) -> None:
    hosts = SshHosts()
    first, second = hosts.host(sshd.target), hosts.host(sshd.target)
    assert first is second
    async with first, second:
        answers = await asyncio.gather(*(ask(first, b"echo $PPID") for _ in range(30)))
        assert len(set(answers)) == 1  # the sshd of this connection


async def test_it_is_closed_when_nobody_uses_it_any_more(sshd: Sshd) -> None:
    host = SshHost(sshd.target)
    async with host:
        async with host:
            await ask(host)
        assert host._master is not None
    assert host._master is None


async def test_words_reach_the_shell_as_they_are(host: SshHost) -> None:
    text = b"it's $HOME `id` \\ \n \xff \" *"
    assert await ask(host, b"printf %s " + quoted(text)) == text
    home = os.environ["HOME"].encode()
    assert await ask(host, b"printf %s " + path("~/a b")) == home + b"/a b"


async def test_it_comes_back_by_itself_after_a_cut(host: SshHost, sshd: Sshd) -> None:
    await ask(host)
    assert host._master is not None
    sshd.stop()
    await soon(host._master.is_closed, "the cut")
    with pytest.raises(NotConnectedError, match="connection refused"):
        await ask(host)
    sshd.start()
    assert await ask(host) == sshd.user.encode()


async def test_a_script_that_is_cut_has_an_unknown_outcome(
    host: SshHost, sshd: Sshd, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    work = asyncio.ensure_future(ask(host, f": >{began}; sleep 60".encode()))
    await soon(began.exists, "a script that runs")
    sshd.stop()
    with pytest.raises(
        NoAnswerError, match="was cut before the test was over"
    ) as caught:
        await work
    assert not caught.value.timed_out


async def test_a_script_that_is_late_is_given_up_and_the_connection_stays(
    host: SshHost,
) -> None:
    await ask(host)
    connection = host._master
    with pytest.raises(NoAnswerError, match="was not over in") as caught:
        await host.run(b"sleep 60", what="the test", timeout=0.1)
    assert caught.value.timed_out
    await ask(host)
    assert host._master is connection


async def test_a_script_that_fails_is_said_with_its_words(host: SshHost) -> None:
    with pytest.raises(ProtocolError, match="the test failed there: no way"):
        await ask(host, b"echo no way >&2; exit 3")


async def test_what_a_login_shell_says_of_itself_is_left_out(
    host: SshHost, sshd: Sshd, tmp_path: Path
) -> None:
    sshd.stop()
    config = sshd.folder / "config"
    noise = tmp_path / "noise"
    noise.write_text('#!/bin/sh\necho Welcome\neval "$SSH_ORIGINAL_COMMAND"\n')
    noise.chmod(0o755)
    config.write_text(f"{config.read_text()}ForceCommand {noise}\n")
    sshd.start()
    assert await ask(host, b"echo it") == b"it"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
async def test_a_changed_host_key_is_said_with_the_cure(
    host: SshHost, sshd: Sshd, kind: str
) -> None:
    sshd.know(make_key(sshd.folder / "another", kind))
    with pytest.raises(
        NotConnectedError, match=r"host key of \S+ has CHANGED"
    ) as caught:
        await ask(host)
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in str(caught.value)
    sshd.know((sshd.folder / "host_key.pub").read_text())
    await ask(host)


async def test_an_unknown_host_is_not_spoken_to(host: SshHost, sshd: Sshd) -> None:
    (sshd.ssh / "known_hosts").unlink()
    cure = f"compare it: {sshd.program} -p {sshd.port} {sshd.user}@127.0.0.1"
    with pytest.raises(NotConnectedError, match=cure):
        await ask(host)
    (sshd.ssh / "config").write_text("UserKnownHostsFile none\n")
    with pytest.raises(NotConnectedError, match="host key is not known here"):
        await ask(host)


async def test_a_refused_login_is_said_with_the_cure(host: SshHost, sshd: Sshd) -> None:
    (sshd.folder / "authorized_keys").write_text("")
    cure = f"login is refused.*ssh-copy-id .* -p {sshd.port} {sshd.user}@127.0.0.1"
    with pytest.raises(NotConnectedError, match=cure):
        await ask(host)


async def test_the_configuration_of_the_user_holds(sshd: Sshd) -> None:
    (sshd.ssh / "id_ed25519").rename(sshd.ssh / "lab_key")
    (sshd.ssh / "config").write_text(
        f"Host mac0\nHostName 127.0.0.1\nPort {sshd.port}\n"
        f"IdentityFile {sshd.ssh}/lab_key\n"
    )
    async with SshHost(f"{sshd.user}@mac0") as host:
        assert await ask(host) == sshd.user.encode()


async def test_a_configuration_that_cannot_be_read_is_said(
    host: SshHost, sshd: Sshd
) -> None:
    (sshd.ssh / "config").write_text("Port many\n")
    with pytest.raises(NotConnectedError, match="ssh"):
        await ask(host)


async def test_a_name_that_nobody_has_is_said(sshd: Sshd) -> None:
    async with SshHost("attpc@nobody.invalid") as host:
        with pytest.raises(NotConnectedError, match="no such name"):
            await ask(host)


async def test_a_computer_that_is_down_is_offline_within_the_deadline(
    sshd: Sshd,
) -> None:
    with socket.socket() as full:  # takes no connection: its queue is full
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(3)]
        for each in held:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        async with SshHost(f"attpc@127.0.0.1:{port}") as host:
            with pytest.raises(NotConnectedError, match="no login in"):
                await host.run(b"id", what="the test", timeout=0.3)
        for each in held:
            each.close()


async def test_a_computer_that_stands_still_is_said_and_left(
    host: SshHost, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.links.ssh.master.KEEP_ALIVE", 1)
    pid = int(await ask(host, b"echo $PPID"))
    began = tmp_path / "began"
    work = asyncio.ensure_future(ask(host, f": >{began}; sleep 60".encode()))
    await soon(began.exists, "a script that runs")
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(NoAnswerError, match="was cut before the test was over"):
            await work
        assert await ask(host) == sshd.user.encode()  # over another connection
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_what_was_not_sent_is_sent_over_another_connection(
    host: SshHost, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.links.ssh.master.KEEP_ALIVE", 1)
    pid = int(await ask(host, b"echo $PPID"))
    os.kill(pid, signal.SIGSTOP)
    try:
        assert await ask(host) == sshd.user.encode()
    finally:
        os.kill(pid, signal.SIGCONT)

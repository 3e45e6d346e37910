"""Where `ssh host` works without a question, daqpv works; else the cause is named."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from daqpv.errors import NotConnectedError
from daqpv.links.ssh.connections import SshHost
from tests.support import forks
from tests.support.sshd import Sshd, make_key
from tests.support.waiting import DEADLINE, soon, until


@pytest.fixture
def jump(sshd: Sshd, tmp_path: Path) -> Iterator[Sshd]:
    """A second computer, `jump` in the configuration; `far` is the first behind it."""
    jump = Sshd(tmp_path / "jump", address="127.0.0.2")
    configure(
        sshd,
        f"Host jump\nHostName {jump.address}\nPort {jump.port}\n"
        f"IdentityFile {jump.ssh}/id_ed25519\n"
        f"UserKnownHostsFile {jump.ssh}/known_hosts\n"
        f"Host far\nHostName 127.0.0.1\nPort {sshd.port}\nProxyJump jump\n",
    )
    jump.start()
    yield jump
    jump.stop()


def configure(sshd: Sshd, text: str) -> None:
    (sshd.ssh / "config").write_text(text)


def as_mac0(sshd: Sshd, more: str) -> None:
    configure(sshd, f"Host mac0\nHostName 127.0.0.1\nPort {sshd.port}\n{more}\n")


def run(*command: str) -> None:
    forks.run(command, check=True, stdout=subprocess.DEVNULL)


async def ask(target: str, script: bytes = b"echo it") -> bytes:
    async with SshHost(target) as host:
        done = await host.run(script, what="the test", timeout=DEADLINE)
        return done.output.strip()


async def refusal(target: str) -> str:
    with pytest.raises(NotConnectedError) as caught:
        await ask(target)
    return str(caught.value)


async def test_a_jump_host_may_be_an_alias(jump: Sshd) -> None:
    assert await ask("far") == b"it"


async def test_a_jump_host_whose_key_has_changed_is_blamed_not_the_target(
    jump: Sshd, sshd: Sshd
) -> None:
    jump.know(make_key(jump.folder / "another"))
    said = await refusal("far")
    name = re.escape(f"[127.0.0.2]:{jump.port}")
    assert re.search(f"on the way there.* the host key of {name} has CHANGED", said)
    assert (
        f"ssh-keygen -R '[127.0.0.2]:{jump.port}' -f '{jump.ssh}/known_hosts'" in said
    )
    assert str(sshd.port) not in said


async def test_a_target_whose_key_has_changed_is_blamed_not_the_jump_host(
    jump: Sshd, sshd: Sshd
) -> None:
    sshd.know(make_key(sshd.folder / "another"))
    said = await refusal("far")
    assert f"the host key of [127.0.0.1]:{sshd.port} has CHANGED" in said
    assert "on the way" not in said


async def test_an_unknown_jump_host_is_said_to_be_on_the_way(jump: Sshd) -> None:
    (jump.ssh / "known_hosts").unlink()
    assert re.search(r"on the way there.*host key .*not known", await refusal("far"))


async def test_a_jump_host_that_refuses_the_login_is_named(jump: Sshd) -> None:
    (jump.folder / "authorized_keys").write_text("")
    said = await refusal("far")
    assert "on the way there" in said
    assert f"refused to {jump.user}@127.0.0.2" in said


async def test_a_jump_host_that_is_off_is_named(jump: Sshd) -> None:
    jump.stop()
    said = await refusal("far")
    assert "on the way there, through another computer: connection refused" in said
    assert f"127.0.0.2 port {jump.port}" in said


async def test_a_jump_host_without_a_name_is_named(sshd: Sshd) -> None:
    as_mac0(sshd, "ProxyJump nobody.invalid")
    assert "on the way there, through another computer: nobody.invalid: no such" in (
        await refusal("mac0")
    )


async def test_a_target_that_the_jump_host_cannot_reach_is_said(
    jump: Sshd, sshd: Sshd
) -> None:
    sshd.stop()
    assert "the jump host cannot connect to it: connect failed" in await refusal("far")


@pytest.mark.parametrize(
    "more",
    [
        "User {user} # that is me",
        "IdentityFile {ssh}/missing\nIdentityFile {ssh}/id_ed25519",
        "Include {ssh}/nobody*.conf",
        "HostKeyAlias [127.0.0.1]:{port}",
        "ControlMaster auto\nControlPath {ssh}/%C\nControlPersist 60",
        "RequestTTY force\nRemoteCommand top",
        "LocalForward 127.0.0.1:{port} 127.0.0.1:1\nExitOnForwardFailure yes",
        "LogLevel VERBOSE",
        'Match host 127.0.0.1 exec "true"\nUser {user}\nMatch exec "false"\nPort 1',
    ],
)
async def test_what_ssh_takes_is_taken(sshd: Sshd, more: str) -> None:
    as_mac0(sshd, more.format(user=sshd.user, ssh=sshd.ssh, port=sshd.port))
    assert await ask("mac0") == b"it"


@pytest.mark.parametrize(
    "line",
    [b"=", b"127.0.0.1 ssh-ed25519 AAAAC3Nz", b"\xff\x00\xfe", b"@revoked", b"|1|"],
)
async def test_an_odd_line_in_known_hosts_harms_nobody(sshd: Sshd, line: bytes) -> None:
    known = sshd.ssh / "known_hosts"
    known.write_bytes(line + b"\n" + known.read_bytes() + line)
    assert await ask(sshd.target) == b"it"


async def test_certificates_are_taken(sshd: Sshd) -> None:
    make_key(sshd.ssh / "authority")
    public = (sshd.ssh / "authority.pub").read_text()
    for kind, name, key in (
        ("-h", "127.0.0.1", sshd.folder / "host_key.pub"),
        ("", sshd.user, sshd.ssh / "id_ed25519.pub"),
    ):
        by_authority = ["-s", str(sshd.ssh / "authority"), "-I", "a", *kind.split()]
        run("ssh-keygen", "-q", *by_authority, "-n", name, str(key))
    (sshd.ssh / "known_hosts").write_text(f"@cert-authority * {public}")
    (sshd.folder / "authorized_keys").write_text(f"cert-authority {public}")
    sshd.stop()
    config = sshd.folder / "config"
    certificate = f"HostCertificate {sshd.folder}/host_key-cert.pub\n"
    config.write_text(config.read_text() + certificate)
    sshd.start()
    assert await ask(sshd.target) == b"it"


async def test_an_agent_is_asked(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent"
    agent = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", str(path))
    try:
        await soon(path.exists, "an agent")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        key = sshd.ssh / "id_ed25519"
        run("ssh-add", "-q", str(key))
        key.unlink()
        assert await ask(sshd.target) == b"it"
    finally:
        agent.terminate()
        await agent.wait()


async def test_a_passphrase_is_never_asked_for(sshd: Sshd) -> None:
    key = sshd.ssh / "id_ed25519"
    run("ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key))
    assert "a key with a passphrase wants an ssh-agent" in await refusal(sshd.target)


async def test_a_bad_configuration_is_said_with_file_and_line(sshd: Sshd) -> None:
    configure(sshd, "Prot 22\n")
    assert re.search(
        r"ssh/config: line 1: Bad configuration.* Mend", await refusal("a")
    )


async def test_nothing_in_common_is_said(sshd: Sshd) -> None:
    as_mac0(sshd, "Ciphers aes128-cbc")
    assert "have no cipher in common (it offers " in await refusal("mac0")


async def test_what_is_no_sshd_is_said(sshd: Sshd) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await refusal(f"127.0.0.1:{port}")
    assert f"Does this work: {sshd.program} -p {port} 127.0.0.1" in said


async def test_a_restricted_shell_needs_sh_alone(sshd: Sshd) -> None:
    sshd.bin.mkdir()
    forced = f"/bin/bash -c 'PATH={sshd.bin} exec /bin/bash -r -c \"$0\"'"
    sshd.stop()
    config = sshd.folder / "config"
    more = f'ForceCommand {forced} "$SSH_ORIGINAL_COMMAND"\n'
    config.write_text(config.read_text() + more)
    sshd.start()
    assert re.search(
        r"runs no sh \(.*sh: command not found.*PATH", await refusal(sshd.target)
    )
    (sshd.bin / "sh").symlink_to("/bin/sh")
    (sshd.bin / "cat").symlink_to("/bin/cat")
    assert await ask(sshd.target) == b"it"


async def test_an_account_without_a_shell_is_said(sshd: Sshd) -> None:
    sshd.stop()
    config = sshd.folder / "config"
    config.write_text(config.read_text() + "ForceCommand echo not available; exit 1\n")
    sshd.start()
    said = await refusal(sshd.target)
    assert "the login shell there runs no sh (not available; 1)" in said


async def test_a_computer_without_ssh_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAQPV_SSH", "/nowhere/ssh -4")
    assert "no program /nowhere/ssh on this computer. Install it: apt-get" in (
        await refusal("a@127.0.0.1")
    )
    monkeypatch.setenv("DAQPV_SSH", "ssh '")
    assert "DAQPV_SSH: No closing quotation" in await refusal("a@127.0.0.1")


async def test_few_sessions_are_enough(sshd: Sshd) -> None:
    sshd.stop()
    config = sshd.folder / "config"
    config.write_text(config.read_text() + "MaxSessions 2\n")
    sshd.start()
    async with SshHost(sshd.target) as host:
        asks = (host.run(b"echo it", what="a", timeout=DEADLINE) for _ in range(10))
        assert {done.output for done in await asyncio.gather(*asks)} == {b"it\n"}


async def test_a_single_session_is_too_few(sshd: Sshd) -> None:
    sshd.stop()
    config = sshd.folder / "config"
    config.write_text(config.read_text() + "MaxSessions 1\n")
    sshd.start()
    async with SshHost(sshd.target) as host:
        with pytest.raises(NotConnectedError, match="MaxSessions in sshd_config"):
            await host.run(b"id", what="the test", timeout=3)


async def test_the_directory_of_temporary_files_may_have_any_name(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    short = Path("/tmp") / f"a %h {os.getpid()}"
    for place in (tmp_path / ("x" * 100), short):
        place.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(place))
        assert await ask(sshd.target) == b"it"
        assert not list(place.iterdir())
    shutil.rmtree(short)


def test_a_kill_leaves_no_connection_behind(sshd: Sshd) -> None:
    script = f"""
import asyncio
from daqpv.links.ssh.connections import SshHost

async def main():
    async with SshHost("{sshd.target}") as host:
        await host.run(b":", what="", timeout={DEADLINE})
        print("ready", flush=True)
        await asyncio.sleep({DEADLINE})

asyncio.run(main())
"""
    process = forks.Process([sys.executable, "-c", script], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert [child.name() for child in children] == ["ssh"]
        process.send_signal(signal.SIGKILL)
    until(lambda: not children[0].is_running(), "the end of the connection")

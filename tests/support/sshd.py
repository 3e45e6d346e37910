"""A real sshd on loopback, and a process called dataRouter."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from daqpv.links.ssh.connections import SshHost
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE, until

IN_CI = os.environ.get("CI") == "true"  # what is missing there is a failure
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
IS_ROOT = os.getuid() == 0

CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
LogLevel ERROR
SetEnv PATH={folder}/bin:/usr/bin:/bin HOME={folder}/home
"""

CLIENT = """\
Include {ssh}/config
Match all
IdentityFile {ssh}/id_ed25519
UserKnownHostsFile {ssh}/known_hosts
GlobalKnownHostsFile none
"""


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair; return its public half."""
    path.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, input=b"y\n")
    return path.with_suffix(".pub").read_text()


class Sshd:
    """An sshd with keys, port and configuration of its own, and an ssh that knows it.

    Whoever logs in has no power over files that he may not read, root neither.

    Attributes:
        home: of who is logged in; its .ssh is that of who logs in from here.
        program: the ssh command that uses it: ssh takes no HOME from the environment.
        bin: programs there stand in for those of the system.
        target: where to log in.
    """

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        assert SSHD is not None
        self.address = address
        self.folder = folder
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.ssh = self.home / ".ssh"
        self.ssh.mkdir(parents=True, mode=0o700)
        self.port = free_port()
        self.user = getpass.getuser()
        self.target = f"{self.user}@{address}:{self.port}"
        self.program = f"ssh -F {folder}/ssh_config"
        (folder / "ssh_config").write_text(CLIENT.format(ssh=self.ssh))
        (folder / "config").write_text(
            CONFIG.format(address=address, port=self.port, folder=folder)
        )
        key = make_key(self.ssh / "id_ed25519")
        (folder / "authorized_keys").write_text(key)
        self.know(make_key(folder / "host_key"))
        self.process: subprocess.Popen[bytes] | None = None

    def know(self, key: str) -> None:
        """Let the host have `key` in known_hosts."""
        (self.ssh / "known_hosts").write_text(f"[{self.address}]:{self.port} {key}")

    def start(self) -> None:
        """Listen."""
        if IS_ROOT:
            Path("/run/sshd").mkdir(exist_ok=True)
        powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        self.process = subprocess.Popen(
            [*(powerless if IS_ROOT else []), str(SSHD), "-D", "-f", "config"],
            cwd=self.folder,
            start_new_session=True,
        )
        until(self._listens, "sshd")

    def stop(self, *, scripts: bool = True) -> None:
        """End it, and all its connections; perhaps also what was run over them."""
        if self.process is not None:
            children = psutil.Process(self.process.pid).children(recursive=True)
            if not scripts:
                children = [one for one in children if one.name().startswith("sshd")]
            self.process.terminate()
            self.process.wait(DEADLINE)
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            self.process = None

    def hold(self, program: str) -> tuple[Path, Path]:
        """Let `program` wait, there; return what says that it does, and lets it go."""
        began, go = self.bin / "began", self.bin / "go"
        self.stand_in(
            program,
            f": >{began}\ntries=0\n"
            f"while [ ! -e {go} ] && [ $tries -lt 3000 ]\n"  # then nobody cares
            "do sleep 0.02; tries=$((tries + 1)); done\n"
            f'exec /bin/{program} "$@"\n',
        )
        return began, go

    def stand_in(self, program: str, script: str) -> None:
        """Let `program` be a shell script, there."""
        self.bin.mkdir(exist_ok=True)
        path = self.bin / program
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0


class DataRouter:
    """A process called dataRouter that writes nothing; told apart by its port."""

    def __init__(self, folder: Path, staging: Path, port: int) -> None:
        folder.mkdir(exist_ok=True)
        program = folder / "dataRouter"
        program.write_text("#!/bin/sh\nread line\n")
        program.chmod(0o755)
        self.process = subprocess.Popen(
            [str(program), ":46003", f"127.0.0.1:{port}", "TCP"],
            cwd=staging,
            stdin=subprocess.PIPE,
        )
        name = Path(f"/proc/{self.process.pid}/comm")
        until(lambda: name.read_text().strip() == "dataRouter", "a dataRouter")

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


def write(folder: Path, name: str | bytes, size: int = 10) -> None:
    """Write a file of `size` bytes."""
    path = os.path.join(os.fsencode(folder), os.fsencode(name))
    with open(path, "wb") as file:
        file.write(b"x" * size)


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """A running one; whom it lets in is the ssh of this process."""
    if SSHD is None:
        missing = pytest.fail if IN_CI else pytest.skip
        missing("no sshd: apt-get install openssh-server")
    sshd = Sshd(tmp_path / "sshd")
    monkeypatch.setenv("HOME", str(sshd.home))
    monkeypatch.setenv("DAQPV_SSH", sshd.program)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    sshd.start()
    yield sshd
    sshd.stop()


@pytest.fixture
async def host(sshd: Sshd) -> AsyncIterator[SshHost]:
    """The computer, over one connection."""
    async with SshHost(sshd.target) as host:
        yield host


@pytest.fixture
def port() -> int:
    """Of a dataRouter: another one in each test, for all see all processes."""
    return free_port()


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """Where a router writes."""
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


@pytest.fixture
def data_router(tmp_path: Path) -> Iterator[Callable[..., DataRouter]]:
    """Start processes called dataRouter."""
    started: list[DataRouter] = []

    def start(staging: Path, port: int) -> DataRouter:
        started.append(DataRouter(tmp_path / "bin", staging, port))
        return started[-1]

    yield start
    for router in started:
        router.end()

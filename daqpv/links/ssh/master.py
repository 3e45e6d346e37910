"""Runs the ssh process that holds the one connection to a computer.

It is OpenSSH itself, so ``~/.ssh/config``, keys, agent, certificates, jump hosts and
known_hosts have their usual meaning. It never prompts: it has no terminal.

Source: OpenSSH 9.2, ssh(1), ssh_config(5); docs/decisions/0001-ssh.md.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from daqpv.links.ssh.sentences import no_program

PROGRAM = "DAQPV_SSH"
"""The environment variable that names another program than ssh, with options."""

KEEP_ALIVE = 5  # [s]; a connection without an answer to three of them is closed
GRACE = 0.5  # [s] for an orderly end

SHELL = "sh -s"  # restricted shells refuse paths and exec; csh and fish accept it too

_MARK = b"daqpv:ready\0"  # the output of a login shell comes before it
_WAIT = b"printf 'daqpv:ready\\0'; exec cat >/dev/null\n"

_MAX_PATH = 80  # [bytes]; a socket path has 104, ssh adds 17 to it while it creates one
_KEPT = 2**14  # [bytes] of its error output


class LoginError(Exception):
    """The login failed.

    Attributes:
        said: what ssh wrote to its standard error.
        code: its exit code: 255 if ssh failed, not the remote shell.
    """

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.said, self.code = said, code


def program() -> list[str]:
    """The command that logs in, as words: ssh, or the value of DAQPV_SSH.

    Raises:
        ValueError: DAQPV_SSH cannot be split into words.
    """
    try:
        return shlex.split(os.environ.get(PROGRAM, "")) or ["ssh"]
    except ValueError as error:
        raise ValueError(f"{PROGRAM}: {error}") from error


def by_hand(destination: Sequence[str]) -> str:
    """The command to log in there from a terminal."""
    return shlex.join([*program(), *destination])


def missing() -> str:
    """What this computer lacks for logins, with the cure; "" if nothing."""
    try:
        name = program()[0]
    except ValueError as error:
        return no_program(error)
    return "" if shutil.which(name) else no_program(FileNotFoundError(2, "", name))


class Master:
    """A process of ssh that is logged in.

    It ends with the connection, and with this process, however that ends: its remote
    shell waits for the end of its input.

    Attributes:
        path: of the socket at which it accepts sessions.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ssh"
        self._transport: asyncio.SubprocessTransport | None = None
        self._login: _Login | None = None

    @classmethod
    async def begin(cls, destination: Sequence[str]) -> Master:
        """Log in.

        Args:
            destination: the last words of the command: ``-p 22 user@host``.

        Raises:
            LoginError: it cannot log in.
            ValueError: DAQPV_SSH is not valid.
            OSError: the program does not exist.
        """
        folder = _folder()
        master = cls(folder)
        try:
            await master._begin(destination)
        except BaseException:
            await master.close()
            raise
        return master

    async def _begin(self, destination: Sequence[str]) -> None:
        options = {
            "BatchMode": "yes",
            "ControlMaster": "yes",
            "ControlPersist": "no",
            "ServerAliveInterval": str(KEEP_ALIVE),
            "ServerAliveCountMax": "3",
            "ClearAllForwardings": "yes",
            "PermitLocalCommand": "no",
            "RemoteCommand": "none",
            "LogLevel": "INFO",
        }
        words = [word for pair in options.items() for word in ("-o", "=".join(pair))]
        transport, login = await asyncio.get_running_loop().subprocess_exec(
            _Login,
            *program(),
            *words,
            "-T",
            "-S",
            str(self.path).replace("%", "%%"),
            *destination,
            SHELL,
            start_new_session=True,  # without a terminal a jump host cannot prompt
            env=_environment(),
        )
        self._transport, self._login = transport, login
        pipe = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(_WAIT)
        await asyncio.wait({login.ready, login.over}, return_when="FIRST_COMPLETED")
        if not login.ready.done():
            code = transport.get_returncode()
            raise LoginError(login.said.decode(errors="replace"), code or 0)

    def is_closed(self) -> bool:
        """Whether the process, and so the connection, has ended."""
        return self._login is None or self._login.exited.done()

    async def close(self) -> None:
        """End the connection and the process."""
        if self._transport is not None and self._login is not None:
            pipe = self._transport.get_pipe_transport(0)
            if pipe is not None and self._login.ready.done():
                pipe.close()
                await asyncio.wait({self._login.exited}, timeout=GRACE)
            if not self._login.exited.done():
                with suppress(ProcessLookupError):
                    os.killpg(self._transport.get_pid(), signal.SIGKILL)
                await asyncio.wait({self._login.exited}, timeout=GRACE)
            self._transport.close()
        shutil.rmtree(self.path.parent, ignore_errors=True)


class _Login(asyncio.SubprocessProtocol):
    """Collects the output of the process.

    Attributes:
        ready: the remote shell has answered.
        exited: it has ended.
        over: it has ended, and all of its output has arrived.
        said: the beginning of its error output, and of the output of the login shell
            before its answer.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        self.said = bytearray()
        self._output = bytearray()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if self.ready.done():
            return
        self.said += data[: _KEPT - len(self.said)]
        if fd == 1:
            self._output = self._output[-len(_MARK) :] + data
            if _MARK in self._output:
                self.ready.set_result(None)

    def process_exited(self) -> None:
        self.exited.set_result(None)
        # a child may keep its standard error open; the output has arrived before
        asyncio.get_running_loop().call_later(GRACE, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


def _environment() -> dict[str, str]:
    """Our environment, without programs that prompt for passwords in a window."""
    ours = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    return ours | {"SSH_ASKPASS_REQUIRE": "never"}


def _folder() -> Path:
    """Create a directory for the socket: private, with a short name.

    Raises:
        OSError: no directory can be created.
    """
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"]
    for place in places:
        if place and len(os.fsencode(place)) + 30 < _MAX_PATH and _is_usable(place):
            return Path(tempfile.mkdtemp(prefix="daqpv-ssh-", dir=place))
    raise OSError(None, "no directory for the socket of ssh", " ".join(places).strip())


def _is_usable(place: str) -> bool:
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)

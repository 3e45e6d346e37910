"""SSH: one connection to each computer, for all who have business there.

Keys, host keys and what else ``~/.ssh/config`` says are those of the user who runs
daqpv: where ``ssh user@host`` works without a question, this does. A computer with a
host key that is not known there is not spoken to.

What is done there is a script for a POSIX shell, sent as its input: the login shell of
the user may be any.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import asyncssh
from asyncssh.public_key import get_default_public_key_algs

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    ProtocolError,
)

PORT = 22

KEEP_ALIVE = 5.0  # [s]; a connection that is silent for three of them is given up
LOGIN = 30.0  # [s]; the deadline of the exchange is mostly shorter
SESSIONS = 8  # at once in one connection: sshd has 10 (MaxSessions)
CROWDED = 0.05  # [s] until a session that was refused is asked for again
MAX_ANSWER = 64 * 2**20  # [bytes]

# First what costs a quarter less per exchange than asyncssh's own choice, chacha20
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"

_SHELL = "exec /bin/sh -s"
_MARK = b"daqpv:answer\0"  # what a login shell says of itself comes before
_HEAD = b"LC_ALL=C; export LC_ALL\nprintf 'daqpv:answer\\0'\n"
_GRACE = 1.0  # [s] for the farewell


@dataclass(frozen=True, slots=True)
class SshAnswer:
    """What a script wrote, and when.

    Attributes:
        output: to its standard output.
        sent: when it was sent, UTC [s since 1970].
        begun: when it began to answer.
    """

    output: bytes
    sent: float
    begun: float


def quoted(text: bytes) -> bytes:
    """`text` as one word of a shell; it may hold anything but a zero byte."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


def path(text: str) -> bytes:
    """A path as one word of a shell; ``~/`` is the home of who is logged in."""
    if text == "~" or text.startswith("~/"):
        return b'"$HOME"' + quoted(os.fsencode(text[1:]))
    return quoted(os.fsencode(text))


class SshHosts:
    """The computers that this process speaks to over SSH."""

    def __init__(self) -> None:
        self._hosts: dict[str, SshHost] = {}

    def host(self, target: str) -> SshHost:
        """The computer at ``user@host[:port]``: the same object for all who ask."""
        return self._hosts.setdefault(target, SshHost(target))


def shared_hosts(site: object) -> SshHosts:
    """The computers of a process: ``site.shared(shared_hosts)`` (daqpv.core.Site)."""
    return SshHosts()


class SshHost:
    """A computer, and the one connection to it.

    The connection is opened when it is wanted, again after it was lost, and closed when
    nobody uses the computer any more (``async with``).

    Attributes:
        target: user@host[:port].
    """

    def __init__(self, target: str) -> None:
        self.target = target
        user, _, place = target.partition("@")
        host, _, port = place.partition(":")
        self._user, self._host = user, host
        self._port: Any = int(port) if port else ()  # (): what the config says
        self._users = 0
        self._connection: asyncssh.SSHClientConnection | None = None
        self._connecting = asyncio.Lock()
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._failed = -1.0  # when connecting has failed last [monotonic]
        self._failure = ""

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._users -= 1
        if not self._users:
            await self.close()

    async def close(self) -> None:
        """Close the connection; it is opened again if it is wanted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with suppress(TimeoutError, OSError, asyncssh.Error):
                async with asyncio.timeout(_GRACE):
                    await connection.wait_closed()
            connection.abort()

    async def run(self, script: bytes, *, what: str, timeout: float) -> SshAnswer:
        """Run `script` there, and return all that it wrote.

        It is run as a whole or not at all. When the deadline has passed, or the
        connection is cut, it may go on.

        Args:
            script: for a POSIX shell; ends with exit code 0.
            what: it is, for the sentences of errors: "the look at data0".
            timeout: for all of it, from connecting on [s].

        Raises:
            NotConnectedError: no connection, or no login; nothing was sent.
            NoAnswerError: sent, perhaps in part, and no whole answer in time.
            ProtocolError: it failed there, or its answer is too long.
        """
        exchange: _Exchange | None = None
        try:
            async with asyncio.timeout(timeout) as deadline, self._sessions:
                connection = await self._connected()
                exchange = _Exchange()
                await exchange.begin(
                    connection, b"{\n" + _HEAD + script + b"\nexit 0\n}\n"
                )
                return self._read(await exchange.outcome, exchange, what)
        except (asyncssh.Error, OSError) as error:  # a TimeoutError is an OSError
            if deadline.expired():
                raise self._too_late(exchange, what, timeout) from error
            raise NoAnswerError(
                f"{self.target}: the connection was cut before {what} was over "
                f"({_reason(error)}). It is made again by itself",
                timed_out=False,
            ) from error
        finally:
            if exchange is not None:
                exchange.end()

    def _read(self, status: int | None, exchange: _Exchange, what: str) -> SshAnswer:
        noise, mark, output = bytes(exchange.output).partition(_MARK)
        if status is None and not exchange.errors:
            raise asyncssh.ConnectionLost("Connection lost")
        if not mark or status != 0:
            said = (bytes(exchange.errors) or noise).decode(errors="replace").strip()
            raise ProtocolError(
                f"{self.target}: {what} failed there: {said[-200:] or 'no reason'} "
                f"(exit code {status}). Does this work: ssh {self.target} /bin/sh -c id"
            )
        return SshAnswer(output, exchange.sent, exchange.begun or time.time())

    def _too_late(
        self, exchange: _Exchange | None, what: str, timeout: float
    ) -> LinkError:
        if exchange is None:
            return NotConnectedError(
                f"{self.target}: no login in {timeout:g} s. Is the computer on, and on "
                "the network?"
            )
        return NoAnswerError(
            f"{self.target}: {what} was not over in {timeout:g} s. The computer is "
            "busy, or a disk of it hangs",
            timed_out=True,
        )

    # -- the connection ----------------------------------------------------------------

    async def _connected(self) -> asyncssh.SSHClientConnection:
        """The connection, opened if need be; who waits for the same fails with it.

        Raises:
            LinkError: it cannot be opened.
        """
        came = time.monotonic()
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                if self._failed > came:
                    raise NotConnectedError(self._failure)
                try:
                    self._connection = await self._connect()
                except NotConnectedError as error:
                    self._failed, self._failure = time.monotonic(), str(error)
                    raise
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        with self._said():  # files of the user are read in another thread
            options = await asyncssh.SSHClientConnectionOptions.construct(
                config=(), host=self._host, port=self._port, username=self._user
            )
            known = await asyncio.to_thread(_known_hosts, options.known_hosts)
        name, port = options.host_key_alias or options.host, options.port
        place = name if port == PORT else f"[{name}]:{port}"
        keys = _keys(known, name, port)
        more = {}
        if keys and not options.config.get("HostKeyAlgorithms"):
            # other kinds after them: a key of another kind is to be told as changed
            kinds = [kind for key in keys for kind in key.sig_algorithms]
            kinds += get_default_public_key_algs()
            more["server_host_key_algs"] = [kind.decode() for kind in kinds]
        with self._said(known_as=place if keys else ""):
            return await asyncssh.connect(
                self._host,
                self._port,
                options=options,
                config=None,  # it was read
                known_hosts=known,
                encryption_algs=options.config.get("Ciphers", _CIPHERS),
                login_timeout=LOGIN,
                keepalive_interval=KEEP_ALIVE,
                **more,
            )

    @contextmanager
    def _said(self, *, known_as: str = "") -> Iterator[None]:
        """Say in a sentence, with its cure, why no connection came about.

        Args:
            known_as: its name in known_hosts; "" if it is not there.
        """
        try:
            yield
        except (asyncssh.Error, OSError, ValueError) as error:
            text = self._sentence(error, known_as)
            raise NotConnectedError(f"{self.target}: {text}") from error

    def _sentence(self, error: Exception, known_as: str) -> str:
        by_hand = f"ssh{self._port_option('-p')} {self._user}@{self._host}"
        match error:
            case socket.gaierror():
                return "no such name. Correct it, or give the address in numbers"
            case ConnectionRefusedError():
                return (
                    "connection refused. Nothing listens there: start sshd (on a Mac: "
                    "Remote Login)"
                )
            case asyncssh.DisconnectError() if known_as and _is_of_host_key(error):
                return (
                    "its host key has CHANGED. If the computer was set up anew: "
                    f"ssh-keygen -R '{known_as}', then once by hand: {by_hand}. If "
                    "not, somebody else may answer there: nothing was sent"
                )
            case asyncssh.HostKeyNotVerifiable():
                return (
                    "its host key is not known here. Log in once by hand, as the user "
                    f"who runs daqpv, and compare it: {by_hand}"
                )
            case asyncssh.PermissionDenied():
                return (
                    "the login is refused. It has to work without a password: "
                    f"ssh-copy-id{self._port_option('-p')} {self._user}@{self._host} "
                    "(a key with a passphrase wants an ssh-agent)"
                )
            case asyncssh.Error():
                return f"no login ({_reason(error)}). Does this work: {by_hand}"
            case OSError() if error.filename:
                return f"{error.filename}: {_reason(error)}. Mend it, for ssh as well"
            case OSError():
                return f"{_reason(error)}. Is the computer on, and on the network?"
            case _:
                return (
                    f"~/.ssh cannot be used ({_reason(error)}). Does ssh itself work?"
                )

    def _port_option(self, option: str) -> str:
        return f" {option} {self._port}" if self._port else ""


def _known_hosts(files: Any) -> Any:
    """The host keys that the user knows; never none at all, which would trust all."""
    if files is None:
        return asyncssh.import_known_hosts("")
    names = [Path(name).expanduser() for name in files] or [
        Path("~/.ssh/known_hosts").expanduser(),
        Path("/etc/ssh/ssh_known_hosts"),
    ]
    texts = [name.read_text(errors="replace") for name in names if name.is_file()]
    return asyncssh.import_known_hosts("\n".join(texts))


def _keys(known: Any, host: str, port: int) -> Any:
    """The keys that `host` may have."""
    return asyncssh.match_known_hosts(known, host, "", None if port == PORT else port)[
        0
    ]


def _is_of_host_key(error: Exception) -> bool:
    """Whether the host's key is not a known one, or of a kind of which none is."""
    no_such = isinstance(error, asyncssh.KeyExchangeFailed) and "host key" in str(error)
    return no_such or isinstance(error, asyncssh.HostKeyNotVerifiable)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


class _Exchange(asyncssh.SSHClientSession[bytes]):
    """One script on its way: what it writes is gathered until it ends.

    Attributes:
        outcome: its exit code, None if there is none: it was cut off.
        output: what it wrote; so errors.
        sent: when it was sent; so begun: when it began to answer.
    """

    def __init__(self) -> None:
        self.outcome: asyncio.Future[int | None]
        self.outcome = asyncio.get_running_loop().create_future()
        self.output = bytearray()
        self.errors = bytearray()
        self.sent = 0.0
        self.begun = 0.0
        self._status: int | None = None
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    async def begin(
        self, connection: asyncssh.SSHClientConnection, script: bytes
    ) -> None:
        """Start a shell, and send it `script`."""
        while self._channel is None:
            try:
                self._channel, _ = await connection.create_session(
                    lambda: self, _SHELL, encoding=None
                )
            except asyncssh.ChannelOpenError:
                if connection.is_closed():
                    raise
                await asyncio.sleep(CROWDED)  # sessions that have ended still count
        self.sent = time.time()
        self._channel.write(script)
        self._channel.write_eof()

    def end(self) -> None:
        """Be done with it: what still comes is nobody's."""
        self.outcome.cancel()
        if self._channel is not None:
            self._channel.abort()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take what it writes."""
        self.begun = self.begun or time.time()
        into = self.output if datatype is None else self.errors
        if len(into) + len(data) > MAX_ANSWER:
            self.errors[:] = b"it writes too much"
            self.connection_lost(None)
            return
        into += data

    def exit_status_received(self, status: int) -> None:
        """Take its exit code."""
        self._status = status

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, or was cut off."""
        if not self.outcome.done():
            self.outcome.set_result(self._status)

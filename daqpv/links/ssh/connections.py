"""SSH connections: one to each computer, shared by all devices on it.

The connection is made by OpenSSH's ssh: it works where ``ssh user@host`` works without
a prompt (`daqpv.links.ssh.master`). Connections to hosts with an unknown host key are
refused.

Commands are scripts for a POSIX shell, sent as its input: the login shell of the user
may be any shell.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Self

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    ProtocolError,
)
from daqpv.links.ssh.master import SHELL, LoginError, Master, by_hand
from daqpv.links.ssh.sentences import login_failed, no_program, script_failed
from daqpv.links.ssh.session import CrowdedError, Session, TooLongError

LOGIN = 30.0  # [s]; the login goes on if an exchange ends before it
SESSIONS = 8  # at once per connection: sshd allows 10 (MaxSessions), `Master` uses one
CROWDED = 0.05  # [s] until a refused session is requested again

_MARK = b"daqpv:answer\0"  # the output of a login shell comes before it
_HEAD = b"LC_ALL=C; export LC_ALL\nprintf 'daqpv:answer\\0'\n"


@dataclass(frozen=True, slots=True)
class SshAnswer:
    """The output of a script, and its times.

    Attributes:
        output: its standard output.
        sent: when it was sent, UTC [s since 1970].
        begun: when its output began.
    """

    output: bytes
    sent: float
    begun: float


def quoted(text: bytes) -> bytes:
    """`text` as one word of a shell; it may contain any byte except zero."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


def path(text: str) -> bytes:
    """A path as one word of a shell; ``~/`` is the home of the user."""
    if text == "~" or text.startswith("~/"):
        return b'"$HOME"' + quoted(os.fsencode(text[1:]))
    return quoted(os.fsencode(text))


class SshHosts:
    """The computers that this process reaches over SSH."""

    def __init__(self) -> None:
        self._hosts: dict[str, SshHost] = {}

    def host(self, target: str) -> SshHost:
        """The computer at ``user@host[:port]``: the same object for all callers."""
        return self._hosts.setdefault(target, SshHost(target))


def shared_hosts(site: object) -> SshHosts:
    """The computers of a process: ``site.shared(shared_hosts)`` (daqpv.core.Site)."""
    return SshHosts()


class SshHost:
    """A computer, and the one connection to it.

    The connection is opened on demand, also after a loss, and closed when no device
    uses the computer any more (``async with``).

    Attributes:
        target: user@host[:port].
    """

    def __init__(self, target: str) -> None:
        self.target = target
        place, _, port = target.partition(":")
        self._destination = ["-p", port, place] if port else [place]
        self._users = 0
        self._master: Master | None = None
        self._login: asyncio.Task[Master | NotConnectedError] | None = None
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._crowded = False  # the last session was refused

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._users -= 1
        if not self._users:
            await self.close()

    async def close(self) -> None:
        """Close the connection; the next use opens it again."""
        if self._login is not None:
            self._login.cancel()
            await asyncio.wait({self._login})
        master, self._master = self._master, None
        if master is not None:
            await master.close()

    async def run(self, script: bytes, *, what: str, timeout: float) -> SshAnswer:
        """Run `script` there, and return its output.

        It is run completely or not at all. After the deadline, or after a loss of the
        connection, it may go on.

        Args:
            script: for a POSIX shell; ends with exit code 0.
            what: its name in error messages: "the poll of data0".
            timeout: for all of it, including the connection [s].

        Raises:
            NotConnectedError: no connection, or no login; nothing was sent.
            NoAnswerError: sent, perhaps in part, without a complete answer in time.
            ProtocolError: it failed there, or its answer is too long.
        """
        session: Session | None = None
        try:
            async with asyncio.timeout(timeout) as deadline, self._sessions:
                session = await self._session()
                code = await session.run(b"{\n" + _HEAD + script + b"\nexit 0\n}\n")
                return self._read(code, session, what)
        except OSError as error:  # also TimeoutError
            if deadline.expired():
                raise self._too_late(session, what, timeout) from error
            raise NoAnswerError(
                f"{self.target}: the connection was cut before {what} was over. It is "
                "made again by itself",
                timed_out=False,
            ) from error
        except TooLongError as error:
            why = script_failed(
                by_hand(self._destination), what, "it writes too much", None
            )
            raise ProtocolError(f"{self.target}: {why}") from error
        finally:
            if session is not None:
                session.close()

    def _read(self, code: int | None, session: Session, what: str) -> SshAnswer:
        noise, mark, output = bytes(session.output).partition(_MARK)
        if code is None and not session.errors:
            raise ConnectionError
        if not mark or code != 0:
            said = (bytes(session.errors) or noise).decode(errors="replace")
            why = script_failed(by_hand(self._destination), what, said, code)
            raise ProtocolError(f"{self.target}: {why}")
        return SshAnswer(output, session.sent, session.begun or time.time())

    def _too_late(
        self, session: Session | None, what: str, timeout: float
    ) -> LinkError:
        if session is None and self._crowded:
            return NotConnectedError(
                f"{self.target}: its sshd takes no further session. Allow at least two "
                "there: MaxSessions in sshd_config"
            )
        if session is None:
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

    async def _session(self) -> Session:
        """Open a remote shell.

        Raises:
            NotConnectedError: no connection; nothing was sent.
        """
        again = True
        while True:
            master = await self._connected()
            try:
                session = await Session.begin(master.path, SHELL)
                self._crowded = False
                return session
            except CrowdedError:
                self._crowded = True
                await asyncio.sleep(CROWDED)  # sessions that have ended still count
            except OSError as error:  # the ssh process has ended, or is ending
                await master.close()
                if not again:
                    raise NotConnectedError(
                        f"{self.target}: the connection was cut. It is made again by "
                        "itself"
                    ) from error
                again = False

    async def _connected(self) -> Master:
        """Return the connection, opened if needed; all that wait for it fail together.

        Raises:
            NotConnectedError: the connection failed.
        """
        if self._master is not None and not self._master.is_closed():
            return self._master
        login = self._login
        if login is None:
            login = self._login = asyncio.create_task(self._log_in())
        await asyncio.wait({login})  # it goes on if the caller is cancelled
        outcome = login.result()
        if isinstance(outcome, NotConnectedError):
            raise NotConnectedError(str(outcome)) from outcome
        return outcome

    async def _log_in(self) -> Master | NotConnectedError:
        """Log in; errors are returned, since perhaps no caller waits any more."""
        try:
            if self._master is not None:
                await self._master.close()
            async with asyncio.timeout(LOGIN):
                self._master = await Master.begin(self._destination)
            return self._master
        except LoginError as error:
            why = login_failed(by_hand(self._destination), error.said, error.code)
        except TimeoutError:
            why = f"no login in {LOGIN:g} s. Is the computer on, and on the network?"
        except (OSError, ValueError) as error:
            why = no_program(error)
        finally:
            self._login = None
        return NotConnectedError(f"{self.target}: {why}")

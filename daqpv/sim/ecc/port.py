"""The port of a simulator: open, or closed and reserved against other processes."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable

from daqpv.errors import SimulatorError

_BACKLOG = 100  # of the true server

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


class Port:
    """A TCP port on a loopback address.

    Attributes:
        host: IPv4 address.
        number: of the port; 0 until it is first taken, if any will do.
    """

    def __init__(self, owner: str, host: str, number: int) -> None:
        """Choose a port; nothing is taken yet.

        Raises:
            ValueError: `host` is not an IPv4 loopback address.
        """
        if not is_loopback(host):
            raise ValueError(
                f"{owner}: {host} is not an IPv4 loopback address (127.0.0.1); a "
                "simulator must not be taken for the true server"
            )
        self.host = "127.0.0.1" if host == "localhost" else host
        self.number = number
        self._owner = owner
        self._held: socket.socket | None = None
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    def open(self) -> None:
        """Take the port and listen; connections wait until `serve`.

        Raises:
            SimulatorError: another process listens there.
        """
        try:
            if self._held is None:
                self._held = self._bind()
            self._held.listen(_BACKLOG)
        except OSError as error:
            self.release()
            raise SimulatorError(
                f"{self._owner}: cannot listen on {self.host}:{self.number} "
                f"({error.strerror}); is another simulator or server running there?"
            ) from error
        self.number = self._held.getsockname()[1]

    async def serve(self, accept: Accept) -> None:
        """Hand each connection to the open port to `accept`."""
        listener, self._held = self._held, None
        self._server = await asyncio.start_server(
            accept, sock=listener, backlog=_BACKLOG, start_serving=False
        )
        await self._server.start_serving()

    def close(self) -> None:
        """Stop listening, but keep the port reserved."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with contextlib.suppress(OSError):  # another process has it: `open` will raise
            self._held = self._bind()

    def release(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._held is not None:
            self._held.close()
            self._held = None

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self.number))
        except OSError:
            bound.close()
            raise
        return bound


def is_loopback(host: str) -> bool:
    """Whether `host` is an IPv4 loopback address, or the name of one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False

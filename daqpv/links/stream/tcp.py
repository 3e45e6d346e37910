"""Bytes over TCP."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from daqpv.errors import LinkError, NotConnectedError
from daqpv.links.endpoint import Endpoint, reason
from daqpv.links.stream.wire import Receiver

QUIET = 0.02  # [s]
_CHUNK = 8192  # bytes of one read: a flood leaves turns to others
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
_USER_TIMEOUT = 25_000  # [ms] for what was sent to be acknowledged


class TcpConnection(asyncio.BufferedProtocol):
    """One TCP connection.

    Args:
        who: the address, for sentences.
        receiver: takes what comes.

    Attributes:
        is_open: whether it can be used.
    """

    def __init__(self, who: str, receiver: Receiver) -> None:
        self._who = who
        self._receiver: Receiver | None = receiver
        self._buffer = memoryview(bytearray(_CHUNK))
        self._transport: asyncio.Transport | None = None
        self.is_open = False

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = self._receiver is not None
        watch(transport.get_extra_info("socket"))
        if self._receiver is not None:
            self._receiver.joined()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand the bytes over."""
        if self._receiver is not None:
            self._receiver.received(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> None:
        """The other side has closed: so does this one."""

    def connection_lost(self, error: Exception | None) -> None:
        """Tell it, unless we have closed."""
        receiver, self._receiver = self._receiver, None
        self.is_open = False
        if receiver is not None:
            receiver.lost(self._lost(error))

    def write(self, data: bytes) -> None:
        """Send."""
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """Close at once."""
        self._receiver = None
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def _lost(self, error: Exception | None) -> LinkError:
        why = "it closed the connection" if error is None else reason(error)
        return NotConnectedError(
            f"{self._who}: {why}. Is the instrument on? Some "
            "take one client only: is another program connected?"
        )


class TcpWire:
    """Connects to a TCP address. It implements `Wire`.

    Args:
        endpoint: the address.
        timeout: for the connection [s].
    """

    quiet = QUIET
    is_fresh = is_relayed = True
    joins_midway = False

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self.who = endpoint.shown
        self.longest_opening = 2 * timeout  # with the look-up of the name
        self._endpoint = endpoint
        self._timeout = timeout
        self._connection: TcpConnection | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None and self._connection.is_open

    @property
    def is_connected(self) -> bool:
        """The same."""
        return self._connection is not None and self._connection.is_open

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._connection.unsent if self._connection else 0

    async def open(self, receiver: Receiver) -> None:
        """Connect.

        Raises:
            NotConnectedError: no connection.
        """
        try:
            async with asyncio.timeout(self._timeout):
                self._connection = await self._connect(receiver)
        except TimeoutError as error:
            raise self._endpoint.no_connection(self._timeout) from error

    def write(self, data: bytes) -> None:
        """Send."""
        if self._connection is not None:
            self._connection.write(data)

    def close(self) -> None:
        """Close at once."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def closed(self) -> None:
        """It is closed in the next turn of the event loop."""
        await asyncio.sleep(0)

    async def _connect(self, receiver: Receiver) -> TcpConnection:
        failures: list[OSError] = []
        for family, address in await self._endpoint.addresses(self._timeout):
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: TcpConnection(self.who, receiver),
                    *address[:2],
                    family=family,
                )
                return connection
            except OSError as error:
                failures.append(error)
        self._endpoint.forget()
        raise self._endpoint.not_connected(failures[0]) from failures[0]


def watch(connection: socket.socket) -> None:
    """Have the kernel notice that the other side is gone, within half a minute."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with suppress(OSError, AttributeError):  # another kernel
        for name, value in _KEEP_ALIVE.items():
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT
        )

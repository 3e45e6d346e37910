"""Bytes over TCP, where the instrument connects to us."""

from __future__ import annotations

import asyncio

from daqpv.errors import NotConnectedError
from daqpv.links.endpoint import reason
from daqpv.links.stream.tcp import QUIET, TcpConnection
from daqpv.links.stream.wire import Receiver


class ListenWire:
    """Waits for the connection of an instrument. It implements `Wire`.

    A further connection takes the place of the one before: an instrument that was
    switched off and on connects again, and the kernel does not know that the first
    connection is dead.

    Args:
        name: of the instrument, for sentences.
        host: our address; "": all.
        port: where it connects to.
        wait: longest time for it to connect [s].
    """

    quiet = QUIET
    is_fresh = True
    joins_midway = False

    def __init__(self, name: str, host: str, port: int, wait: float) -> None:
        self.who = f"our port {port}"
        self._name = name
        self._place = host or None, port
        self._wait = wait
        self._server: asyncio.Server | None = None
        self._connection: TcpConnection | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None and self._connection.is_open

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._connection.unsent if self._connection else 0

    async def open(self, receiver: Receiver) -> None:
        """Listen, and wait until the instrument has connected.

        Raises:
            NotConnectedError: it has not, or the port is taken.
        """
        loop = asyncio.get_running_loop()
        first: asyncio.Future[None] = loop.create_future()
        try:
            self._server = await loop.create_server(
                lambda: _Accepted(self, receiver, first), *self._place
            )
        except OSError as error:
            raise NotConnectedError(
                f"{self._name}: port {self._place[1]} cannot be opened: "
                f"{reason(error)}. Does another program, or another instrument of the "
                "file, listen there?"
            ) from error
        try:
            async with asyncio.timeout(self._wait):
                await first
        except TimeoutError as error:
            self.close()
            raise NotConnectedError(
                f"{self._name} has not connected to port {self._place[1]} in "
                f"{self._wait:g} s. Is it on, and is our address set in it?"
            ) from error
        except BaseException:
            self.close()
            raise

    def accepted(self, connection: TcpConnection, receiver: Receiver) -> None:
        """The instrument has connected; perhaps again."""
        before, self._connection = self._connection, connection
        if before is not None and before.is_open:
            before.close()
            receiver.lost(
                NotConnectedError(
                    f"{self._name} has connected to port {self._place[1]} once more. "
                    "If this goes on: do two instruments connect to it?"
                )
            )

    def write(self, data: bytes) -> None:
        """Send."""
        if self._connection is not None:
            self._connection.write(data)

    def close(self) -> None:
        """Close at once, and do not listen any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def closed(self) -> None:
        """It is closed in the next turn of the event loop."""
        await asyncio.sleep(0)


class _Accepted(TcpConnection):
    """A connection that the instrument has made."""

    def __init__(
        self, wire: ListenWire, receiver: Receiver, first: asyncio.Future[None]
    ) -> None:
        super().__init__(wire.who, receiver)
        self._wire = wire
        self._told = receiver
        self._first = first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the wire."""
        super().connection_made(transport)
        self._wire.accepted(self, self._told)
        if not self._first.done():
            self._first.set_result(None)

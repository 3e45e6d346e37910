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
    """

    quiet = QUIET
    is_fresh = is_relayed = True
    joins_midway = False
    longest_opening = 1.0  # [s]

    def __init__(self, name: str, host: str, port: int) -> None:
        self.who = f"our port {port}"
        self._name = name
        self._place = host or None, port
        self._server: asyncio.Server | None = None
        self._connection: TcpConnection | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None and self._connection.is_open

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._connection.unsent if self._connection else 0

    async def open(self, receiver: Receiver) -> None:
        """Listen; the instrument connects whenever it wants, again and again.

        Raises:
            NotConnectedError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Accepted(self, receiver), *self._place
            )
        except OSError as error:
            raise NotConnectedError(
                f"{self._name}: port {self._place[1]} cannot be opened: "
                f"{reason(error)}. Does another program, or another instrument of the "
                "file, listen there?"
            ) from error

    def accepted(self, connection: TcpConnection, receiver: Receiver) -> None:
        """The instrument has connected; perhaps again."""
        before = self._connection
        if before is not None and before.is_open:
            receiver.lost(
                NotConnectedError(
                    f"{self._name} has connected to port {self._place[1]} once more. "
                    "If this goes on: do two instruments connect to it?"
                )
            )
        self._connection = connection

    def write(self, data: bytes) -> None:
        """Send."""
        if self._connection is not None:
            self._connection.write(data)

    def close(self) -> None:
        """End the connection; the instrument may connect again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def closed(self) -> None:
        """Do not listen any more."""
        self.close()
        if self._server is not None:
            self._server.close()
            self._server = None
        await asyncio.sleep(0)


class _Accepted(TcpConnection):
    """A connection that the instrument has made."""

    def __init__(self, wire: ListenWire, receiver: Receiver) -> None:
        super().__init__(wire.who, receiver)
        self._wire = wire
        self._told = receiver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the wire."""
        self._wire.accepted(self, self._told)
        super().connection_made(transport)

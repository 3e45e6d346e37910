"""What carries the bytes of Modbus frames: a TCP connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from daqpv.links.endpoint import Endpoint, reason


class Wire(Protocol):
    """A connection for bytes, which several units may share.

    Attributes:
        place: "10.0.0.5:502", "/dev/ttyUSB0".
        gap: least silence between two frames [s].
        longest_opening: time for it at most [s]; 0: the time-out of the instrument.
        is_network: it may be dead without a sign: it is made anew when units are
            silent.
        received: gets what arrives.
        lost: is called when the other side, or the system, has ended it, with what
            happened: "closed the connection".
    """

    place: str
    gap: float
    longest_opening: float
    is_network: bool
    received: Callable[[bytes], None]
    lost: Callable[[str], None]

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""

    async def open(self, name: str, timeout: float) -> None:
        """Connect, for the instrument `name`.

        Raises:
            NotConnectedError: it is not possible, or not in `timeout` [s].
        """

    def write(self, data: bytes) -> None:
        """Send `data`; `lost` is called if that is not possible."""

    def close(self) -> None:
        """Close; `lost` is not called."""


class TcpWire:
    """A TCP connection.

    Args:
        host: a name or IP address.
        port: on that host.
    """

    gap = 0.0
    longest_opening = 0.0
    is_network = True

    def __init__(self, host: str, port: int) -> None:
        self._at = host, port
        self._endpoints: dict[str, Endpoint] = {}  # their errors name the instrument
        self._transport: asyncio.Transport | None = None
        self.place = Endpoint("", host, port).shown
        self.received: Callable[[bytes], None] = lambda _: None
        self.lost: Callable[[str], None] = lambda _: None

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""
        return self._transport is not None

    async def open(self, name: str, timeout: float) -> None:
        """Connect, for the instrument `name`; no more than `timeout` [s]."""
        endpoint = self._endpoints.setdefault(name, Endpoint(name, *self._at))
        try:
            async with asyncio.timeout(timeout):
                self._transport = await self._connected(endpoint, timeout)
        except TimeoutError as error:
            raise endpoint.no_connection(timeout) from error

    def write(self, data: bytes) -> None:
        """Send `data`."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    async def _connected(self, endpoint: Endpoint, timeout: float) -> asyncio.Transport:
        loop, failures = asyncio.get_running_loop(), []
        for family, address in await endpoint.addresses(timeout):
            try:
                transport, _ = await loop.create_connection(
                    lambda: _Bytes(self), *address[:2], family=family
                )
                return transport
            except OSError as error:
                failures.append(error)
        endpoint.forget()
        raise endpoint.not_connected(failures[0]) from failures[0]

    def ended(self, transport: object, error: Exception | None) -> None:
        """The connection has ended: tell it, unless we have closed it."""
        if transport is self._transport is not None:
            self._transport = None
            why = "closed the connection"
            self.lost(why if error is None else f"{why} ({reason(error)})")


class _Bytes(asyncio.Protocol):
    """One connection of a `TcpWire`."""

    def __init__(self, wire: TcpWire) -> None:
        self._wire = wire
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._wire.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._wire.ended(self._transport, error)

"""Bytes in datagrams; each is a whole message, or several lines."""

from __future__ import annotations

import asyncio

from daqpv.errors import NotConnectedError
from daqpv.links.endpoint import Endpoint, reason
from daqpv.links.stream.wire import Receiver

_LOOK_UP = 5.0  # [s] for the name


class _Datagrams(asyncio.DatagramProtocol):
    """One socket."""

    def __init__(self, wire: UdpWire, receiver: Receiver) -> None:
        self._wire = wire
        self.receiver: Receiver | None = receiver

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Hand a datagram over."""
        if self.receiver is not None:
            self.receiver.received(data)
        if self.receiver is not None:
            self.receiver.boundary()

    def error_received(self, exc: Exception) -> None:
        """The other computer says that nothing listens there."""
        self.connection_lost(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell it, unless we have closed."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            self._wire.close()
            why = "it was closed" if exc is None else reason(exc)
            receiver.lost(
                NotConnectedError(
                    f"{self._wire.who} (UDP): {why}. Is the instrument on, and is the "
                    "port right?"
                )
            )


class UdpWire:
    """A UDP address. It implements `Wire`.

    Args:
        endpoint: the address.
        local: our own port; 0: any.
    """

    quiet = 0.02  # [s]
    joins_midway = is_relayed = False
    longest_opening = _LOOK_UP
    unsent = 0

    def __init__(self, endpoint: Endpoint, local: int) -> None:
        self.who = endpoint.shown
        self.is_fresh = not local  # with another port, late answers are lost
        self._endpoint = endpoint
        self._local = local
        self._transport: asyncio.DatagramTransport | None = None
        self._datagrams: _Datagrams | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return self._transport is not None

    @property
    def is_connected(self) -> bool:
        """The same."""
        return self.is_open

    async def open(self, receiver: Receiver) -> None:
        """Make a socket; whether somebody listens there is not known.

        Raises:
            NotConnectedError: the name is not known, or our own port is taken.
        """
        family, address = (await self._endpoint.addresses(_LOOK_UP))[0]
        any_address = "::" if family.name == "AF_INET6" else "0.0.0.0"
        loop = asyncio.get_running_loop()
        try:
            self._transport, self._datagrams = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self, receiver),
                local_addr=(any_address, self._local) if self._local else None,
                remote_addr=address[:2],
            )
        except OSError as error:
            self._endpoint.forget()
            raise NotConnectedError(
                f"{self.who} (UDP): {reason(error)}. Is the port `local` free, and the "
                "network up?"
            ) from error
        receiver.joined()

    def write(self, data: bytes) -> None:
        """Send a datagram."""
        if self._transport is not None:
            self._transport.sendto(data)

    def close(self) -> None:
        """Close at once."""
        if self._datagrams is not None:
            self._datagrams.receiver = None
            self._datagrams = None
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    async def closed(self) -> None:
        """It is closed in the next turn of the event loop."""
        await asyncio.sleep(0)

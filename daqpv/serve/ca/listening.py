"""The sockets of a server: for connections and for searches, on each interface."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

from daqpv.errors import ServeError
from daqpv.serve.ca.addresses import Addresses
from daqpv.serve.ca.search import search_socket

_log = logging.getLogger(__name__)

_BACKLOG = 1024  # connections in the queue while the loop is busy


class Listening:
    """Listens on the present interfaces, and on those that appear later.

    Args:
        addresses: the interfaces.
        circuit: creates the protocol of a connection.
        search: creates the protocol of searches.

    Attributes:
        tcp_port: 0 until it listens.
    """

    def __init__(
        self,
        addresses: Addresses,
        circuit: Callable[[], asyncio.Protocol],
        search: Callable[[], asyncio.DatagramProtocol],
    ) -> None:
        self.tcp_port = 0
        self._addresses = addresses
        self._circuit = circuit
        self._search = search
        self._connections: dict[str, asyncio.Server] = {}
        self._searches: dict[str, asyncio.DatagramTransport] = {}

    async def connect(self) -> None:
        """Listen for connections, on the standard port, or a free one if it is taken.

        Raises:
            ServeError: no interface can be used.
        """
        interfaces, port = self._addresses.interfaces, self._addresses.port
        sockets, why = _listen(interfaces, port)
        if errno.EADDRINUSE in why.values():
            for sock in sockets.values():
                sock.close()
            sockets, why = _listen(interfaces, 0)
            _log.warning("TCP port %d is taken: using another", port)
        if not sockets:
            raise ServeError(
                f"cannot listen on {', '.join(interfaces)}: "
                f"{os.strerror(next(iter(why.values())))}. "
                "Choose another with EPICS_CAS_INTF_ADDR_LIST"
            )
        for address, number in why.items():
            _log.warning(
                "EPICS_CAS_INTF_ADDR_LIST: %s: %s. It is used when it appears",
                *(address, os.strerror(number)),
            )
        self.tcp_port = next(iter(sockets.values())).getsockname()[1]
        await self._serve(sockets)

    async def answer(self) -> None:
        """Answer searches: from now on clients find the server.

        Raises:
            ServeError: the UDP port is not available.
        """
        missing = set(self._addresses.interfaces) - self._connections.keys()
        for address in self._addresses.search_sockets():
            if address not in missing:
                await self._answer(address)

    async def look(self) -> None:
        """Listen on interfaces that have appeared."""
        there = self._connections
        missing = [one for one in self._addresses.interfaces if one not in there]
        if not missing:
            return
        sockets, _ = _listen(missing, self.tcp_port)
        await self._serve(sockets)
        for address in sockets:
            _log.info("%s is available now: daqpv listens on it", address)
        for address in self._addresses.search_sockets():
            if address not in self._searches:
                with suppress(ServeError):  # not available yet
                    await self._answer(address)

    async def _serve(self, sockets: dict[str, socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for address, sock in sockets.items():
            self._connections[address] = await loop.create_server(
                self._circuit, sock=sock, backlog=_BACKLOG
            )

    async def _answer(self, address: str) -> None:
        loop = asyncio.get_running_loop()
        self._searches[address], _ = await loop.create_datagram_endpoint(
            self._search, sock=search_socket(address, self._addresses.port)
        )

    def close(self) -> None:
        """Close all sockets."""
        for searcher in self._searches.values():
            searcher.close()
        for listener in self._connections.values():
            listener.close()


def _listen(
    interfaces: Iterable[str], port: int
) -> tuple[dict[str, socket.socket], dict[str, int]]:
    """Open sockets on one port; returns them, and error numbers, by interface."""
    sockets: dict[str, socket.socket] = {}
    errors: dict[str, int] = {}
    for address in interfaces:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            sock.listen(_BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            errors[address] = error.errno or 0
        else:
            sockets[address] = sock
            port = sock.getsockname()[1]
    return sockets, errors

"""Who serves our names already? Asked before we answer for them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from daqpv.serve import protocol as ca
from daqpv.serve.addresses import Addresses, search_addresses

WITHIN = 0.9  # [s] for all answers; on a local network they take milliseconds
_TRIES = 3
_MOST = 1024  # [bytes] of a datagram
_DO_NOT_REPLY = 5  # to a search for a name that the server does not have


async def served_by_others(
    names: Collection[str],
    addresses: Addresses,
    *,
    environ: Mapping[str, str] = os.environ,
    within: float = WITHIN,
) -> dict[str, str]:
    """Search `names` as a client would; return who answers, as ``address:port``.

    To be asked before our own server answers. The search goes where clients on this
    computer would send it (EPICS_CA_ADDR_LIST, EPICS_CA_AUTO_ADDR_LIST), and to all
    servers of this computer on our own port. It ends with the first answers.

    Args:
        names: PV names.
        addresses: of our own server.
        environ: the EPICS_CA* variables.
        within: how long to wait for answers [s]. Without a network there are none.
    """
    wanted = tuple(names)
    found: dict[str, str] = {}

    def answered(cid: int, server: str) -> None:
        if cid < len(wanted):
            found.setdefault(wanted[cid], server)

    # looking up a host name may take a while
    where = await asyncio.to_thread(search_addresses, environ, addresses)
    datagrams = tuple(_datagrams(wanted))
    for _ in range(_TRIES):
        await _try(datagrams, where, answered, within=within / _TRIES)
        if found:
            break
    return found


async def _try(
    datagrams: Collection[bytes],
    where: Collection[tuple[str, int]],
    answered: Callable[[int, str], None],
    *,
    within: float,
) -> None:
    """Search once, from a new socket.

    Of several servers that share a port, a datagram to the host's address reaches one:
    which one, depends on where it comes from.
    """
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answers(answered), sock=_socket()
    )
    try:
        for address in where:
            for datagram in datagrams:
                transport.sendto(datagram, address)
        await asyncio.sleep(within)
    finally:
        transport.close()


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setblocking(False)
    sock.bind(("", 0))
    return sock


def _datagrams(names: Collection[str]) -> Iterator[bytes]:
    """Searches for `names`; the channel id of each is its index."""
    version = ca.HEADER.pack(ca.VERSION, 0, 0, ca.MINOR, 0, 0)
    datagram = version
    for cid, name in enumerate(names):
        search = ca.message(
            ca.SEARCH, _DO_NOT_REPLY, ca.MINOR, cid, cid, name.encode() + b"\0"
        )
        if len(datagram) + len(search) > _MOST:
            yield datagram
            datagram = version
        datagram += search
    yield datagram


class _Answers(asyncio.DatagramProtocol):
    """Reads the answers to one try."""

    def __init__(self, answered: Callable[[int, str], None]) -> None:
        self._answered = answered

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        i = 0
        while i + ca.HEADER_SIZE <= len(data):
            command, size, port, _, address, cid = ca.HEADER.unpack_from(data, i)
            i += ca.HEADER_SIZE + size
            if command == ca.SEARCH:
                sender = address in (0, 0xFFFFFFFF)  # the server is who answered
                host = addr[0] if sender else socket.inet_ntoa(address.to_bytes(4))
                self._answered(cid, f"{host}:{port}")

    def error_received(self, exc: Exception) -> None:
        """No network there: nobody serves it there."""

"""Who else serves our names? Asked before we answer for them, and shortly after."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.addresses import Address, Searches
from daqpv.serve.identity import IDENTITY, Identity

if TYPE_CHECKING:
    from daqpv.serve.server import Server

_log = logging.getLogger(__name__)

WITHIN = 0.3  # [s] for the answers to a search; on a local network: milliseconds
AGAIN = 0.1  # [s] from a search to the next: a datagram may be lost
CONFIRMED_WITHIN = 5.0  # [s] for a server that has answered a search just now
SINCE = b".DAQPV"  # a field of every PV of a daqpv: since when that process serves it
_MOST = 1024  # [bytes] of a datagram
_DO_NOT_REPLY = 5  # to a search for a name that the server does not have


class Other(NamedTuple):
    """Another server of one of our names.

    Attributes:
        name: of the PV.
        address: ``host:port`` of the server.
        since: `Server.since` of another daqpv; "" if it is none.
        identity: who it says that it is.
        ahead: by how much its clock is ahead of ours [s].
    """

    name: str
    address: str
    since: str
    identity: Identity | None = None
    ahead: float = 0.0


class DuplicateServers:
    """The servers that serve some of our names besides our own.

    A search goes where clients on this computer would send it (EPICS_CA_ADDR_LIST,
    EPICS_CA_AUTO_ADDR_LIST, EPICS_CA_NAME_SERVERS), and to all servers of this computer
    on our own port.
    Whoever answers is asked for the PV over TCP: a datagram may be stale, or meant for
    somebody else who had our port before. A gateway that offers our own PVs is not
    another server.

    Args:
        names: PV names.
        server: our own; it does not answer these searches.
        environ: the EPICS_CA* variables.
        foreign: the names are none of ours: who serves them is no rival.

    Attributes:
        searches: where searches go.
    """

    def __init__(
        self,
        names: Collection[str],
        server: Server,
        *,
        environ: Mapping[str, str] = os.environ,
        foreign: bool = False,
    ) -> None:
        self._names = tuple(names)
        self._foreign = foreign
        self._server = server
        self.searches = Searches(environ, server.addresses)

    async def find(self, *, tries: int) -> list[Other]:
        """Search; return who is there. Without a network there is nobody.

        Args:
            tries: how often to search, `AGAIN` after the one before; the last one has
                `WITHIN` for answers. It ends with the first that finds somebody.
        """
        names, server = self._names, self._server
        if not names:
            return []
        self.searches.look()
        # a young daqpv answers for its PVs a little later, but at once for such a field
        searched = [*names, *(name + SINCE.decode() for name in names)]
        first = secrets.randbelow(2**32 - len(searched))
        cids = range(first, first + len(searched))
        if not self._foreign:
            server.own_search = cids
        answers: dict[Address, str] = {}

        def answered(cid: int, address: Address) -> None:
            if cid in cids:
                answers.setdefault(address, names[(cid - first) % len(names)])

        datagrams = tuple(_datagrams(searched, first))
        asked: set[Address] = set()
        async with AsyncExitStack() as sockets:
            if not self._foreign:
                sockets.callback(setattr, server, "own_search", range(0))
            asking = [
                asyncio.ensure_future(_ask(one, datagrams, answered))
                for one in self.searches.name_servers()
            ]
            sockets.push_async_callback(_end, asking)
            for left in reversed(range(tries)):
                where = self.searches.datagrams()
                await _search(sockets, datagrams, where, answered)
                await asyncio.sleep(AGAIN if left else WITHIN)
                new = {at: name for at, name in answers.items() if at not in asked}
                asked.update(new)
                found = await asyncio.gather(*(_confirm(*one) for one in new.items()))
                others = [one for one in found if one and not self._is_own(one)]
                if others:
                    return sorted(others, key=lambda other: names.index(other.name))
        return []

    def _is_own(self, other: Other) -> bool:
        """Whether it is our own server, seen through a gateway."""
        return bool(other.since) and other.since == self._server.since


async def _search(
    sockets: AsyncExitStack,
    datagrams: Collection[bytes],
    where: Collection[Address],
    answered: Callable[[int, Address], None],
) -> None:
    """Search once, from a new socket; it stays open for late answers.

    Of several servers that share a port, a datagram to the host's address reaches one:
    which one, depends on where it comes from.
    """
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answers(answered), sock=_socket()
    )
    sockets.callback(transport.close)
    for address in where:
        for datagram in datagrams:
            transport.sendto(datagram, address)


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setblocking(False)
    sock.bind(("", 0))
    return sock


def _datagrams(names: Sequence[str], first: int) -> Iterator[bytes]:
    """Searches for `names`, whose channel ids count up from `first`."""
    version = ca.HEADER.pack(ca.VERSION, 0, 0, ca.MINOR, 0, 0)
    datagram = version
    for cid, name in enumerate(names, first):
        search = ca.message(
            ca.SEARCH, _DO_NOT_REPLY, ca.MINOR, cid, cid, name.encode() + b"\0"
        )
        if len(datagram) + len(search) > _MOST:
            yield datagram
            datagram = version
        datagram += search
    yield datagram


async def _ask(
    server: Address,
    datagrams: Iterable[bytes],
    answered: Callable[[int, Address], None],
) -> None:
    """Search by a name server (EPICS_CA_NAME_SERVERS) until cancelled."""
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        _log.info("the name server %s:%d: %s", *server, error)
        return
    try:
        writer.writelines(datagrams)
        while True:
            head = await reader.readexactly(ca.HEADER_SIZE)
            await reader.readexactly(ca.HEADER.unpack(head)[1])
            _read_answer(head, server[0], answered)
    except (OSError, EOFError) as error:
        _log.info("the name server %s:%d: %s", *server, error)
    finally:
        writer.close()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _read_answer(
    head: bytes, host: str, answered: Callable[[int, Address], None]
) -> None:
    """Read a message that came from `host`, if it is an answer to a search."""
    command, _, port, count, address, cid = ca.HEADER.unpack(head)
    # a search itself has the version as its count; one comes here, even our own, if its
    # CA port is the port that the system gave to our socket
    if command == ca.SEARCH and count == 0:
        is_sender = address in (0, 0xFFFFFFFF)  # the server is who answered
        where = host if is_sender else socket.inet_ntoa(address.to_bytes(4))
        answered(cid, (where, port))


class _Answers(asyncio.DatagramProtocol):
    """Reads the answers to a search."""

    def __init__(self, answered: Callable[[int, Address], None]) -> None:
        self._answered = answered

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        i = 0
        while i + ca.HEADER_SIZE <= len(data):
            head = data[i : i + ca.HEADER_SIZE]
            _read_answer(head, addr[0], self._answered)
            i += ca.HEADER_SIZE + ca.HEADER.unpack(head)[1]

    def error_received(self, exc: Exception) -> None:
        """No network there: nobody serves it there."""


async def _confirm(address: Address, name: str) -> Other | None:
    """Ask the server at `address` for `name`; None if it does not give it."""
    where = f"{address[0]}:{address[1]}"
    since, identity, ahead = None, None, 0.0
    try:
        async with asyncio.timeout(CONFIRMED_WITHIN):
            reader, writer = await asyncio.open_connection(*address)
            try:
                circuit = _Circuit(reader, writer)
                if await circuit.create(name.encode()) is not None:
                    since = ""
                    since = await circuit.read(name.encode() + SINCE)
                if since:
                    before = time.time()
                    text = await circuit.read(name.encode() + IDENTITY, ca.CHAR)
                    if identity := Identity.parse(text):
                        ahead = identity.clock - (before + time.time()) / 2
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError) as error:
        _log.info("%s answered a search for %s, but then: %r", where, name, error)
    return None if since is None else Other(name, where, since, identity, ahead)


class _Circuit:
    """A TCP connection to a server, for one question after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._cid = 0
        writer.write(ca.message(ca.VERSION, 0, ca.MINOR, 0, 0))

    async def create(self, name: bytes) -> int | None:
        """Connect to a PV; return the server's id of it, None if it has no such PV."""
        self._cid += 1
        text = name + b"\0"
        self._writer.write(
            ca.message(ca.CREATE_CHANNEL, 0, 0, self._cid, ca.MINOR, text)
        )
        while True:
            command, cid, sid, _ = await self._message()
            if cid == self._cid and command == ca.CREATE_CHANNEL:
                return sid
            if cid == self._cid and command == ca.CREATE_FAILED:
                return None

    async def read(self, name: bytes, dbr: int = ca.STRING) -> str:
        """The text of a PV, as DBR_STRING or DBR_CHAR; "" if there is none."""
        sid = await self.create(name)
        if sid is None:
            return ""
        count = 1 if dbr == ca.STRING else 0  # 0: as many as there are
        self._writer.write(ca.message(ca.READ_NOTIFY, dbr, count, sid, self._cid))
        while True:
            command, _, ioid, data = await self._message()
            if command == ca.READ_NOTIFY and ioid == self._cid:
                return ca.c_string(data)

    async def _message(self) -> tuple[int, int, int, bytes]:
        head = await self._reader.readexactly(ca.HEADER_SIZE)
        command, size, _, _, p1, p2 = ca.HEADER.unpack(head)
        return command, p1, p2, await self._reader.readexactly(size)

"""Searches the network for other servers of our PV names, at start-up and later."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, nullcontext
from typing import Any, NamedTuple, Protocol

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.addresses import Address, Addresses, Searches
from daqpv.serve.ca.desk import OwnSearch
from daqpv.serve.pv.identity import IDENTITY, SINCE, Identity
from daqpv.serve.values.strings import c_string

_log = logging.getLogger(__name__)

WITHIN = 0.3  # [s] for the answers to a search; on a local network: milliseconds
AGAIN = 0.1  # [s] between two searches: a datagram may be lost
CONFIRMED_WITHIN = 5.0  # [s] for a server that has answered a search just now
_MOST = 1024  # [bytes] of a datagram
_DO_NOT_REPLY = 5  # to a search for a name that the server does not have


class Other(NamedTuple):
    """Another server of one of our names.

    Attributes:
        name: of the PV.
        address: ``host:port`` of the server.
        since: `Server.since` of another daqpv; "" for any other server.
        identity: its answer to the field `IDENTITY`.
        ahead: by how much its clock is ahead of ours [s].
    """

    name: str
    address: str
    since: str
    identity: Identity | None = None
    ahead: float = 0.0


class OwnServer(Protocol):
    """The server of this process."""

    addresses: Addresses
    own_search: OwnSearch

    @property
    def since(self) -> str:
        """When it began to listen; "" before."""


class DuplicateServers:
    """The other servers of our PV names.

    A search goes where clients on this computer would send it (EPICS_CA_ADDR_LIST,
    EPICS_CA_AUTO_ADDR_LIST, EPICS_CA_NAME_SERVERS), and to all servers of this computer
    on our own port.
    Each server that answers is asked for the PV over TCP: a datagram may be late, or
    meant for a process that had our port before. A gateway to our own PVs does not
    count as another server.

    Args:
        names: PV names.
        server: of this process; it does not answer these searches.
        environ: the EPICS_CA* variables.
        foreign: the names are not ours: their servers are not duplicates.

    Attributes:
        searches: destinations of searches.
    """

    def __init__(
        self,
        names: Collection[str],
        server: OwnServer,
        *,
        environ: Mapping[str, str] = os.environ,
        foreign: bool = False,
    ) -> None:
        self._names = tuple(names)
        self._foreign = foreign
        self._server = server
        self.searches = Searches(environ, server.addresses)

    async def find(self, *, tries: int) -> list[Other]:
        """Search; return the other servers. Without a network there are none.

        Args:
            tries: number of searches, `AGAIN` apart; the last has `WITHIN` for answers.
                The first search that finds a server is the last.
        """
        if not self._names:
            return []
        self.searches.look()
        search = _Search(self._names, self.searches)
        ours = self._server.own_search.of(search.cids)
        with nullcontext() if self._foreign else ours:
            async with search:
                for left in reversed(range(tries)):
                    await search.send()
                    await asyncio.sleep(AGAIN if left else WITHIN)
                    found = await search.confirm()
                    others = [one for one in found if not self._is_own(one)]
                    if others:
                        return sorted(
                            others, key=lambda one: self._names.index(one.name)
                        )
        return []

    def _is_own(self, other: Other) -> bool:
        """Whether it is our own server, reached through a gateway."""
        return bool(other.since) and other.since == self._server.since


class _Search:
    """A search for names; answers count until it is closed.

    Args:
        names: of PVs.
        searches: destinations.

    Attributes:
        cids: its channel ids.
    """

    def __init__(self, names: Sequence[str], searches: Searches) -> None:
        # a starting daqpv answers for its PVs a little later, but for this at once
        searched = [*names, *(name + SINCE.decode() for name in names)]
        first = secrets.randbelow(2**32 - len(searched))
        self.cids = range(first, first + len(searched))
        self._names = names
        self._searches = searches
        self._datagrams = tuple(_datagrams(searched, first))
        self._new: dict[Address, str] = {}
        self._asked: set[Address] = set()
        self._sockets = AsyncExitStack()

    async def __aenter__(self) -> None:
        asking = [
            asyncio.ensure_future(_ask(one, self._datagrams, self._answered))
            for one in self._searches.name_servers()
        ]
        self._sockets.push_async_callback(_end, asking)

    async def __aexit__(self, *_: object) -> None:
        await self._sockets.aclose()

    async def send(self) -> None:
        """Search once, from a new socket.

        Of several servers that share a port, a datagram to the host's address reaches
        one: which one, depends on where it comes from.
        """
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Answers(self._answered), sock=_socket()
        )
        self._sockets.callback(transport.close)
        for address in self._searches.datagrams():
            for datagram in self._datagrams:
                transport.sendto(datagram, address)

    async def confirm(self) -> list[Other]:
        """Ask the servers that have answered since; return those that have the PV."""
        new, self._new = self._new, {}
        self._asked.update(new)
        found = await asyncio.gather(*(_confirm(*one) for one in new.items()))
        return [one for one in found if one]

    def _answered(self, cid: int, address: Address) -> None:
        if cid in self.cids and address not in self._asked:
            index = (cid - self.cids.start) % len(self._names)
            self._new.setdefault(address, self._names[index])


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
    """Search through a name server (EPICS_CA_NAME_SERVERS) until cancelled."""
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
        is_sender = address in (0, 0xFFFFFFFF)  # the server is the sender
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
        """The network is not reachable: no server can answer there."""


async def _confirm(address: Address, name: str) -> Other | None:
    """Ask the server at `address` for `name`; None if it does not have it."""
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
    """A TCP connection to a server, for one request at a time."""

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
        """Read a PV as text, as DBR_STRING or DBR_CHAR; "" if it cannot be read."""
        sid = await self.create(name)
        if sid is None:
            return ""
        count = 1 if dbr == ca.STRING else 0  # 0: all elements
        self._writer.write(ca.message(ca.READ_NOTIFY, dbr, count, sid, self._cid))
        while True:
            command, _, ioid, data = await self._message()
            if command == ca.READ_NOTIFY and ioid == self._cid:
                return c_string(data)

    async def _message(self) -> tuple[int, int, int, bytes]:
        head = await self._reader.readexactly(ca.HEADER_SIZE)
        command, size, _, _, p1, p2 = ca.HEADER.unpack(head)
        return command, p1, p2, await self._reader.readexactly(size)

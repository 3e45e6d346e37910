"""The desk: all that a connection or a search may ask of the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Protocol

from daqpv.serve.ca.clients import Clients
from daqpv.serve.ca.protocol import MINOR, SEARCH
from daqpv.serve.putlog import PutLog
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.pv.puts import Puts
from daqpv.serve.pv.source import Source
from daqpv.serve.pv.tasks import Tasks

_REPLY = Struct(">HHHHIIH6x")  # a header, and the version as payload


class Directory(Protocol):
    """Finds PVs by name."""

    def find(self, name: bytes) -> Source | None:
        """What stands behind `name`."""

    def offer(self, name: bytes) -> Source | None:
        """What a search for `name` may find now."""


class OwnSearch:
    """The channel ids of our own search for other servers; it is not answered.

    Attributes:
        ids: none while there is no search.
    """

    def __init__(self) -> None:
        self.ids = range(0)

    @contextmanager
    def of(self, ids: range) -> Iterator[None]:
        """Answer no search for `ids` meanwhile."""
        self.ids = ids
        try:
            yield
        finally:
            self.ids = range(0)


class Desk:
    """What the parts of a server are for its connections.

    Attributes:
        directory: finds PVs.
        clients: the open circuits.
        log: of puts and clients.
        outbox: gathers what goes out.
        own_search: not answered.
        puts: begins puts.
        tasks: runs what takes long.
        max_array_bytes: the longest put.
        tcp_port: 0 until the server listens.
    """

    def __init__(
        self, directory: Directory, log: PutLog, clients: Clients, max_array_bytes: int
    ) -> None:
        self.directory = directory
        self.clients = clients
        self.log = log
        self.outbox = Outbox()
        self.own_search = OwnSearch()
        self.tasks = Tasks()
        self.puts = Puts(self.tasks, log.put)
        self.max_array_bytes = max_array_bytes
        self.tcp_port = 0

    def search_reply(self, cid: int) -> bytes:
        """The answer to a search for a name that we have."""
        return _REPLY.pack(SEARCH, 8, self.tcp_port, 0, 0xFFFFFFFF, cid, MINOR)

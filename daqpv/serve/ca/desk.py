"""The desk: the services of the server that connections and searches use."""

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
        """Return the source for `name`; None: no such PV."""

    def offer(self, name: bytes) -> Source | None:
        """Return the source for `name` if a search may find it now."""


class OwnSearch:
    """The channel ids of our own search for other servers, which is not answered.

    Attributes:
        ids: empty while no search runs.
    """

    def __init__(self) -> None:
        self.ids = range(0)

    @contextmanager
    def of(self, ids: range) -> Iterator[None]:
        """Leave searches for `ids` unanswered in this context."""
        self.ids = ids
        try:
            yield
        finally:
            self.ids = range(0)


class Desk:
    """The services of a server for its connections.

    Attributes:
        directory: finds PVs by name.
        clients: the open circuits.
        log: receives puts and clients.
        outbox: collects outgoing changes.
        own_search: searches that are not answered.
        puts: begins puts.
        tasks: runs what takes time.
        max_array_bytes: size limit of a put.
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
        """The reply to a search for a name that the server has."""
        return _REPLY.pack(SEARCH, 8, self.tcp_port, 0, 0xFFFFFFFF, cid, MINOR)

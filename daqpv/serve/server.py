"""The PV server: combines names, circuits, searches, beacons and the tasks of puts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from caproto.server import PVGroup

from daqpv.core import Event, Events, EventSeverity, PvInfo
from daqpv.serve.ca.addresses import LOOK, Addresses
from daqpv.serve.ca.beacon import send_beacons
from daqpv.serve.ca.circuit import Circuit
from daqpv.serve.ca.clients import Clients
from daqpv.serve.ca.desk import Desk
from daqpv.serve.ca.listening import Listening
from daqpv.serve.ca.search import Search
from daqpv.serve.directory import Directory
from daqpv.serve.putlog import AlarmLog, PutLog
from daqpv.serve.pv.source import Source
from daqpv.serve.watchdog import Block, OnBlock, Watchdog

_log = logging.getLogger(__name__)

_FILES = 65_536  # open files per process, if the system allows it
_SHUT_DOWN = 5.0  # [s] for third parties' shutdown hooks


class Server:
    """Serves PV groups over Channel Access.

    Args:
        environ: the EPICS_CA* and EPICS_CAS* variables.
        slow_client: time without reading after which a client is dropped [s].
        on_block: called with each call that blocks the event loop for more than 50 ms;
            default: it is logged.
        events: receives puts, alarms and clients; default: errors are logged.
        identity: sent to other daqpv processes (daqpv.serve.Identity).

    Attributes:
        addresses: to listen on.
        clients: the open circuits.
        outbox: collects outgoing changes.
        own_search: channel ids of our own search for other servers; not answered.

    Raises:
        ServeError: an EPICS variable is not valid.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] = os.environ,
        slow_client: float = 30.0,
        on_block: OnBlock | None = None,
        events: Events | None = None,
        identity: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        events = _logged() if events is None else events
        self.addresses = Addresses(environ)
        self.clients = Clients(slow_client)
        self._directory = Directory(identity)
        self._alarm_log = AlarmLog(events)
        self._desk = Desk(
            *(self._directory, PutLog(events), self.clients),
            max_array_bytes=self.addresses.max_array_bytes,
        )
        self.outbox = self._desk.outbox
        self.own_search = self._desk.own_search
        self._listening = Listening(
            self.addresses,
            lambda: Circuit(self._desk),
            lambda: Search(self._desk, self.addresses),
        )
        self._watchdog = Watchdog(on_block or _log_block)

    def add(self, *groups: PVGroup) -> None:
        """Serve all PVs of `groups`, or none.

        Raises:
            ServeError: a PV name is used twice.
        """
        self._directory.add(*groups, alarm_log=self._alarm_log)

    def infos(self) -> Iterator[PvInfo]:
        """A row for each PV."""
        return self._directory.names.infos()

    def find(self, name: bytes) -> Source | None:
        """Find the source of `name`; each PV has fields that identify its server."""
        return self._directory.find(name)

    @property
    def since(self) -> str:
        """Start time of this server, unique among servers; "" before.

        Of two servers, the one with the lesser text has served for longer.
        """
        return self._directory.since

    @property
    def tcp_port(self) -> int:
        """The TCP port; 0 until `run` listens."""
        return self._desk.tcp_port

    @property
    def record_count(self) -> int:
        """The number of PVs."""
        return len(self._directory.names)

    def take_loop_delay(self) -> float:
        """Return the longest delay of the event loop since the last call [s]."""
        return self._watchdog.take_worst()

    # -- running -----------------------------------------------------------------------

    async def run(self, ready: Callable[[int], None] = lambda port: None) -> None:
        """Serve until cancelled; then close all connections.

        Args:
            ready: called with the TCP port when clients can connect.

        Raises:
            ServeError: a port is not available.
        """
        loop = asyncio.get_running_loop()
        self.outbox.open(loop)
        _allow_many_files()
        try:
            await self._open()
            async with asyncio.TaskGroup() as tasks:
                self._start_tasks(tasks)
                ready(self.tcp_port)
                try:
                    await loop.create_future()
                finally:
                    self._desk.tasks.stop()
        finally:
            await self._close()

    async def _open(self) -> None:
        await self._listening.connect()
        self._desk.tcp_port = self._listening.tcp_port
        self._directory.open()
        self._desk.tasks.open()
        await self._listening.answer()  # from now on clients find the server

    async def _close(self) -> None:
        self._listening.close()
        await self._desk.tasks.close()
        self.clients.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SHUT_DOWN):
                await self._directory.names.shut_down()
        await asyncio.sleep(0)  # transports close in the next turn

    def _start_tasks(self, tasks: asyncio.TaskGroup) -> None:
        beacons = send_beacons(self.addresses, tcp_port=self.tcp_port)
        tasks.create_task(beacons)
        tasks.create_task(self._follow_network())
        tasks.create_task(self.clients.watch())
        tasks.create_task(self._watchdog.run())
        for hook in self._directory.names.hooks():
            tasks.create_task(hook)

    async def _follow_network(self) -> None:
        """Check for new interfaces, and for hosts that DNS knows now."""
        while True:
            await asyncio.sleep(LOOK)
            self.addresses.look()
            await self._listening.look()


def _logged() -> Events:
    """Events of which errors are logged."""
    events = Events()
    events.add(_log_event)
    return events


def _log_event(event: Event) -> None:
    if event.severity is EventSeverity.ERROR:
        trace = event.fields.get("exception", "")
        _log.error("%s%s%s", event.device, event.text, trace and f"\n{trace}")


def _log_block(block: Block) -> None:
    _log.warning("%s", block)


def _allow_many_files() -> None:
    """Raise the process's limit of open files, often 1024: each client takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

"""The PV server: names, circuits, searches, beacons, and the tasks of puts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from daqpv.core import (
    NO_ALARM,
    Event,
    Events,
    EventSeverity,
    Origin,
    PvInfo,
    origin,
    told,
)
from daqpv.core.plugins import reason
from daqpv.errors import AbortedError, RefusedError
from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.addresses import LOOK, Addresses
from daqpv.serve.ca.beacon import send_beacons
from daqpv.serve.ca.circuit import Circuit
from daqpv.serve.ca.connected import Request
from daqpv.serve.ca.duplicates import SINCE
from daqpv.serve.ca.listening import Listening
from daqpv.serve.ca.search import Search
from daqpv.serve.ca.session import Session
from daqpv.serve.ca.wire import Source
from daqpv.serve.groups.group import Group
from daqpv.serve.identity import IDENTITY, OwnIdentity
from daqpv.serve.names import Names
from daqpv.serve.putlog import Put, Teller, as_given, shown
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.texts import Text
from daqpv.serve.watchdog import Block, OnBlock, Watchdog

if TYPE_CHECKING:
    from caproto.server import PVGroup

_log = logging.getLogger(__name__)

_FILES = 65_536  # open files that the process may have, if the system lets it
_TICK = 0.5  # [s] between two looks at slow clients
_PATIENCE = 5.0  # [s] that searches for a device's PVs wait for its state
_SHUT_DOWN = 5.0  # [s] that third parties' shutdown hooks may take


class Server:
    """Serves PV groups over Channel Access.

    Args:
        environ: the EPICS_CA* and EPICS_CAS* variables.
        slow_client: how long a client may read nothing before it is dropped [s].
        on_block: told of each call that blocks the event loop for more than 50 ms;
            default: it is logged.
        events: where it tells of puts, alarms and clients; default: errors are
            logged.
        identity: what other daqpv processes are told of this one
            (daqpv.serve.identity).

    Attributes:
        circuits: the clients now.
        channel_count: PVs that they are connected to.
        conflated: events that slow clients got no more, for there was a newer one.
        dropped: clients that were dropped because they read nothing.
        own_search: channel ids of our own search for others; it is not answered.
        teller: tells of puts, alarms and clients.

    Raises:
        ServeError: a variable cannot be understood.
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
        self.addresses = Addresses(environ)
        self.max_array_bytes = self.addresses.max_array_bytes
        self.slow_client = slow_client
        self.outbox = Outbox()
        self.circuits: set[Circuit] = set()
        self.slow: set[Circuit] = set()
        self.channel_count = 0
        self.conflated = 0
        self.dropped = 0
        self.own_search = range(0)
        self.teller = Teller(_logged() if events is None else events)
        self._listening = Listening(
            self.addresses, lambda: Circuit(self), lambda: Search(self)
        )
        self._watchdog = Watchdog(on_block or _log_block)
        self._names = Names()
        self._identity = OwnIdentity(identity)
        self._since = Source("", Text(), Meta(), "", NO_ALARM, time.time())
        self._tasks: asyncio.TaskGroup | None = None
        self._reply_head = b""
        self._young: dict[str, list[Group[Any]]] = {}
        self._grown = 0.0

    def add(self, *groups: PVGroup) -> None:
        """Serve all PVs of `groups`, or none.

        Raises:
            ServeError: a PV name is used twice.
        """
        self._names.add(*groups, teller=self.teller)
        for group in groups:
            if isinstance(group, Group):
                self._young.setdefault(group.prefix, []).append(group)

    def infos(self) -> Iterator[PvInfo]:
        """A row for each PV."""
        return self._names.infos()

    def find(self, name: bytes) -> Source | None:
        """What stands behind `name`; any PV has fields that tell who serves it."""
        found = self._names.find(name)
        if found is None and name.endswith(SINCE):
            has = self._names.find(name.removesuffix(SINCE)) is not None
            return self._since if has else None
        if found is None and name.endswith(IDENTITY):
            has = self._names.find(name.removesuffix(IDENTITY)) is not None
            return self._identity.asked() if has else None
        return found

    def offer(self, name: bytes) -> Source | None:
        """What a search for `name` may find now.

        The PVs of a device are not offered before its state is known, for a few seconds
        at most: after a restart clients wait, and do not see a state that is none.
        """
        source = self.find(name)
        if source is None or not self._young:
            return source
        if time.monotonic() > self._grown:
            self._young.clear()
        groups = self._young.pop(source.prefix, None)
        if groups is None or not any(group.awaits_states for group in groups):
            return source
        self._young[source.prefix] = groups
        return None

    @property
    def since(self) -> str:
        """When it began to listen, unlike that of any other server; "" before.

        Of two servers, the lesser text belongs to the one that has served for longer.
        """
        return str(self._since.value)

    @property
    def tcp_port(self) -> int:
        """0 until `run` listens."""
        return self._listening.tcp_port

    @property
    def record_count(self) -> int:
        """How many PVs are served."""
        return len(self._names)

    def take_loop_delay(self) -> float:
        """The longest that the event loop was late since this was asked last [s]."""
        return self._watchdog.take_worst()

    # -- running -----------------------------------------------------------------------

    async def run(self, ready: Callable[[int], None] = lambda port: None) -> None:
        """Serve until cancelled; then end all connections.

        Args:
            ready: called with the TCP port when clients can connect.

        Raises:
            ServeError: the UDP port cannot be had.
        """
        loop = asyncio.get_running_loop()
        self.outbox.open(loop)
        _allow_many_files()
        try:
            await self._open()
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                try:
                    self._start_tasks(tasks)
                    ready(self.tcp_port)
                    await loop.create_future()
                finally:
                    self._tasks = None  # nothing is begun any more
        finally:
            self._listening.close()
            for circuit in tuple(self.circuits):
                circuit.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SHUT_DOWN):
                    await self._names.shut_down()
            await asyncio.sleep(0)  # transports close in the next turn

    async def _open(self) -> None:
        await self._listening.connect()
        self._reply_head = ca.HEADER.pack(
            ca.SEARCH, 8, self.tcp_port, 0, 0xFFFFFFFF, 0
        )[:12]
        self._since.value = f"{time.time_ns():020} {secrets.token_hex(4)}"
        self._grown = time.monotonic() + _PATIENCE
        await self._listening.answer()  # from here on we are found

    def _start_tasks(self, tasks: asyncio.TaskGroup) -> None:
        beacons = send_beacons(self.addresses, tcp_port=self.tcp_port)
        tasks.create_task(beacons)
        tasks.create_task(self._follow_network())
        tasks.create_task(self._watch_clients())
        tasks.create_task(self._watchdog.run())
        for hook in self._names.hooks():
            tasks.create_task(hook)

    async def _follow_network(self) -> None:
        """Serve on interfaces that come later, and tell hosts that DNS knows later."""
        while True:
            await asyncio.sleep(LOOK)
            self.addresses.look()
            await self._listening.look()

    async def _watch_clients(self) -> None:
        """Drop clients that read nothing."""
        loop = asyncio.get_running_loop()
        progress: dict[Circuit, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            progress = {
                circuit: progress.get(circuit, (0, now)) for circuit in self.slow
            }
            for circuit, (unsent, since) in progress.items():
                if circuit.unsent != unsent:
                    progress[circuit] = (circuit.unsent, now)
                elif now - since > self.slow_client:
                    self.dropped += 1
                    circuit.close(f"it has read nothing for {self.slow_client:g} s")

    # -- for circuits ------------------------------------------------------------------

    def search_reply(self, cid: int) -> bytes:
        """The answer to a search for a name that we have."""
        return self._reply_head + cid.to_bytes(4, "big") + b"\0\x0d\0\0\0\0\0\0"

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task of the server."""
        if self._tasks is None:
            work.close()
        else:
            self._tasks.create_task(work)

    def begin_put(
        self, put: Put, request: Request, parsed: Callable[[], Any]
    ) -> Coroutine[Any, Any, None] | None:
        """Check a put and begin it; what is left to do comes back.

        Args:
            put: who puts, and to what.
            request: as it came.
            parsed: gives the value that it asks for; what it raises refuses the put.

        Raises:
            RefusedError: the put is not possible; group and clients know already.
        """
        source = put.source
        with _acting_for(put):
            try:
                value = parsed()
                put.new = shown(source, value)
                work = source.put(value)
            except RefusedError as error:
                refusal = error
            except (ValueError, TypeError, OverflowError) as error:
                refusal = RefusedError(f"{source.name}: {error}")
            except Exception as error:  # a put of a third party
                refusal = RefusedError(f"{source.name}: {reason(error)}")
            else:
                if work is None:
                    self._ended(put, None)
                    self.teller.put(put, None)
                return work
            self._refused(source, refusal, put.by)
            self._ended(put, refusal)
        put.new = put.new or as_given(source, *request[1:3], request.payload)
        self.teller.put(put, refusal)
        raise refusal

    def _refused(self, source: Source, error: RefusedError, by: Origin) -> None:
        try:
            source.refused(error, by)
        except Exception:  # a group's hook: a put more or less must not matter
            _log.exception("%s: refused() failed", source.name)
        source.repost()

    def _ended(self, put: Put, error: Exception | None) -> None:
        try:
            put.source.put_ended(put.began, error)
        except Exception:  # a group's hook, likewise
            _log.exception("%s: put_ended() failed", put.source.name)

    def spawn_put(
        self,
        work: Coroutine[Any, Any, None],
        put: Put,
        session: Session,
        request: Request,
    ) -> None:
        """Let a put go on as a task of the server, whatever becomes of its client."""
        if self._tasks is None:
            work.close()
            self.teller.put(put, _given_up())
            return
        with _acting_for(put):
            task = self._tasks.create_task(self._put(work, put, session, request))
        task.add_done_callback(lambda _: work.close())  # if it was never begun

    async def _put(
        self,
        work: Coroutine[Any, Any, None],
        put: Put,
        session: Session,
        request: Request,
    ) -> None:
        failure: Exception | None = _given_up()
        try:
            await work
            failure = None
        except Exception as error:  # a bug of one command must not end the server
            failure = error
        except (SystemExit, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            failure = RuntimeError(reason(error))  # likewise
        finally:
            self._ended(put, failure)
            self.teller.put(put, failure)
        if failure is not None:
            put.source.repost()
        session.put_ended(request, failure)


@contextlib.contextmanager
def _acting_for(put: Put) -> Iterator[None]:
    by, names = origin.set(put.by), told.set(put.told)
    try:
        yield
    finally:
        origin.reset(by)
        told.reset(names)


def _given_up() -> AbortedError:
    return AbortedError("given up, because daqpv ends")


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
    """Raise the process's limit of open files, often 1024: each client is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

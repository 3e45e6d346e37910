"""One running daqpv process: builds the devices of an experiment and serves them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from daqpv import __version__
from daqpv.app.building import Made, build, building, packages
from daqpv.app.choosing import Buildable, chosen
from daqpv.app.neighbours import Neighbours, hashes, samples, whole
from daqpv.app.site import ExperimentSite, Services
from daqpv.app.tending import tend
from daqpv.config import AnyKind, ConfigProblems, Experiment, Problem
from daqpv.config.model import NAME
from daqpv.core import (
    Durable,
    Events,
    EventSeverity,
    Pulse,
    PvInfo,
    SavedSettings,
    Shown,
    Store,
)
from daqpv.errors import AlreadyServedError, ConfigError, KindError, ServeError
from daqpv.iocs.process import ProcessGroup
from daqpv.links.ca.readings import AnyReadings
from daqpv.links.process import OwnProcess
from daqpv.process import Figures, Process, ProcessSnapshot
from daqpv.serve import Block, DuplicateServers, Group, LocalPvs, Rivalry, Server
from daqpv.store.writing.rivals import StoreRivals

SEARCHES = 2  # for other servers of our PVs, before it listens
YOUNG = (1.0, 3.0)  # [s] after the start: searches for processes that started with it


class App:
    """The devices of an experiment, their PVs, and the server that serves them.

    Args:
        experiment: the contents of the file.
        kinds: the installed kinds of device.
        events: where events go.
        only: serve these alone: sections ("ecc") or devices ("ecc.CoBo0").
        name: of the process, in ``$(P)IOC:<name>:``.
        follow: whether the devices that other processes serve are followed.
        saved: keeps what operators choose; None: it is lost at the end.
        durable: keeps the state of devices; None: it is lost at the end.
        store: keeps records permanently; None: they are not kept.
        pulse: knows after a kill when the process ran last; None: this is not recorded.

    Attributes:
        devices: all devices that are served, this process last.
        faults: devices that are not served, because the code of their kind failed.
        server: the PV server.
        samples: a PV of each device.
        client_environ: EPICS_CA* for a libca in this process.

    Raises:
        ConfigError: a PV's name is too long or used twice, `only` names nothing, or
            `name` is not valid in a PV name.
        ServeError: an EPICS variable cannot be understood.
    """

    def __init__(  # noqa: PLR0913 - it joins all parts of a process
        self,
        experiment: Experiment,
        kinds: Iterable[AnyKind],
        events: Events,
        *,
        only: Collection[str] = (),
        name: str = "main",
        follow: bool = False,
        saved: SavedSettings | None = None,
        durable: Durable | None = None,
        store: Store | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self.experiment = experiment
        self._saved = saved
        self._durable = durable
        self.server = Server(
            slow_client=experiment.server.slow_client,
            on_block=self._blocked,
            events=events,
            identity=lambda: {"process": events.process, "file": self._file},
        )
        kinds = tuple(kinds)
        self._file = hashes(experiment, kinds)
        self.devices: list[Shown[Any]] = []
        self.faults: list[Problem] = [*experiment.faults]
        self._groups: list[Group[Any]] = []
        self._makers: list[str] = []  # of devices: kinds of third parties, or ""
        self._packages = packages(kinds)
        self._readings = AnyReadings(LocalPvs(self.server))
        services = Services(
            events=events,
            readings=self._readings,
            saved=saved,
            durable=durable,
            store=store,
            pulse=pulse,
        )
        local = chosen(experiment, kinds, only)
        self._site = site = ExperimentSite(
            experiment,
            kinds,
            services,
            served=[(kind.section, name) for kind, name, _ in local],
            follow=follow,
        )
        self._build(local)
        self._follow(kinds)
        for fault in self.faults:
            text = f"{fault} (the rest is served)"
            events.report("kind refused", text, severity=EventSeverity.ERROR)
        self._add_process(name)
        self.samples = [_sample(group) for group in self._groups if group.pvdb]
        self._others = DuplicateServers(self.samples, self.server)
        rest = [
            pv
            for pv in samples(experiment, kinds)
            if self.server.find(pv.encode()) is None
        ]
        self._neighbours = Neighbours(
            DuplicateServers(rest, self.server, foreign=True), self._file, self._this
        )
        self._store_rivals = (
            None
            if store is None
            else StoreRivals(store, experiment.experiment, events.process)
        )
        site.interlock.watch(lambda: self._this.rival(site.interlock.rival))
        self.client_environ = self._others.searches.environ()
        if saved is not None:
            saved.report()

    def _build(self, chosen: Iterable[Buildable]) -> None:
        """Build the devices; `faults` gets the errors of third parties' code.

        Raises:
            ConfigProblems: the errors of daqpv's own kinds.
        """
        site = self._site
        problems: list[Problem] = []
        for kind, name, settings in chosen:
            try:
                with building(kind, name):
                    if not kind.is_served(settings):
                        continue
                    made = build(kind, name, settings, site)
                    self._add(*made, maker=str(kind) if kind.distribution else "")
            except (ServeError, ConfigError) as error:
                problem = self.experiment.problem(kind.section, name, str(error))
                foreign = kind.distribution or isinstance(error, KindError)
                (self.faults if foreign else problems).append(problem)
            else:
                site.serves(kind.section, name, made[0][0])
        if problems:
            raise ConfigProblems(problems)

    def _follow(self, kinds: Iterable[AnyKind]) -> None:
        """Follow the devices of other processes from the start: guards ask for them."""
        for kind in kinds:
            for name, settings in self.experiment.of(kind).items():
                try:
                    with building(kind, name):
                        self._site.device(kind, name, settings)
                except KindError as error:
                    fault = self.experiment.problem(kind.section, name, str(error))
                    self.faults.append(fault)

    def _add_process(self, name: str) -> None:
        """Add the PVs of this process itself.

        Raises:
            ConfigError: `name` is not valid in a PV name.
        """
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"--name {name}: it becomes part of PV names, so wanted is a letter "
                "and then at most 23 letters, digits, '_' or '-'"
            )
        try:
            self._add(self._process(name, self._site))
        except ServeError as error:
            raise ConfigError(f"--name {name}: {error}") from error

    def infos(self) -> list[PvInfo]:
        """The rows of the PV table, in the order of the file."""
        return [info for group in self._groups for info in group.infos()]

    async def run(self, ready: Callable[[int], None]) -> None:
        """Follow the devices and serve their PVs until cancelled.

        Args:
            ready: called with the TCP port when clients can connect.

        Raises:
            AlreadyServedError: another process serves one of the devices.
            ServeError: the PV server cannot start.
        """
        if self._site.store is not None:
            self._site.store.begin()  # it takes 0.3 s, while we wait for others
        for other in await self._others.find(tries=SEARCHES):
            raise AlreadyServedError(other.name, other.address)
        async with asyncio.TaskGroup() as tasks:
            for device, maker in zip(self.devices, self._makers, strict=True):
                tasks.create_task(tend(device, maker), name=device.name)
            for remote in self._site.remotes:
                tasks.create_task(tend(remote), name=remote.name)
            tasks.create_task(self._site.events.run(), name="events")
            tasks.create_task(self._readings.run(), name="readings")
            listening: asyncio.Future[int] = asyncio.Future()
            tasks.create_task(self.server.run(listening.set_result))
            port = await listening
            await self._give_way()
            ready(port)
            for before, age in itertools.pairwise((0.0, *YOUNG)):
                await asyncio.sleep(age - before)
                await self._give_way()
            tasks.create_task(self._rivalry(), name="rivalry")

    async def _rivalry(self) -> None:
        """Report other servers of our devices, from now on; none of them ends."""
        found = partial(self._site.interlock.found, "search")
        period = self.experiment.server.search_duplicates
        rivalry = Rivalry(self._others, found, also=self._look_around, period=period)

        def look(snapshot: Any, changed: Collection[str]) -> None:
            if "served" in changed and snapshot.served:  # a cut network may be whole
                rivalry.look()

        for remote in self._site.remotes:
            remote.watch(look)
        await rivalry.run()

    async def _look_around(self) -> None:
        """Find other processes by other means than searches for our own PVs."""
        await self._neighbours.look()
        if self._store_rivals is not None:
            self._site.interlock.found("store", await self._store_rivals.look())

    async def _give_way(self) -> None:
        """End this process if another server of its PVs was there before.

        Of processes that start at the same time, the first stays: all see the same
        order, so exactly one stays. A server that is not daqpv does not end, so this
        process does. A process that starts later finds this one before it listens.

        Raises:
            AlreadyServedError: another server has served one of the devices for longer.
        """
        for other in await self._others.find(tries=1):
            if other.since < self.server.since:
                raise AlreadyServedError(other.name, other.address)

    def _add(self, *made: Made, maker: str = "") -> None:
        """Serve devices: all of them, or none.

        Raises:
            ServeError: a PV name is used twice.
        """
        self.server.add(*(group for _, group in made))
        for device, group in made:
            self.devices.append(device)
            self._makers.append(maker)
            self._groups.append(group)
            device.watch(group.show)
            declared = group.saved(type(device.snapshot))
            if self._saved is not None and declared:
                fields = {one.field for one in declared}
                keep = self._saved.follow(group.prefix, declared)
                device.watch(keep, only=fields)
            if self._durable is not None and group.durable:
                keep = self._durable.follow(group.prefix, group.durable)
                device.watch(keep, only=group.durable)

    def _blocked(self, block: Block) -> None:
        makers = (self._packages.get(package, "") for package in block.packages)
        maker = next(filter(None, makers), "")
        self._this.blocked(block.duration, block.where, block.task, maker)

    def _process(self, name: str, site: ExperimentSite) -> tuple[Process, ProcessGroup]:
        own = OwnProcess()

        def measure() -> Figures:
            return Figures(
                clients=len(self.server.clients.circuits),
                connections=self.server.clients.channels,
                records=self.server.record_count,
                loop_delay=round(self.server.take_loop_delay(), 4),
                **own.usage()._asdict(),
            )

        snapshot = ProcessSnapshot(
            hostname=own.hostname,
            process_id=own.process_id,
            version=f"daqpv {__version__}",
            simulated=self.experiment.server.simulated,
            file=whole(self._file),
        )
        prefix = site.prefix_of("IOC", name)
        self._this = Process(
            name, measure, snapshot=snapshot, events=site.events, prefix=prefix
        )
        return self._this, ProcessGroup(prefix, self._this)


def _sample(group: Group[Any]) -> str:
    """The PV by which a device is known: its State, if it has one."""
    names = group.declared_names()
    return next((name for name in names if name.endswith(":State")), names[0])

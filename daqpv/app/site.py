"""What the kinds of this process may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from daqpv.config import Experiment
from daqpv.core import (
    Events,
    Hold,
    Names,
    Pulse,
    Readings,
    SavedSettings,
    Shown,
    Snapshot,
    Store,
)
from daqpv.links.ca.readings import AnyReadings
from daqpv.links.ca.remote_run import RemoteRun
from daqpv.serve import Group

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)

Remote = Callable[[str, str, Any], Shown[Any]]
"""Follows an ECC server of another process, by name, PV prefix and settings."""


class ExperimentSite:
    """One running process, as kinds see it (daqpv.core.Site)."""

    def __init__(
        self,
        experiment: Experiment,
        events: Events,
        *,
        follow: Remote | None,
        saved: SavedSettings | None,
        store: Store | None,
        pulse: Pulse | None,
        readings: AnyReadings,
    ) -> None:
        self._experiment = experiment
        self._follow = follow
        self._saved = saved
        self._servers: dict[str, Shown[Any]] = {}
        self._local: dict[str, list[Shown[Any]]] = {}
        self._shared: dict[Callable[..., Any], Any] = {}
        self.remotes: list[Shown[Any]] = []
        self.experiment = experiment.experiment
        self.prefix = experiment.prefix
        self.events = events
        self.store = store
        self.pulse = pulse
        self.hold = Hold()
        self.readings: Readings = readings
        self._pvs = readings
        self.also: list[tuple[Shown[Any], Group[Any]]] = []

    def prefix_of(self, kind: str, name: str = "") -> str:
        """The PV prefix of a device: ``$(P)<kind>:<name>:``, or ``$(P)<kind>:``."""
        return Names(self.prefix).device(kind, name)

    def settings(self, section: str, name: str) -> Any:
        """The settings of another device of the file, as its kind's model."""
        return self._experiment.sections[section][name]

    def restored(self, prefix: str, group: type[Group[Any]], snapshot: S) -> S:
        """`snapshot`, made of the file, with what operators chose and `group` saves."""
        if self._saved is None:
            return snapshot
        return self._saved.restored(prefix, group.saved(type(snapshot)), snapshot)

    async def kept(self, *, timeout: float) -> bool:
        """Wait until what was chosen and recorded so far would survive a kill."""
        return self._saved is None or await self._saved.kept(timeout=timeout)

    def server(self, name: str) -> Any:
        """The ECC server `name`: this process's own, else another one's."""
        if name not in self._servers and self._follow is not None:
            settings = self.settings("ecc", name)
            remote = self._follow(name, self.prefix_of("ECC", name), settings)
            self.remotes.append(remote)
            self._servers[name] = remote
        return self._servers[name]

    def servers(self) -> Sequence[Any]:
        """All ECC servers that can be followed, in the order of the file."""
        names = self._experiment.sections.get("ecc", {})
        can = self._follow is not None
        return [self.server(name) for name in names if can or name in self._servers]

    def remote_run(self) -> RemoteRun | None:
        """The run, if another process serves it: it holds the servers of this one."""
        runs = self._experiment.sections.get("run")
        if self._follow is None or not runs or self.local("run"):
            return None
        run = RemoteRun(self.prefix_of("Run"), self._pvs)
        self.hold.take(run, ask=run.asked)
        return run

    def local(self, section: str) -> Sequence[Shown[Any]]:
        """The devices of a section that this process serves and has built so far."""
        return tuple(self._local.get(section, ()))

    def shared(self, make: Callable[[ExperimentSite], T]) -> T:
        """What `make` makes of the site, once for all who ask."""
        if make not in self._shared:
            self._shared[make] = make(self)
        made: T = self._shared[make]
        return made

    def add(self, device: Shown[Any], group: Group[Any]) -> None:
        """Serve another device besides the one that is being built."""
        self.also.append((device, group))

    def serves(self, section: str, name: str, device: Shown[Any]) -> None:
        """Remember a device that this process serves."""
        self._local.setdefault(section, []).append(device)
        if section == "ecc":
            self._servers[name] = device

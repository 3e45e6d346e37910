"""The services of a running process that kinds of device use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from daqpv.config import AnyKind, Experiment, Model
from daqpv.core import (
    DevicePvs,
    Durable,
    Events,
    Interlock,
    Names,
    Pulse,
    Pvs,
    RemoteView,
    SavedSettings,
    Shown,
    Snapshot,
    Store,
)
from daqpv.serve import Group

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services that all devices of a process share.

    Attributes:
        events: where events go.
        readings: reads any PV.
        saved: keeps what operators choose; None: it is lost at the end.
        durable: keeps the state of devices; None: it is lost at the end.
        store: keeps records permanently; None: they are not kept.
        pulse: knows after a kill when the process ran last; None: this is not recorded.
    """

    events: Events
    readings: Pvs
    saved: SavedSettings | None
    durable: Durable | None
    store: Store | None
    pulse: Pulse | None


def bare_site(
    experiment: Experiment, kinds: Sequence[AnyKind], *, events: Events, readings: Pvs
) -> ExperimentSite:
    """The site of a process that serves nothing, and keeps nothing.

    Commands that try or examine single devices use it.

    Args:
        experiment: the contents of the file.
        kinds: the installed kinds of device.
        events: where events go.
        readings: reads any PV.
    """
    services = Services(
        events=events,
        readings=readings,
        saved=None,
        durable=None,
        store=None,
        pulse=None,
    )
    return ExperimentSite(experiment, kinds, services, served=(), follow=False)


class ExperimentSite:
    """One running process, as kinds see it (daqpv.core.Site).

    Args:
        experiment: the contents of the file.
        kinds: the installed kinds of device.
        services: what the process has for all of its devices.
        served: sections and names of the devices that this process builds.
        follow: whether devices of other processes are followed.

    Attributes:
        remotes: the devices of other processes that are followed.
        also: devices that were added to the one that is being built.
    """

    def __init__(
        self,
        experiment: Experiment,
        kinds: Sequence[AnyKind],
        services: Services,
        *,
        served: Collection[tuple[str, str]],
        follow: bool,
    ) -> None:
        self._experiment = experiment
        self._kinds = kinds
        self._served = frozenset(served)
        self._follow = follow
        self._saved = services.saved
        self._durable = services.durable
        self._devices: dict[tuple[str, str], Any] = {}
        self._shared: dict[Callable[..., Any], Any] = {}
        self.remotes: list[RemoteView] = []
        self.experiment = experiment.experiment
        self.prefix = experiment.prefix
        self.events = services.events
        self.store = services.store
        self.pulse = services.pulse
        self.interlock = Interlock()
        self.readings = services.readings
        self.also: list[tuple[Shown[Any], DevicePvs]] = []

    def prefix_of(self, kind: str, name: str = "") -> str:
        """The PV prefix of a device: ``$(P)<kind>:<name>:``, or ``$(P)<kind>:``."""
        return Names(self.prefix).device(kind, name)

    def settings(self, section: str, name: str) -> Any:
        """The settings of another device of the file, as its kind's model."""
        return self._experiment.sections[section][name]

    def restored(self, prefix: str, group: type[Group[Any]], snapshot: S) -> S:
        """`snapshot` (from the file) with operators' choices and the last state."""
        if self._saved is not None:
            saved = group.saved(type(snapshot))
            snapshot = self._saved.restored(prefix, saved, snapshot)
        if self._durable is not None:
            snapshot = self._durable.restored(prefix, group.durable, snapshot)
        return snapshot

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all choices and states so far are stored: they survive a kill."""
        return self._saved is None or await self._saved.kept(timeout=timeout)

    def find(self, provided: type[T]) -> Sequence[T]:
        """All devices whose kinds provide a protocol, in the order of the file."""
        found = (
            self.device(kind, name, settings)
            for kind in self._kinds
            if provided in kind.provides
            for name, settings in self._experiment.of(kind).items()
        )
        return [device for device in found if device is not None]

    def device(self, kind: AnyKind, name: str, settings: Model) -> Any:
        """A device, here or in another process; None if it cannot be seen."""
        key = kind.section, name
        if self._is_elsewhere(kind, name, settings) and key not in self._devices:
            assert kind.remote is not None
            self._devices[key] = remote = kind.remote(name, settings, self)
            self.remotes.append(remote)
        return self._devices.get(key)

    def _is_elsewhere(self, kind: AnyKind, name: str, settings: Model) -> bool:
        """Whether another process may serve it, where it can be followed."""
        can = self._follow and kind.remote is not None and kind.is_served(settings)
        return can and (kind.section, name) not in self._served

    def shared(self, make: Callable[[ExperimentSite], T]) -> T:
        """The result of ``make(site)``: made at the first call, then the same."""
        if make not in self._shared:
            self._shared[make] = make(self)
        made: T = self._shared[make]
        return made

    def add(self, device: Shown[Any], group: DevicePvs) -> None:
        """Serve a further device with the one that is being built."""
        self.also.append((device, group))

    def serves(self, section: str, name: str, device: Shown[Any]) -> None:
        """Remember a device that this process serves."""
        self._devices[section, name] = device

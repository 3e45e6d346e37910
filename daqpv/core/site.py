"""The services that a daqpv process offers to the kinds of devices it builds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, Self, TypeVar

from daqpv.core.devices.interlock import Interlock
from daqpv.core.devices.snapshot import Snapshot
from daqpv.core.events.bus import Events
from daqpv.core.reading import Pvs
from daqpv.core.store import Store
from daqpv.core.timing.pulse import Pulse

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


class DevicePvs(Protocol):
    """The PVs of a device, as `daqpv.serve.Group` has them."""

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Show a snapshot, of which the fields in `changed` are new."""


class RemoteView(Protocol):
    """A device that another process serves, as it is seen from here.

    Attributes:
        name: of the device.
    """

    name: str

    async def run(self) -> None:
        """Follow it until cancelled."""

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show` now, and whenever it has changed."""


class Site(Protocol):
    """One running daqpv process, as a kind's build() sees it.

    Attributes:
        experiment: its name, good as a directory name.
        prefix: of all PVs, from the experiment file.
        events: where events go.
        store: keeps records for good; None: the experiment wants no store.
        pulse: keeps the time at which the process last ran; None: not kept.
        interlock: whether devices other than the run may command servers now.
        readings: reads any PV, of this process or not, once all devices are built.
    """

    experiment: str
    prefix: str
    events: Events
    store: Store | None
    pulse: Pulse | None
    interlock: Interlock
    readings: Pvs

    def prefix_of(self, kind: str, name: str = "") -> str:
        """The PV prefix of a device: ``$(P)<kind>:<name>:``, or ``$(P)<kind>:``."""

    def settings(self, section: str, name: str) -> Any:
        """The settings of another device of the file, as its kind's model."""

    def restored(self, prefix: str, group: type[Any], snapshot: S) -> S:
        """`snapshot`, made of the file, with what operators chose, and its last state.

        Every kind calls it, before it makes the device::

            snapshot = site.restored(prefix, PumpGroup, PumpSnapshot(...))
        """

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all choices and records so far would survive a kill.

        Returns:
            Whether it would; False also if that is not known in `timeout` [s].
        """

    def find(self, provided: type[T]) -> Sequence[T]:
        """All devices whose kinds provide a protocol, in the order of the file.

        Those of this process that are built already, and those that other processes
        serve, as far as their kind says how to see them (`Kind.remote`). A kind that
        needs those of this process names their section in `Kind.after`.
        """

    def add(self, device: Any, group: DevicePvs) -> None:
        """Serve another device, with its group, besides the one that is being built."""

    def shared(self, make: Callable[[Self], T]) -> T:
        """The result of `make(site)`: made once, and shared by all callers."""

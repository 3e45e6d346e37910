"""What a kind of device may ask of the process that builds it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, Self, TypeVar

from daqpv.core.devices.interlock import Hold
from daqpv.core.devices.snapshot import Snapshot
from daqpv.core.events.bus import Events
from daqpv.core.reading import Readings
from daqpv.core.store import Store
from daqpv.core.timing.pulse import Pulse

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


class DevicePvs(Protocol):
    """The PVs of a device, as `daqpv.serve.Group` has them."""

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Show a snapshot, of which the fields in `changed` are new."""


class Site(Protocol):
    """One running daqpv process, as a kind's build() sees it.

    Attributes:
        experiment: its name, good as a directory name.
        prefix: of all PVs, from the experiment file.
        events: where events go.
        store: keeps records for good; None: the experiment wants no store.
        pulse: tells after a kill when the process was there last; None: nothing does.
        hold: whether servers may be commanded now by others than the run.
        readings: any PV, of this process or not, for when everything is built.
    """

    experiment: str
    prefix: str
    events: Events
    store: Store | None
    pulse: Pulse | None
    hold: Hold
    readings: Readings

    def prefix_of(self, kind: str, name: str = "") -> str:
        """The PV prefix of a device: ``$(P)<kind>:<name>:``, or ``$(P)<kind>:``."""

    def settings(self, section: str, name: str) -> Any:
        """The settings of another device of the file, as its kind's model."""

    def restored(self, prefix: str, group: type[Any], snapshot: S) -> S:
        """`snapshot`, made of the file, with what operators chose and `group` saves.

        Every kind calls it, before it makes the device::

            snapshot = site.restored(prefix, PumpGroup, PumpSnapshot(...))
        """

    async def kept(self, *, timeout: float) -> bool:
        """Wait until what was chosen and recorded so far would survive a kill.

        Returns:
            Whether it would; False also if that is not known in `timeout` [s].
        """

    def server(self, name: str) -> Any:
        """The ECC server `name` (daqpv.ecc.Server), here or in another process.

        Raises:
            KeyError: the file has none of this name, or it cannot be followed.
        """

    def servers(self) -> Sequence[Any]:
        """All ECC servers of the experiment that can be followed.

        Complete when everything is built: a kind without names may call it in its
        build(), others only later.
        """

    def local(self, section: str) -> Sequence[Any]:
        """The devices of a section that this process serves and has built so far.

        A kind that needs them names the section in `Kind.after`.
        """

    def add(self, device: Any, group: Any) -> None:
        """Serve another device, with its group, besides the one that is being built."""

    def shared(self, make: Callable[[Self], T]) -> T:
        """What `make` makes of the site: made once, for all who ask."""

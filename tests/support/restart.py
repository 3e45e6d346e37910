"""What a process keeps for a restart, for tests without one."""

from __future__ import annotations

from typing import Any, TypeVar

from daqpv.core import Durable, Events, Place, Places, SavedSettings, Snapshot
from daqpv.serve import Group

S = TypeVar("S", bound=Snapshot)


class Restart:
    """The settings and the state of devices in one place, as `daqpv serve` has them."""

    def __init__(self, place: Place, *, prefix: str = "AT:") -> None:
        events = Events()
        places = Places([place], events)
        self._saved = SavedSettings(places, events, prefix=prefix)
        self._durable = Durable(places, events, prefix=prefix)

    def restored(self, prefix: str, group: type[Group[Any]], snapshot: S) -> S:
        saved = group.saved(type(snapshot))
        snapshot = self._saved.restored(prefix, saved, snapshot)
        return self._durable.restored(prefix, group.durable, snapshot)

    def follow(self, prefix: str, group: type[Group[Any]], device: Any) -> None:
        saved = group.saved(type(device.snapshot))
        device.watch(self._saved.follow(prefix, saved))
        device.watch(self._durable.follow(prefix, group.durable))

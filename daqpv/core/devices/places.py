"""Keeps settings and states of devices in several places: the store, a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from daqpv.core.events.bus import Events
from daqpv.core.events.event import EventSeverity
from daqpv.core.store import DeviceState, Remembered, Setting
from daqpv.errors import StoreError

K = TypeVar("K", Setting, DeviceState)
Key = tuple[type[Setting | DeviceState], str, str]  # kind, device, field

_TICK = 1e-6  # [s] least distance of two records: a later one is newer on any clock


class Place(Protocol):
    """A place where settings and states of devices are kept."""

    def read(self) -> Iterable[Remembered]:
        """All records of the experiment; it may block for a limited time.

        Raises:
            StoreError: the others cannot be read now; those already returned are valid.
                The text says why, and which values are missing.
        """

    def add(self, record: Remembered, /) -> None:
        """Keep `record` soon, in place of the last one of its device and field."""

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all added records would survive a kill; whether they would."""


def key_of(record: Remembered) -> Key:
    """Kind, device and field of `record`."""
    return type(record), record.device, record.field


class Places:
    """All places of one process; of several records of a field, the newest is valid.

    Args:
        places: they are read at once.
        events: reports a place that cannot be read.
    """

    def __init__(self, places: Sequence[Place], events: Events) -> None:
        self._places = places
        self._newest: dict[Key, Remembered] = {}
        self._behind: dict[Key, list[Place]] = {}  # the places that lack a kept record
        found = [(place, self._read(place, events)) for place in places]
        for key, newest in self._newest.items():
            behind = [
                place
                for place, (records, is_whole) in found
                if is_whole and (key not in records or records[key].time < newest.time)
            ]
            if behind:
                self._behind[key] = behind

    def _read(self, place: Place, events: Events) -> tuple[dict[Key, Remembered], bool]:
        """The records of a place, and whether all of them could be read."""
        records: dict[Key, Remembered] = {}
        is_whole = True
        try:
            for one in place.read():
                records[key_of(one)] = one
        except StoreError as error:
            is_whole = False
            events.report("setting", str(error), severity=EventSeverity.WARNING)
        for key, one in records.items():
            newest = self._newest.get(key)
            if newest is None or one.time > newest.time:
                self._newest[key] = one
        return records, is_whole

    def find(self, kind: type[K], device: str, field: str) -> K | None:
        """The newest record of a field of a device."""
        found = self._newest.get((kind, device, field))
        return found if isinstance(found, kind) else None

    def share(self, record: Remembered) -> None:
        """Give `record`, which is the newest, to the places that lack it."""
        for place in self._behind.pop(key_of(record), ()):
            place.add(record)

    def after(self, since: float, *earlier: Remembered | None) -> float:
        """`since`, but later than `earlier`, for a record that replaces those."""
        times = (one.time + _TICK for one in earlier if one is not None)
        return round(max((since, *times)), 6)

    def keep(self, record: Remembered) -> None:
        """Keep `record` in all places, in place of the one before."""
        self._newest[key_of(record)] = record
        for place in self._places:
            place.add(record)

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all places have all records; False if not in `timeout` [s]."""
        waits = (place.kept(timeout=timeout) for place in self._places)
        return all(await asyncio.gather(*waits))

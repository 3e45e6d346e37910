"""Groups: the PVs of one device, and the way from its snapshots to them."""

from __future__ import annotations

import time as clock
from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from caproto.server import PVGroup

from daqpv.core import (
    NO_ALARM,
    UNDEFINED,
    Alarm,
    Device,
    PvInfo,
    SavedField,
    Snapshot,
    sources,
)
from daqpv.errors import RefusedError, ServeError
from daqpv.serve.channel import Channel
from daqpv.serve.declaration import Declaration, Declared

D = TypeVar("D", bound=Device[Any])


class _Shown(NamedTuple):
    """A PV, the attribute of the snapshot that it shows, and what that is made from."""

    channel: Declared
    field: str
    sources: frozenset[str] | None  # None: perhaps any

    def follows(self, changed: Collection[str]) -> bool:
        """Whether the value may have moved with the fields in `changed`."""
        if self.sources is None:
            return bool(changed)
        return not self.sources.isdisjoint(changed)


class Group(PVGroup, Generic[D]):
    """The PVs of a device.

    It registers nothing: ``device.watch(group.show)`` makes it follow the device.

    Args:
        prefix: of all PV names.
        device: the commands of the PVs are its, and its snapshots are shown.

    Raises:
        ServeError: a PV name is too long, or a PV wants a snapshot's attribute that
            does not exist.
    """

    limits_told: ClassVar[bool] = True
    """Whether people are told of limits that are passed; else they are kept aside, as
    figures are that pass them many times a day, when nobody has to do anything."""

    period: ClassVar[float] = 0.0
    """Least time between two changes of any of its PVs [s]; 0: they may change at any
    time, in bursts."""

    device: D

    def __init__(self, prefix: str, device: D, **options: Any) -> None:
        self.device = device
        super().__init__(prefix, **options)
        self._shown = tuple(self._find_shown(type(device.snapshot)))

    def _find_shown(self, snapshot: type[Snapshot]) -> list[_Shown]:
        found = []
        for attribute, channel in self.attr_pvdb.items():
            if not isinstance(channel, Declared) or channel.group is not self:
                continue
            wanted = channel.declaration.of
            field = wanted or attribute
            if hasattr(snapshot, field):
                found.append(_Shown(channel, field, sources(snapshot, field)))
            elif wanted:
                raise ServeError(
                    f"{channel.name} shows {wanted!r}, "
                    f"which {snapshot.__name__} does not have"
                )
        return found

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Post what has moved, in the order of the declarations.

        Args:
            snapshot: the device as it is now.
            changed: the fields that changed; none: the device was seen unchanged, and
                the time stamps of what is observed move.
        """
        now = snapshot.time or clock.time()
        observed = type(snapshot).observed
        seen = not changed or not observed.isdisjoint(changed)
        judged = not type(snapshot).judging.isdisjoint(changed)
        for shown in self._shown:
            channel, field, _ = shown
            if shown.follows(changed):
                self._post(channel, snapshot, field, now)
            elif judged or (seen and field in observed):
                moved = _alarm(snapshot, field) if judged else None
                if field in observed and seen:
                    channel.stamp(now, moved)
                elif moved is not None:
                    channel.rejudge(moved, now)

    def _post(
        self, channel: Declared, snapshot: Snapshot, field: str, now: float
    ) -> None:
        value, alarm = getattr(snapshot, field), _alarm(snapshot, field)
        if value is None:
            channel.rejudge(alarm, now)
        elif channel.shows(value, alarm):
            if field in type(snapshot).observed:
                channel.stamp(now)
        else:
            channel.post(value, alarm=alarm, time=now)

    @classmethod
    def saved(cls, snapshot: type[Snapshot]) -> list[SavedField]:
        """What of a `snapshot` survives a restart, as the declarations say.

        Raises:
            ServeError: a PV is declared as saved, and no field of it holds its value.
        """
        found = []
        for attribute, declaration in cls._pvs_.items():
            if not isinstance(declaration, Declaration) or not declaration.saved:
                continue
            name = declaration.pvspec.name
            wanted = declaration.saved
            if wanted is True:
                wanted = declaration.of or attribute
            if wanted not in snapshot.__dataclass_fields__:
                raise ServeError(
                    f"{name} is declared as saved, and {snapshot.__name__} has no "
                    f"field {wanted!r} that holds it: saved='field'"
                )
            meta = declaration.meta
            found.append(
                SavedField(
                    field=wanted,
                    signal=name,
                    drive=(meta.drvl, meta.drvh),
                    labels=meta.labels,
                )
            )
        return found

    def infos(self) -> list[PvInfo]:
        """A row for each PV."""
        names = self.bearers()
        found = [c for c in self.pvdb.values() if isinstance(c, Declared)]
        return [
            replace(
                info,
                alarms=channel.declaration.alarm_tree
                and (info.alarms or info.name in names),
            )
            for channel, info in ((c, c.info()) for c in found)
        ]

    def bearers(self) -> frozenset[str]:
        """The PVs that bear the device's alarms: of each the first that shows it."""
        judged = type(self.device.snapshot).judged
        bearers = {f: c.name for c, f, _ in reversed(self._shown) if f in judged}
        return frozenset(bearers.values())

    def refused(self, channel: Channel, error: RefusedError) -> None:
        """The server refused a put before it became a command of the device.

        Override it to tell the operator in PVs; `daqpv.core.origin` says who put. It is
        an event already.
        """


def _alarm(snapshot: Snapshot, field: str) -> Alarm:
    """The device's judgement; a value that is None is not known at all."""
    alarm = snapshot.alarm(field)
    if alarm == NO_ALARM and getattr(snapshot, field) is None:
        return UNDEFINED
    return alarm

"""PVs with names known at run time: from an experiment file, or from an instrument."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from daqpv.core import Reading, Snapshot
from daqpv.errors import ServeError
from daqpv.serve.groups.declaration import Declaration, Declared
from daqpv.serve.groups.group import D, Group


class ReadingsGroup(Group[D]):
    """Displays the readings of a device, each as a PV of the same name.

    The device's snapshot maps names to `Reading`, in the field that `readings` names.
    A reading without a value keeps the last one, with severity INVALID; a writable PV
    is cleared: NaN, 0 or "".

    A group may also declare PVs in its body.

    Args:
        prefix: of all PV names.
        device: the group displays its snapshots.
        pvs: declarations: ``ai("pressure", units="mbar")``. Writable ones need no
            ``put``: a put calls `write`. ``of`` is the name of the reading, if that of
            the PV differs; several PVs may show one, and some readings none.

    Raises:
        ServeError: a name is too long, or used twice.
    """

    readings: ClassVar[str] = "values"
    """The field of the snapshot."""

    def __init__(
        self, prefix: str, device: D, *, pvs: Iterable[Declaration], **options: Any
    ) -> None:
        super().__init__(prefix, device, **options)
        self._posted: dict[str, Reading] = {}
        self._channels: dict[str, list[Declared]] = {}
        for declaration in pvs:
            name = declaration.pvspec.name
            if declaration.writable and declaration.put is None:
                declaration.put = _writes(name)
            channel = self.add_pv(declaration)
            self._channels.setdefault(declaration.of or name, []).append(channel)

    def add_pv(self, declaration: Declaration) -> Declared:
        """Add a PV that shows no reading; the group posts its values.

        Raises:
            ServeError: its name is too long, or used already.
        """
        channel = declaration.create(self)
        if channel.name in self.pvdb:
            raise ServeError(f"the PV {channel.name} is declared twice")
        self.pvdb[channel.name] = channel
        return channel

    async def write(self, name: str, value: Any) -> None:
        """A client has put `value` to the PV of a reading.

        Raises:
            DaqError: the put failed; the client receives the reason.
        """
        raise NotImplementedError

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Post the readings that have changed, and the other PVs."""
        super().show(snapshot, changed)
        if self.readings not in changed:
            return
        posted, channels = self._posted, self._channels
        for name, reading in getattr(snapshot, self.readings).items():
            if reading is posted.get(name):
                continue
            posted[name] = reading
            for channel in channels.get(name, ()):
                if reading.value is None:
                    self._show_none(channel, reading)
                else:
                    channel.post(reading.value, alarm=reading.alarm, time=reading.time)

    def _show_none(self, channel: Declared, reading: Reading) -> None:
        """Clear a PV that is written; others keep the last value, marked invalid."""
        if channel.writable:
            value = _BLANK.get(channel.record, 0)
            channel.post(value, alarm=reading.alarm, time=reading.time)
        else:
            channel.rejudge(reading.alarm, reading.time)


_BLANK = {"ao": math.nan, "stringout": ""}


def _writes(name: str) -> Any:
    async def put(group: ReadingsGroup[Any], value: Any) -> None:
        await group.write(name, value)

    return put

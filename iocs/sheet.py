"""The PVs of the run sheet: ``$(P)Run:Par:``, one for each observable of the file."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from daqpv.core import Reading, SavedField, Site, Snapshot
from daqpv.iocs.device import Put, declaring
from daqpv.runs import Run
from daqpv.runs.record.sheet import Sheet, SheetSnapshot
from daqpv.runs.settings import Observable, ObservableType, RunSettings
from daqpv.serve import Declaration, Group, ai, ao, longin, longout, string


class SheetGroup(Group[Sheet]):
    """What is written down of each run; its PVs are made from the file."""

    def __init__(self, prefix: str, device: Sheet) -> None:
        super().__init__(prefix, device)
        self._posted: dict[str, Reading] = {}

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Post the observables that have changed."""
        assert isinstance(snapshot, SheetSnapshot)
        for name, reading in snapshot.values.items():
            channel = self.pvdb[f"{self.prefix}{name}"]
            if reading is self._posted.get(name):
                continue
            self._posted[name] = reading
            if reading.value is not None:
                channel.post(reading.value, alarm=reading.alarm, time=reading.time)
            elif channel.writable:
                blank = math.nan if channel.record == "ao" else 0
                channel.post(blank, alarm=reading.alarm, time=reading.time)
            else:  # the last value stays, marked as such
                channel.rejudge(reading.alarm, reading.time)

    @classmethod
    def saved(cls, snapshot: type[Snapshot]) -> list[SavedField]:
        """What was written, and what a restart has to know of the open or last run."""
        return [
            SavedField(field=name, signal=name, is_choice=False)
            for name in ("written", "run")
        ]


def add_sheet(settings: RunSettings, site: Site, run: Run) -> None:
    """Serve the run sheet, if the file has one, and let it follow `run`."""
    observables = settings.observables
    if not observables and not settings.snapshot:
        return
    prefix = site.prefix_of("Run", "Par")
    group = sheet_group(observables)
    open_run = run.snapshot.open_run
    sheet = Sheet(
        settings,
        readings=site.readings,
        keep=run.keep,
        settled=run.settled,
        events=site.events,
        prefix=prefix,
        snapshot=site.restored(prefix, group, SheetSnapshot()),
        open_run=None if open_run is None else open_run.number,
    )
    run.observe(sheet.observe)
    site.add(sheet, group(prefix, sheet))


def sheet_group(observables: Mapping[str, Observable]) -> type[SheetGroup]:
    """The group that has a PV for each observable."""
    pvs = {f"par_{name}": _declared(name, one) for name, one in observables.items()}
    return declaring(pvs)(SheetGroup)


def _declared(name: str, one: Observable) -> Declaration:
    more: dict[str, Any] = {"doc": one.desc or ("Read" if one.pv else "By hand")}
    if one.pv is None:
        more |= {"put": _writes(name), "saved": "written"}
    if one.type is ObservableType.STRING:
        return string(name, **more)
    more["units"] = one.units
    if one.type is ObservableType.INT:
        return longin(name, **more) if one.pv else longout(name, **more)
    more["precision"] = one.precision
    return ai(name, **more) if one.pv else ao(name, **more)


def _writes(name: str) -> Put:
    async def put(group: Any, value: Any) -> None:
        await group.device.write(name, value)

    return put

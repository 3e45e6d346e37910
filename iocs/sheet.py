"""The PVs of the run sheet: ``$(P)Run:Par:``, one for each observable of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daqpv.core import Site
from daqpv.runs import Run
from daqpv.runs.record.sheet import Sheet, SheetSnapshot
from daqpv.runs.settings import Observable, ObservableType, RunSettings
from daqpv.serve import Declaration, ReadingsGroup, ai, ao, longin, longout, string


class SheetGroup(ReadingsGroup[Sheet]):
    """The observables of each run; its PVs are made from the file."""

    durable = ("written", "run")

    def __init__(
        self, prefix: str, device: Sheet, observables: Mapping[str, Observable]
    ) -> None:
        pvs = [_declared(name, one) for name, one in observables.items()]
        super().__init__(prefix, device, pvs=pvs)

    async def write(self, name: str, value: Any) -> None:
        """Record the value that was put."""
        await self.device.write(name, value)


def add_sheet(settings: RunSettings, site: Site, run: Run) -> None:
    """Serve the run sheet, if the file has one, and let it follow `run`."""
    observables = settings.observables
    if not observables and not settings.snapshot:
        return
    prefix = site.prefix_of("Run", "Par")
    open_run = run.snapshot.open_run
    sheet = Sheet(
        settings,
        readings=site.readings,
        keep=run.keep,
        settled=run.settled,
        events=site.events,
        prefix=prefix,
        snapshot=site.restored(prefix, SheetGroup, SheetSnapshot()),
        open_run=None if open_run is None else open_run.number,
    )
    run.observe(sheet.observe)
    site.add(sheet, SheetGroup(prefix, sheet, observables))


def _declared(name: str, one: Observable) -> Declaration:
    more: dict[str, Any] = {"doc": one.desc or ("Read" if one.pv else "By hand")}
    if one.pv is None:
        more["saved"] = "written"
    if one.type is ObservableType.STRING:
        return string(name, writable=one.pv is None, **more)
    more["units"] = one.units
    if one.type is ObservableType.INT:
        return longin(name, **more) if one.pv else longout(name, **more)
    more["precision"] = one.precision
    return ai(name, **more) if one.pv else ao(name, **more)

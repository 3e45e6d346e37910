"""The PVs of the run: ``$(P)Run:``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from daqpv.config import Kind
from daqpv.core import RemoteView, Site
from daqpv.errors import DaqError, ServeError
from daqpv.iocs.device import DeviceGroup, Put, command, declaring
from daqpv.iocs.documents import add_documents
from daqpv.iocs.sheet import add_sheet
from daqpv.links.ca.remote_run import RemoteRun
from daqpv.runs import Detector, History, Run, RunSnapshot, RunState, Storage
from daqpv.runs.record.fields import RunField
from daqpv.runs.record.kinds import RECORDS
from daqpv.runs.record.numbers import LAST
from daqpv.runs.record.records import WRITTEN
from daqpv.runs.settings import RunSettings
from daqpv.serve import (
    Declaration,
    ai,
    ao,
    bi,
    button,
    long,
    longin,
    longout,
    mbbo,
    string,
)

_YEAR = 31557600.0  # [s]
_LENGTH = (0.0, 86400.0)  # [s] of a run, as a plot spans it


def settled(put: Put) -> Put:
    """`put`, which ends when all of it would survive a kill."""

    async def kept(group: Any, value: Any) -> None:
        try:
            await put(group, value)
        except DaqError:  # a failed put may have changed the books, too
            await group.device.settled()
            raise
        await group.device.settled()

    return kept


def booked(method: Callable[..., Any]) -> Put:
    """A put that calls `method` of the run, and ends when it would survive a kill."""
    return settled(command(method))


def written(fact: RunField) -> Declaration:
    """The PV by which operators write a fact of a run."""
    pv = fact.pv
    assert pv is not None

    async def write(group: Any, value: Any) -> None:
        await group.device.write(fact, value)

    more: dict[str, Any] = {"put": settled(write), "saved": True, "doc": pv.doc}
    if pv.choices is not None:
        return mbbo(pv.signal, pv.choices, **more)
    if pv.size:
        return long(pv.signal, size=pv.size, **more)
    return string(pv.signal, **more)


@declaring({fact.name: written(fact) for fact in WRITTEN})
class RunGroup(DeviceGroup[Run]):
    """The open or the last run, and the facts for the next."""

    durable = (
        *("state", "failure", "open_run", "closed_run", "unsorted", "taking", "gaps"),
        *("left", "owed", "writers"),
    )

    message = long("Message", of="message_text", doc="What happens, in a sentence")
    state = mbbo(
        "State",
        RunState,
        put=booked(Run.reach),
        doc="Running, Paused, Stopped: a write acts",
    )
    start = button("Start", put=booked(Run.start), doc="Checks, and starts a run")
    stop = button("Stop", put=booked(Run.stop), doc="Stops and closes the run")
    pause = button("Pause", put=booked(Run.pause), doc="No data, the run stays open")
    resume = button("Resume", put=booked(Run.resume), doc="Data again")
    reset = button("Reset", put=booked(Run.reset), doc="Leads out of Failed")
    sweep = button("Sweep", put=booked(Run.sweep), doc="Puts left-over files aside")
    number = longin("Number", doc="Of the open or the last run; -1: none")
    next_number = longout(
        "NextNumber",
        put=booked(Run.number_next),
        drive=(0, LAST),
        saved=True,
        doc="What the next run will have",
    )
    start_time = string("StartTime", of="start_text", doc="When all were Running, UTC")
    stop_time = string("StopTime", of="stop_text", doc="When none took data, UTC")
    duration_text = string("DurationText", doc="Hours, minutes, seconds")
    duration = ai(
        "Duration", units="s", precision=0, display=_LENGTH, doc="Since the start"
    )
    live_time = ai(
        "LiveTime", units="s", precision=0, display=_LENGTH, doc="Without pauses"
    )
    rate = ai(
        "Rate", units="MB/s", precision=2, display=(0, 2000), doc="Of all routers"
    )
    data = ai(
        "Bytes",
        units="GB",
        precision=3,
        display=(0, 10_000),
        doc="In staging of all routers",
    )
    files = longin("Files", doc="In staging of all routers")
    disk_time_left = ai(
        "DiskTimeLeft",
        units="h",
        precision=1,
        display=(0, 48),
        low=2.0,
        lolo=0.5,
        hysteresis=0.1,
        doc="Of the router full first",
    )
    sorting = bi("Sorting", labels=("No", "Yes"), doc="Files are being moved")
    auto_stop = ao(
        "AutoStop",
        units="s",
        precision=0,
        drive=(0.0, _YEAR),
        display=_LENGTH,
        put=booked(Run.stop_after),
        saved=True,
        doc="A run stops after so long; 0: never",
    )
    experiment = string("Experiment", doc="Name of the experiment")
    step = long("Step", doc="What is done now")
    progress = ai(
        "Progress",
        units="%",
        precision=0,
        display=(0, 100),
        doc="Of what is done now",
    )
    allowed = longin("Allowed", doc="Bit n: a put of State n would be taken")


def build(name: str, settings: RunSettings, site: Site) -> tuple[Run, RunGroup]:
    """Join the servers, the routers, the store, and the PVs of the run."""
    prefix = site.prefix_of("Run")
    snapshot = site.restored(
        prefix,
        RunGroup,
        RunSnapshot(
            experiment=site.experiment,
            next_number=settings.first_number,
        ),
    )
    detectors = site.find(Detector)
    if not detectors:
        raise ServeError("Runs need the system in the same process: --only system too")
    run = Run(
        detector=detectors[0],
        storages=site.find(Storage),
        settings=settings,
        events=site.events,
        prefix=prefix,
        snapshot=snapshot,
        store=site.store,
        history=None if site.store is None else partial(_history, site),
        pulse=site.pulse,
        kept=site.kept,
    )
    add_sheet(settings, site, run)
    add_documents(site, run)
    site.interlock.take(run)
    site.interlock.watch(lambda: run.see_rival(site.interlock.rival))
    return run, RunGroup(prefix, run)


async def _history(site: Site) -> History:
    from daqpv.store.reading.runs import history  # noqa: PLC0415 - SQLAlchemy takes 0.2 s

    assert site.store is not None
    return await site.store.ask(partial(history, experiment=site.experiment))


def remote(name: str, settings: RunSettings, site: Site) -> RemoteView:
    """Follow the run of another process: it holds the servers of this one."""
    run = RemoteRun(site.prefix_of("Run"), site.readings)
    site.interlock.take(run, ask=run.asked)
    return run


KIND = Kind(
    section="run",
    settings=RunSettings,
    api=1,
    build=build,
    many=False,
    follows="ecc",
    after=("system", "routers"),
    remote=remote,
    known_by=("Run", "State"),
    records=RECORDS,
)

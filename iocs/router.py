"""The PVs of a data router: ``$(P)Router:<name>:``."""

from __future__ import annotations

from collections.abc import Mapping

from daqpv.config import Kind
from daqpv.core import Severity, Site
from daqpv.core.stage import Simulated, Stage
from daqpv.iocs.device import DeviceGroup
from daqpv.iocs.remote_log import add_remote_log
from daqpv.links.files.router_directory import DirectoryRouterLink
from daqpv.links.http.router_page import PageRouterLink
from daqpv.links.ssh.connections import shared_hosts
from daqpv.links.ssh.router import SshRouterLink
from daqpv.routers import (
    Pace,
    Router,
    RouterLink,
    RouterSettings,
    RouterSnapshot,
    Watch,
)
from daqpv.runs import Storage
from daqpv.serve import ai, bi, long, longin

_DISK = (0.0, 10_000.0)  # [GB] range of a tank on a screen


class RouterGroup(DeviceGroup[Router]):
    """A data router, the files of the run, and the disk it writes to."""

    directory = long("Directory", doc="Where it writes")
    staging_empty = bi(
        "StagingEmpty", labels=("No", "Yes"), doc="No data file lies there"
    )
    files = longin("Files", doc="Data files there")
    data = ai(
        "Bytes",
        units="GB",
        precision=3,
        display=(0, 1000),
        doc="Size of the data files there",
    )
    rate = ai(
        "Rate",
        of="rate_mb_s",
        units="MB/s",
        precision=3,
        display=(0, 200),
        doc="Growth of the files",
    )
    disk_size = ai(
        "DiskSize",
        of="disk_size_gb",
        units="GB",
        precision=1,
        display=_DISK,
        doc="Of its disk",
    )
    disk_free = ai(
        "DiskFree",
        of="disk_free_gb",
        units="GB",
        precision=3,
        display=_DISK,
        doc="Left for it",
    )
    disk_used = ai(
        "DiskUsed",
        units="%",
        precision=1,
        display=(0.0, 100.0),
        high=80.0,
        hihi=95.0,
        hysteresis=0.5,
        doc="Of what it may use",
    )
    disk_time_left = ai(
        "DiskTimeLeft",
        of="disk_hours_left",
        units="h",
        precision=1,
        display=(0, 48),
        low=2.0,
        lolo=0.5,
        hysteresis=0.1,
        doc="Until it is full, at least",
    )
    clock_offset = ai(
        "ClockOffset",
        units="s",
        precision=3,
        display=(-5, 5),
        low=-1.0,
        high=1.0,
        hysteresis=0.1,
        dead_band=0.01,
        nan=Severity.NO_ALARM,  # a surveyor page does not give the time of its computer
        doc="Its clock is ahead of ours",
    )


def build(
    name: str, settings: RouterSettings, site: Site
) -> tuple[Router, RouterGroup]:
    """Join the router, its link and its PVs."""
    assert settings.watch is not None
    prefix = site.prefix_of("Router", name)
    router = Router(
        name,
        _link(name, settings, settings.watch, site),
        snapshot=site.restored(
            prefix, RouterGroup, RouterSnapshot(enabled=settings.enable)
        ),
        pace=Pace(
            period=settings.period,
            timeout=settings.timeout,
            no_data=_no_data(site),
        ),
        events=site.events,
        prefix=prefix,
    )
    add_remote_log(site, router, settings)
    return router, RouterGroup(prefix, router, desc=settings.desc)


def _no_data(site: Site) -> float:
    """Time without data after which a router is in alarm [s]."""
    try:
        settings = site.settings("run", "")
    except KeyError:  # an experiment without runs
        return Pace().no_data
    return float(settings.no_data)


def _link(name: str, settings: RouterSettings, watch: Watch, site: Site) -> RouterLink:
    """The link to the router."""
    if watch.directory:
        return DirectoryRouterLink(name, watch.directory)
    over_ssh = None
    if watch.ssh:
        over_ssh = SshRouterLink(
            name,
            site.shared(shared_hosts).host(watch.ssh),
            port=settings.port,
            staging=watch.staging or "",
        )
    if watch.page:
        return PageRouterLink(name, watch.page, actions=over_ssh)
    assert over_ssh is not None
    return over_ssh


def simulate(settings: Mapping[str, RouterSettings], stage: Stage) -> Simulated | None:
    """Simulate the routers that the file watches, in directories of their own."""
    from daqpv.sim.servers import Running, SimulatedRouters  # noqa: PLC0415 - 0.1 s

    if stage.folder is None:
        return None
    servers = stage.sections["ecc"]
    return SimulatedRouters(settings, stage.folder, servers, stage.shared(Running))


KIND = Kind(
    section="routers",
    settings=RouterSettings,
    api=1,
    build=build,
    is_served=lambda settings: settings.watch is not None,
    provides=(Storage,),
    simulate=simulate,
    known_by=("Router", "Online"),
)

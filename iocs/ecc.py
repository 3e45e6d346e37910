"""The PVs of an ECC server: ``$(P)ECC:<name>:``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter

from daqpv.config import Kind
from daqpv.core import Interlock, RemoteView, Site
from daqpv.core.stage import Simulated, Stage
from daqpv.ecc import (
    DataLink,
    Ecc,
    EccCommand,
    EccSnapshot,
    EccState,
    EccTarget,
    Server,
    Transition,
)
from daqpv.ecc.settings import EccSettings
from daqpv.iocs.device import DeviceGroup, command, held
from daqpv.iocs.remote_log import add_remote_log
from daqpv.serve import ai, ao, bi, button, long, longin, mbbi, mbbo, string
from daqpv.serve.groups.shown_fields import shown_fields
from daqpv.system import Order


class EccGroup(DeviceGroup[Ecc]):
    """One ECC server and the boards it drives."""

    state = mbbo(
        "State",
        EccState,
        put=held(command(Ecc.reach)),
        doc="Actual state; a write moves it",
    )
    state_rbv = mbbi("State_RBV", EccState, of="state", doc="Actual state")
    target = mbbo(
        "Target",
        EccTarget,
        put=held(command(Ecc.reach, EccState)),
        doc="Setpoint of State; a write moves it",
    )
    transition = mbbi("Transition", Transition, doc="What it is doing, for any client")
    transitioning = bi("Transitioning", labels=("No", "Yes"), doc="Between two states")
    operation = mbbo(
        "Command",
        EccCommand,
        of="command",
        put=held(command(Ecc.operate, attrgetter("operation"))),
        doc="Exactly one operation",
    )
    step_back = button(
        "StepBack", put=held(command(Ecc.step_back)), doc="One state back"
    )
    abort = button("Abort", put=command(Ecc.abort), doc="No further step")
    config = long(
        "Config",
        of="config_text",
        put=command(Ecc.choose),
        saved="config",
        doc="describe/prepare/configure",
    )
    config_describe = long("ConfigDescribe", doc="Describe part of Config")
    config_prepare = long("ConfigPrepare", doc="Prepare part of Config")
    config_configure = long("ConfigConfigure", doc="Configure part of Config")
    config_list = long("ConfigList", size=16_000, doc="What it lists, one per line")
    config_filter = string(
        "ConfigFilter",
        put=command(Ecc.filter_configs),
        doc="ConfigList: only those with these words",
    )
    refresh_configs = button(
        "RefreshConfigs", put=command(Ecc.refresh_configs), doc="Read ConfigList again"
    )
    data_links = long("DataLinks", doc="Where its data go, one per line")
    url = long("Url", doc="Address of its SOAP service")
    log_path = long("LogPath", doc="Its log file, on its computer")
    error_code = longin("ErrorCode", doc="Of the last operation; 0 = none failed")
    step_time = ai(
        "StepTime",
        units="s",
        precision=1,
        display=(0, 180),
        doc="Of the present transition",
    )
    response_time = ai(
        "ResponseTime",
        units="s",
        precision=3,
        display=(0, 3),
        doc="Of the last GetState",
    )
    role = string("Role", doc="mutant, mutant-slave, cobo or all")
    poll_period = ao(
        "PollPeriod",
        units="s",
        precision=1,
        drive=(0.2, 60.0),
        put=command(Ecc.poll_every),
        saved=True,
        doc="Time between two GetState",
    )
    allowed = longin("Allowed", doc="Bit n: a put of State n would be taken")

    def __init__(
        self, prefix: str, device: Ecc, *, interlock: Interlock, desc: str = ""
    ) -> None:
        self.interlock = interlock
        super().__init__(prefix, device, desc=desc)


def build(name: str, settings: EccSettings, site: Site) -> tuple[Ecc, EccGroup]:
    """Join the ECC server `name`, its SOAP link and its PVs."""
    # the import of zeep takes 0.2 s; commands that build nothing do without
    from daqpv.links.soap.ecc import EccSoapLink  # noqa: PLC0415

    prefix = site.prefix_of("ECC", name)
    snapshot = EccSnapshot(
        enabled=settings.enable,
        poll_period=settings.period,
        config=settings.config,
        links=tuple(_data_links(settings, site)),
        role=settings.role,
        url=settings.url,
        log_path=settings.log_path,
    )
    snapshot = site.restored(prefix, EccGroup, snapshot)
    ecc = Ecc(
        name,
        EccSoapLink(name, settings.url),
        snapshot=snapshot,
        deadlines=settings.deadlines(),
        events=site.events,
        prefix=prefix,
        guard=site.shared(_order).guard(name),
    )
    add_remote_log(site, ecc, settings)
    return ecc, EccGroup(prefix, ecc, interlock=site.interlock, desc=settings.desc)


def _order(site: Site) -> Order:
    table = site.settings("system", "").table()
    return Order(
        lambda: site.find(Server),
        table=table,
        prefix=site.prefix_of("Sys"),
        interlock=site.interlock,
    )


def _data_links(settings: EccSettings, site: Site) -> Iterator[DataLink]:
    for link in settings.links:
        router = site.settings("routers", link.router)
        yield DataLink(
            link.sender, link.router, router.address, router.port, router.type
        )


def remote(name: str, settings: EccSettings, site: Site) -> RemoteView:
    """Follow the ECC server `name` of another process."""
    prefix = site.prefix_of("ECC", name)
    return site.shared(_remote_servers)(name, prefix, settings)


def _remote_servers(site: Site) -> Callable[[str, str, EccSettings], RemoteView]:
    from daqpv.links.ca.remote import follower  # noqa: PLC0415 - 0.08 s, seldom

    return follower(site.events, shown_fields(EccGroup))


def simulate(settings: Mapping[str, EccSettings], stage: Stage) -> Simulated | None:
    """Simulate all ECC servers."""
    from daqpv.sim.servers import SimulatedServers  # noqa: PLC0415 - 0.1 s, seldom

    return SimulatedServers(settings, stage) if settings else None


KIND = Kind(
    "ecc",
    EccSettings,
    api=1,
    build=build,
    provides=(Server,),
    remote=remote,
    simulate=simulate,
    known_by=("ECC", "State"),
)

"""The PVs of all ECC servers as one: ``$(P)Sys:``."""

from __future__ import annotations

from functools import partial

from daqpv.config import Kind
from daqpv.core import Site
from daqpv.ecc import EccState, EccTarget, Server
from daqpv.iocs.device import DeviceGroup, command
from daqpv.runs import Detector
from daqpv.serve import ai, bi, button, long, longin, mbbi, mbbo, string
from daqpv.system import Operator, System, SystemSnapshot, SystemState
from daqpv.system.settings import Reconfigure, SystemSettings

_operator = partial(command, via="operator")


class SystemGroup(DeviceGroup[System]):
    """All ECC servers as one."""

    state = mbbo(
        "State",
        SystemState,
        put=_operator(Operator.reach),
        doc="Common state; a write moves all",
    )
    state_rbv = mbbi("State_RBV", SystemState, of="state", doc="Common state")
    target = mbbo(
        "Target",
        EccTarget,
        put=_operator(Operator.reach, EccState),
        doc="Setpoint of State; a write moves all",
    )
    transitioning = bi("Transitioning", labels=("No", "Yes"), doc="On its way")
    step = long("Step", doc="What is done now, and by how many")
    progress = ai(
        "Progress",
        units="%",
        precision=0,
        display=(0, 100),
        doc="Of the running command",
    )
    stop = button(
        "Stop", put=_operator(Operator.stop), doc="Stop data taking, only that"
    )
    step_back = button(
        "StepBack", put=_operator(Operator.step_back), doc="One state back"
    )
    abort = button("Abort", put=command(System.abort), doc="No further step")
    config_name = string(
        "ConfigName",
        put=command(System.configure_name),
        doc="Configure name of all servers",
    )
    online_count = longin("OnlineCount", doc="Servers that take part and answer")
    enabled_count = longin("EnabledCount", doc="Servers that take part")
    disabled = long("Disabled", of="disabled_names", doc="Servers that are left alone")
    total = longin("Total", doc="ECC servers")
    allowed = longin("Allowed", doc="Bit n: a put of State n would be taken")

    def __init__(self, prefix: str, device: System) -> None:
        self.operator = Operator(device)
        super().__init__(prefix, device)


def build(
    name: str, settings: SystemSettings, site: Site
) -> tuple[System, SystemGroup]:
    """Join all ECC servers, wherever they are served, and the PVs of the system."""
    prefix = site.prefix_of("Sys")
    servers = site.find(Server)
    deadlines = [
        site.settings("ecc", server.name).deadlines().operations for server in servers
    ]
    system = System(
        servers,
        table=settings.table(),
        events=site.events,
        prefix=prefix,
        patience=max((max(times.values()) for times in deadlines), default=0.0),
        reconfigures=settings.reconfigure_mutant is Reconfigure.BEFORE_RUN,
        snapshot=site.restored(prefix, SystemGroup, SystemSnapshot()),
        interlock=site.interlock,
    )
    return system, SystemGroup(prefix, system)


KIND = Kind(
    section="system",
    settings=SystemSettings,
    api=1,
    build=build,
    many=False,
    follows="ecc",
    after=("ecc",),
    provides=(Detector,),
    known_by=("Sys", "State"),
)

"""The PVs of all ECC servers as one: ``$(P)Sys:``."""

from __future__ import annotations

from typing import Any

from daqpv.config import Kind
from daqpv.core import Hold, Site
from daqpv.ecc import EccState, EccTarget
from daqpv.errors import RefusedError
from daqpv.serve import ai, bi, button, long, longin, mbbi, mbbo, string
from daqpv.system import System, SystemSnapshot, SystemState
from daqpv.system.settings import Reconfigure, SystemSettings
from iocs.device import DeviceGroup, command

_WITHOUT_RUN = range(EccState.IDLE, EccState.RUNNING)  # states in which none is open


async def _reach(group: SystemGroup, target: EccState | SystemState) -> None:
    """Move all; while a run is open only down, which stops the run."""
    if reason := group.hold.reason():
        if target not in _WITHOUT_RUN:
            error = RefusedError(reason)
            group.device.refuse(f"go to {target.label}", error)
            raise error
        await group.hold.release()
    await group.device.reach(target)


async def _aim(group: SystemGroup, target: EccTarget) -> None:
    await _reach(group, EccState(target))


async def _stop(group: SystemGroup, _: Any) -> None:
    if group.hold.reason():
        await group.hold.release()
    else:
        await group.device.stop()


async def _step_back(group: SystemGroup, _: Any) -> None:
    if group.hold.reason():
        await group.hold.release()
    else:
        await group.device.step_back()


class SystemGroup(DeviceGroup[System]):
    """All ECC servers as one."""

    state = mbbo(
        "State",
        SystemState,
        put=_reach,
        doc="Common state; a write moves all",
    )
    state_rbv = mbbi("State_RBV", SystemState, of="state", doc="Common state")
    target = mbbo(
        "Target",
        EccTarget,
        put=_aim,
        doc="Wished state; a write moves all",
    )
    transitioning = bi("Transitioning", labels=("No", "Yes"), doc="On its way")
    step = long("Step", doc="What is done now, and by how many")
    progress = ai("Progress", units="%", precision=0, doc="Of the running command")
    stop = button("Stop", put=_stop, doc="Stop data taking, only that")
    step_back = button("StepBack", put=_step_back, doc="One state back")
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

    def __init__(self, prefix: str, device: System, *, hold: Hold) -> None:
        self.hold = hold
        super().__init__(prefix, device)


def build(
    name: str, settings: SystemSettings, site: Site
) -> tuple[System, SystemGroup]:
    """Join all ECC servers, wherever they are served, and the PVs of the system."""
    prefix = f"{site.prefix}Sys:"
    servers = site.servers()
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
    )
    return system, SystemGroup(prefix, system, hold=site.hold)


KIND = Kind(
    section="system",
    settings=SystemSettings,
    build=build,
    many=False,
    follows="ecc",
    after=("ecc",),
)

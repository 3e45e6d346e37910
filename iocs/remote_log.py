"""The PVs of the log of a device's own program, beside those of the device."""

from __future__ import annotations

from typing import Any

from daqpv.core import Device, Site
from daqpv.ecc.settings import EccSettings
from daqpv.errors import RefusedError
from daqpv.iocs.device import command
from daqpv.links.ssh.connections import shared_hosts
from daqpv.links.ssh.remote_log import RemoteLogFile
from daqpv.remote_log import SIZE, RemoteLog
from daqpv.routers import RouterSettings
from daqpv.serve import Channel, Group, button, long


class RemoteLogGroup(Group[RemoteLog]):
    """The end of the log, as it was read last."""

    remote_log = long(
        "RemoteLog", of="text", size=SIZE, doc="Last 50 lines of its program's log"
    )
    read_log = button("ReadLog", put=command(RemoteLog.read), doc="Read RemoteLog anew")

    def refused(self, channel: Channel, error: RefusedError) -> None:
        """Report in the device's PVs why the PV server has refused a put."""
        self.device.refuse(f"put to {channel.pvname}", error)


def add_remote_log(
    site: Site, device: Device[Any], settings: EccSettings | RouterSettings
) -> None:
    """Serve the log of the program behind `device`."""
    file = RemoteLogFile(settings, site.shared(shared_hosts).host)
    log = RemoteLog(device, file, events=site.events)
    site.add(log, RemoteLogGroup(device.prefix, log))

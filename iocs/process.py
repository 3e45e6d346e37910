"""The PVs of a daqpv process, with the names of devIocStats: ``$(P)IOC:<process>:``.

Units and limits are those of devIocStats (ioc.template), so that the screens of a site
show them; counts are whole numbers here. There is neither SYSRESET nor ACCESS: without
access rights any client could end the process, or shut others out.
"""

from __future__ import annotations

from typing import Any

from daqpv.process import PERIOD, Process
from daqpv.serve import Group, ai, bi, long, longin, string

_LOAD: dict[str, Any] = {
    "units": "%",
    "precision": 1,
    "display": (0, 100),
    "high": 70,
    "hihi": 80,
}


class ProcessGroup(Group[Process]):
    """The process that serves these PVs."""

    limits_reported = False  # a blocked loop is an event by itself
    period = PERIOD

    heartbeat = longin("HEARTBEAT", doc="Counts seconds since the start")
    uptime = string("UPTIME", doc="Time since the start")
    started = string("STARTTOD", doc="When it started, UTC")
    now = string("TOD", doc="Time of day, UTC")
    clients = longin("CA_CLNT_CNT", display=(0, 200), doc="CA clients")
    connections = longin(
        "CA_CONN_CNT", display=(0, 5000), doc="CA channels of all clients"
    )
    records = longin("RECORD_CNT", doc="PVs served")
    open_files = longin("FD_CNT", doc="File descriptors in use")
    system_load = ai(
        "SYS_CPU_LOAD", **_LOAD, alarm_tree=False, doc="Of the computer's CPUs"
    )
    load = ai("IOC_CPU_LOAD", **_LOAD, doc="Of one CPU, by this IOC")
    memory = ai(
        "MEM_USED", units="byte", precision=0, display=(0, 4e9), doc="Resident memory"
    )
    hostname = string("HOSTNAME", doc="The computer it runs on")
    process_id = longin("PROCESS_ID", doc="Its process number")
    version = string("EPICS_VERS", doc="What it is")
    loop_delay = ai(
        "LoopDelay",
        units="s",
        precision=4,
        display=(0, 1),
        high=0.05,
        doc="Longest silence in the last second",
    )
    duplicate = bi(
        "Duplicate", labels=("No", "Yes"), doc="Another process serves its devices, too"
    )
    clock_offset = ai(
        "ClockOffset",
        units="s",
        precision=2,
        display=(-5, 5),
        low=-1.0,
        high=1.0,
        hysteresis=0.1,
        doc="Another process's clock is ahead",
    )
    file = string("FileHash", doc="Of what all processes must have alike")
    file_differs = bi(
        "FileDiffers", labels=("No", "Yes"), doc="Another process has another file"
    )
    message = long("Message", doc="What is wrong with it, in a sentence")
    simulated = bi(
        "Simulated",
        labels=("No", "Yes"),
        alarm_tree=False,
        doc="Nothing behind it is real",
    )

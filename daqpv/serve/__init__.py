"""The PV server: groups of PVs over Channel Access, with an engine of our own.

caproto gives the shape of groups (PVGroup, pvproperty) and the protocol's tables; what
runs is here. A value's way out: `Channel.post` keeps it and marks it, `Outbox.flush`
packs it once per wire type at the end of the loop turn, each `Circuit` writes once. A
put's way in: `Circuit` parses, `Server.begin_put` checks, the PV's command runs as a
task of the server.
"""

from daqpv.serve.ca.duplicates import DuplicateServers, Other
from daqpv.serve.ca.rivalry import Rivalry
from daqpv.serve.groups.declaration import Button, Declaration
from daqpv.serve.groups.declare import (
    ai,
    ao,
    bi,
    bo,
    button,
    long,
    longin,
    longout,
    mbbi,
    mbbo,
    string,
    strings,
    waveform,
)
from daqpv.serve.groups.group import Group, literal
from daqpv.serve.groups.readings import ReadingsGroup
from daqpv.serve.local_pvs import LocalPvs
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.identity import Identity
from daqpv.serve.server import Server
from daqpv.serve.watchdog import Block

__all__ = [
    "Block",
    "Button",
    "Channel",
    "Declaration",
    "DuplicateServers",
    "Group",
    "Identity",
    "LocalPvs",
    "Other",
    "ReadingsGroup",
    "Rivalry",
    "Server",
    "ai",
    "ao",
    "bi",
    "bo",
    "button",
    "literal",
    "long",
    "longin",
    "longout",
    "mbbi",
    "mbbo",
    "string",
    "strings",
    "waveform",
]

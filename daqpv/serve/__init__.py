"""The PV server: groups of PVs over Channel Access, with an engine of our own.

caproto provides the declarations of groups (PVGroup, pvproperty) and the tables of the
protocol; the server itself is here. Outgoing values: `Channel.post` stores and marks a
value, `Outbox.flush` packs it once per wire type at the end of the loop turn, each
`Circuit` writes once. Incoming puts: `Circuit` parses, `Puts.begin` checks, the PV's
command runs as a task of the server.
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

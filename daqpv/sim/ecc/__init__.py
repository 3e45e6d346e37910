"""Simulates the ECC server getEccSoapServer, with its undocumented behaviour.

`EccSimulator` is one server process on a loopback port. It is written from what the
GET software and gSOAP do, and shares nothing with our client but the code numbers: a
mistake of the client is not repeated here. Users and scripts control a running
simulator over HTTP, see `daqpv.sim.ecc.door`.
"""

from daqpv.sim.ecc.faults import EVERY, Fault, Faults, Kind
from daqpv.sim.ecc.process import DURATIONS, Behaviour, EccProcess
from daqpv.sim.ecc.received import Received
from daqpv.sim.ecc.repository import Repository
from daqpv.sim.ecc.simulator import EccSimulator
from daqpv.sim.ecc.soap import Build

__all__ = [
    "DURATIONS",
    "EVERY",
    "Behaviour",
    "Build",
    "EccProcess",
    "EccSimulator",
    "Fault",
    "Faults",
    "Kind",
    "Received",
    "Repository",
]

"""A simulated ECC server (getEccSoapServer), faithful to the last oddity.

`EccSimulator` is one server process on a loopback port. It is written from what the
GET software and gSOAP do, and shares nothing with our client but the code numbers. So
what both agree on is no common mistake. People and scripts reach a running one through
its control door, see `daqpv.sim.ecc.door`.
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

"""ECC servers: their operations, and the path from any state to any other."""

from daqpv.ecc.codes import LEGAL, EccState, Operation, Transition
from daqpv.ecc.ecc import Ecc
from daqpv.ecc.guard import Guard
from daqpv.ecc.link import ConfigId, DataLink, EccLink, OperationAnswer, StateAnswer
from daqpv.ecc.path import StateGoal, back, is_below, leads_to
from daqpv.ecc.sending import Deadlines
from daqpv.ecc.server import Server
from daqpv.ecc.snapshot import NEEDS_CONFIG, EccCommand, EccSnapshot, EccTarget

__all__ = [
    "LEGAL",
    "NEEDS_CONFIG",
    "ConfigId",
    "DataLink",
    "Deadlines",
    "Ecc",
    "EccCommand",
    "EccLink",
    "EccSnapshot",
    "EccState",
    "EccTarget",
    "Guard",
    "Operation",
    "OperationAnswer",
    "Server",
    "StateAnswer",
    "StateGoal",
    "Transition",
    "back",
    "is_below",
    "leads_to",
]

"""All ECC servers as one device: their common state and commands, and their order."""

from daqpv.system.guard import Order
from daqpv.system.operator import Operator
from daqpv.system.plan import Part, Table
from daqpv.system.snapshot import SystemSnapshot, SystemState
from daqpv.system.system import System

__all__ = [
    "Operator",
    "Order",
    "Part",
    "System",
    "SystemSnapshot",
    "SystemState",
    "Table",
]

"""The put gate: the one way by which settable channels are written.

People, scripts and models use it::

    await instrument.gates["setpoint"].put(300.0)

It checks limits, asks again before hazards, ramps, and ends when the instrument has
what was put. Each put is a command of the instrument: it has a result and an event.
"""

from daqpv.instruments.gate.gate import Gate
from daqpv.instruments.gate.group import GateGroup
from daqpv.instruments.gate.outlet import Outlet, Setpoint, Staged
from daqpv.instruments.gate.rules import Rules, Value

__all__ = ["Gate", "GateGroup", "Outlet", "Rules", "Setpoint", "Staged", "Value"]

"""Simulated instruments: they speak over true sockets, serial lines and files."""

from daqpv.sim.instruments.faults import Faults
from daqpv.sim.instruments.play import Play
from daqpv.sim.instruments.simulated import SimulatedInstruments
from daqpv.sim.instruments.simulator import InstrumentSimulator

__all__ = ["Faults", "InstrumentSimulator", "Play", "SimulatedInstruments"]

"""The log of the experiment as PVs: last events, their counts, notes of the shift."""

from daqpv.events.log import History, Log, LogSnapshot

__all__ = ["History", "Log", "LogSnapshot"]

"""The log of the experiment: its last events, its counts, and notes of the shift."""

from daqpv.events.log import History, Log, LogSnapshot

__all__ = ["History", "Log", "LogSnapshot"]

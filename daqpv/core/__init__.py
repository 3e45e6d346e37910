"""What every part of daqpv shares: devices, snapshots, commands, events, alarms."""

from daqpv.core.alarm import NO_ALARM, UNDEFINED, Alarm, Severity, Status
from daqpv.core.beat import rest
from daqpv.core.clock import AHEAD, stamp_after
from daqpv.core.command import Command, Goal
from daqpv.core.derived import made_from, sources
from daqpv.core.device import Condition, Device, Result, Snapshot
from daqpv.core.event import (
    Event,
    Events,
    EventSeverity,
    Origin,
    Sink,
    caller,
    origin,
    told,
)
from daqpv.core.folding import STORM, Folding
from daqpv.core.hold import Hold, run_is_open
from daqpv.core.losses import Losses
from daqpv.core.pvinfo import PvInfo
from daqpv.core.reading import READ_ELEMENTS, Reading, Readings
from daqpv.core.saved import SavedField, SavedSettings, SettingsPlace
from daqpv.core.site import Site
from daqpv.core.store import Record, Setting, Store, StoreFigures

__all__ = [
    "AHEAD",
    "NO_ALARM",
    "READ_ELEMENTS",
    "STORM",
    "UNDEFINED",
    "Alarm",
    "Command",
    "Condition",
    "Device",
    "Event",
    "EventSeverity",
    "Events",
    "Folding",
    "Goal",
    "Hold",
    "Losses",
    "Origin",
    "PvInfo",
    "Reading",
    "Readings",
    "Record",
    "Result",
    "SavedField",
    "SavedSettings",
    "Setting",
    "SettingsPlace",
    "Severity",
    "Sink",
    "Site",
    "Snapshot",
    "Status",
    "Store",
    "StoreFigures",
    "caller",
    "made_from",
    "origin",
    "rest",
    "run_is_open",
    "sources",
    "stamp_after",
    "told",
]

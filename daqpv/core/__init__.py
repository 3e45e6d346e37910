"""What every part of daqpv shares: devices, snapshots, commands, events, alarms."""

from daqpv.core.alarm import NO_ALARM, UNDEFINED, Alarm, Severity, Status
from daqpv.core.beat import rest
from daqpv.core.clock import AHEAD, STALL, Clocks, both, stamp_after, step_text
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
from daqpv.core.milestones import Milestones
from daqpv.core.pulse import Beat, Pulse
from daqpv.core.pvinfo import PvInfo
from daqpv.core.reading import READ_ELEMENTS, Reading, Readings
from daqpv.core.saved import SavedField, SavedSettings, SettingsPlace
from daqpv.core.site import Site
from daqpv.core.store import Record, Setting, Store, StoreFigures

__all__ = [
    "AHEAD",
    "NO_ALARM",
    "READ_ELEMENTS",
    "STALL",
    "STORM",
    "UNDEFINED",
    "Alarm",
    "Beat",
    "Clocks",
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
    "Milestones",
    "Origin",
    "Pulse",
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
    "both",
    "caller",
    "made_from",
    "origin",
    "rest",
    "run_is_open",
    "sources",
    "stamp_after",
    "step_text",
    "told",
]

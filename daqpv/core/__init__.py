"""The base of all parts of daqpv: devices, snapshots, commands, events, alarms."""

from daqpv.core.alarm import NO_ALARM, UNDEFINED, Alarm, Severity, Status
from daqpv.core.devices.command import Command, Goal
from daqpv.core.devices.commanded import Commanded
from daqpv.core.devices.derived import made_from, sources
from daqpv.core.devices.device import Device
from daqpv.core.devices.durable import Durable
from daqpv.core.devices.failures import PollFailures
from daqpv.core.devices.interlock import Interlock, run_is_open
from daqpv.core.devices.places import Place, Places
from daqpv.core.devices.polled import Polled
from daqpv.core.devices.poller import Poller
from daqpv.core.devices.saved import SavedField, SavedSettings
from daqpv.core.devices.shown import Shown, Surroundings
from daqpv.core.devices.slot import Slot
from daqpv.core.devices.snapshot import (
    CommandSnapshot,
    Condition,
    DeviceSnapshot,
    Result,
    Snapshot,
)
from daqpv.core.devices.tasks import Tasks
from daqpv.core.events.bus import Events, Sink
from daqpv.core.events.event import (
    STORM,
    Event,
    EventSeverity,
    Folding,
    Origin,
    caller,
    origin,
    reported,
)
from daqpv.core.finding import Examination, Finding
from daqpv.core.milestones import Milestones
from daqpv.core.names import Names, last_name, parted
from daqpv.core.pvinfo import PvInfo
from daqpv.core.reading import READ_ELEMENTS, Pvs, Reading, Readings
from daqpv.core.site import DevicePvs, RemoteView, Site
from daqpv.core.store import DeviceState, Remembered, Setting, Store, StoreFigures
from daqpv.core.timing.clock import (
    AHEAD,
    CLOCK,
    STALL,
    Clock,
    Clocks,
    stamp_after,
    step_text,
)
from daqpv.core.timing.pulse import Beat, Pulse
from daqpv.core.timing.schedule import rest
from daqpv.cure import Cure

__all__ = [
    "AHEAD",
    "CLOCK",
    "NO_ALARM",
    "READ_ELEMENTS",
    "STALL",
    "STORM",
    "UNDEFINED",
    "Alarm",
    "Beat",
    "Clock",
    "Clocks",
    "Command",
    "CommandSnapshot",
    "Commanded",
    "Condition",
    "Cure",
    "Device",
    "DevicePvs",
    "DeviceSnapshot",
    "DeviceState",
    "Durable",
    "Event",
    "EventSeverity",
    "Events",
    "Examination",
    "Finding",
    "Folding",
    "Goal",
    "Interlock",
    "Milestones",
    "Names",
    "Origin",
    "Place",
    "Places",
    "PollFailures",
    "Polled",
    "Poller",
    "Pulse",
    "PvInfo",
    "Pvs",
    "Reading",
    "Readings",
    "Remembered",
    "RemoteView",
    "Result",
    "SavedField",
    "SavedSettings",
    "Setting",
    "Severity",
    "Shown",
    "Sink",
    "Site",
    "Slot",
    "Snapshot",
    "Status",
    "Store",
    "StoreFigures",
    "Surroundings",
    "Tasks",
    "caller",
    "last_name",
    "made_from",
    "origin",
    "parted",
    "reported",
    "rest",
    "run_is_open",
    "sources",
    "stamp_after",
    "step_text",
]

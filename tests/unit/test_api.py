"""daqpv.api: what third parties import stays as it is."""

from __future__ import annotations

import ast

from daqpv import api
from tests.support.distribution import GAUGE

NAMES = """
NO_ALARM
UNDEFINED
VERSION
AbortedError
Alarm
Branch
BusyError
Bytes
BytesPerSecond
Clock
Column
CommandError
CommandSnapshot
Commanded
Condition
ConfigError
Conflict
Crew
Cure
DaqError
Declaration
Description
Device
DeviceGroup
DeviceSettings
DeviceSnapshot
Driver
DriverKind
Event
EventSeverity
Events
Fault
Finding
Frame
Group
Hertz
Http
IPv4
Job
Kind
Labelled
LineLink
LinkError
Listener
LocalPath
Matching
Model
Names
NoAnswerError
NotConnectedError
OperationError
Origin
Polled
Poller
Port
Progress
ProtocolError
Pvs
Quantity
Raw
Read
Reading
ReadingsGroup
RecordKind
Ref
RefusedError
RemoteView
Request
Result
ResultCode
SavedField
Schedule
ScheduledTask
Seconds
ServeError
Severity
Shown
Simulated
Site
Snapshot
SqlType
SshTarget
Stage
Status
Table
UnknownOutcomeError
Write
after
ai
ao
bi
bo
button
columns
command
cron
every
held
long
longin
longout
made_from
mbbi
mbbo
number
running
string
strings
waveform
"""


def imported(source: str) -> set[str]:
    """The modules of daqpv that `source` imports."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    named = {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
    return {name for name in plain | named if name.partition(".")[0] == "daqpv"}


def test_a_name_is_only_removed_with_a_new_version() -> None:
    assert api.VERSION == 1
    assert api.__all__ == NAMES.split()
    assert all(hasattr(api, name) for name in api.__all__)


def test_a_kind_in_one_file_needs_no_other_module_of_daqpv() -> None:
    assert imported(GAUGE) == {"daqpv.api"}

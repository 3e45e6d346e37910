"""Alarms: severity, status and message, as EPICS has them."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """EPICS alarm severity (epicsAlarmSeverity of alarm.h)."""

    NO_ALARM = 0
    MINOR = 1
    MAJOR = 2
    INVALID = 3


class Status(IntEnum):
    """EPICS alarm status (epicsAlarmCondition of alarm.h)."""

    NO_ALARM = 0
    READ = 1
    WRITE = 2
    HIHI = 3
    HIGH = 4
    LOLO = 5
    LOW = 6
    STATE = 7
    COS = 8
    COMM = 9
    TIMEOUT = 10
    HWLIMIT = 11
    CALC = 12
    SCAN = 13
    LINK = 14
    SOFT = 15
    BADSUB = 16
    UDF = 17
    DISABLE = 18
    SIMM = 19
    READ_ACCESS = 20
    WRITE_ACCESS = 21


class Alarm(NamedTuple):
    """The judgement on one value: severity, status, and the reason in words (AMSG)."""

    severity: Severity
    status: Status
    reason: str = ""


NO_ALARM = Alarm(Severity.NO_ALARM, Status.NO_ALARM)
UNDEFINED = Alarm(Severity.INVALID, Status.UDF, "not read yet")

"""Snapshots: the values of a device, or other thing with PVs, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from daqpv.core.alarm import NO_ALARM, UNDEFINED, Alarm, Severity, Status
from daqpv.core.labels import Labelled
from daqpv.errors import ResultCode


class Condition(Labelled):
    """The condition of a device: whether and how it answers."""

    OK = 0
    DISABLED = 1
    OFFLINE = 2  # no connection
    HUNG = 3  # it accepts requests and does not answer
    BROKEN = 4  # it answers, and says that it is unusable
    ERROR = 5  # its answers cannot be understood

    @property
    def label(self) -> str:
        """The text of the Condition PV."""
        return "OK" if self is Condition.OK else super().label


class Result(Labelled):
    """How the last command ended."""

    NONE = 0
    BUSY = 1
    DONE = 2
    REFUSED = 3
    FAILED = 4
    ABORTED = 5
    TIMEOUT = 6


_LOST = {
    Condition.OFFLINE: Status.COMM,
    Condition.HUNG: Status.TIMEOUT,
    Condition.ERROR: Status.READ,
}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The values of one thing at one moment; never changed, only replaced.

    Attributes:
        time: of the last observation or change, UTC [s since 1970].
        message: a sentence about the present activity.
    """

    observed: ClassVar[frozenset[str]] = frozenset()
    """Fields that are read from a device: INVALID while it is lost."""

    judging: ClassVar[frozenset[str]] = frozenset()
    """Fields by which the alarms of other fields move."""

    judged: ClassVar[frozenset[str]] = frozenset()
    """Fields with an alarm of their own, by `alarm`: MINOR or MAJOR."""

    time: float = 0.0
    message: str = ""

    @property
    def is_awaited(self) -> bool:
        """Whether the observed fields were not read yet, and will be."""
        return False

    def alarm(self, field: str) -> Alarm:
        """The device's judgement on `field`; limit alarms are the record's."""
        return NO_ALARM

    def severity(self, field: str) -> Severity:
        """The severity of the device's judgement on `field`."""
        return self.alarm(field).severity


@dataclass(frozen=True, kw_only=True)
class CommandSnapshot(Snapshot):
    """The values of something that takes commands, one at a time.

    Attributes:
        busy: whether a command holds the command slot.
        result: how the last command ended; Busy while one runs.
        result_count: commands ended.
        last_error: the last failure with its time and cure; "" when that is over.
        result_code: the kind of that error; NONE when that is over.
        last_by: user@host of the last command.
        errors: failed commands, and losses of a device.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"result"})
    judged: ClassVar[frozenset[str]] = frozenset({"result"})

    busy: bool = False
    result_count: int = 0
    last_error: str = ""
    result_code: ResultCode = ResultCode.NONE
    last_by: str = ""
    errors: int = 0
    result: Result = Result.NONE  # last: written after the fields that explain it

    def alarm(self, field: str) -> Alarm:
        """A command that failed is a MINOR alarm of its result."""
        if field == "result" and self.result in (Result.FAILED, Result.TIMEOUT):
            return Alarm(Severity.MINOR, Status.STATE, self.result.label.lower())
        return NO_ALARM


@dataclass(frozen=True, kw_only=True)
class DeviceSnapshot(CommandSnapshot):
    """The values of a device.

    Attributes:
        known: False until the device was first read, or found lost.
        condition: whether and how the device answers.
        online: whether the device answers.
        enabled: a disabled device is not polled; its values stay as they were.
        last_seen: when the device last answered, UTC text; "" if never.
    """

    observed: ClassVar[frozenset[str]] = frozenset({"online"})
    judging: ClassVar[frozenset[str]] = CommandSnapshot.judging | {
        "condition", "known", "enabled"
    }  # fmt: skip
    judged: ClassVar[frozenset[str]] = CommandSnapshot.judged | {"online", "condition"}

    known: bool = False
    condition: Condition = Condition.OFFLINE
    online: bool = False
    enabled: bool = True
    last_seen: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether the values of the device cannot be had."""
        return self.condition in _LOST

    @property
    def is_awaited(self) -> bool:
        """Whether the device was not read yet, and will be."""
        return self.enabled and not self.known

    def alarm(self, field: str) -> Alarm:
        """The device's judgement on `field`; limit alarms are the record's."""
        if field not in self.observed and field != "condition":
            return super().alarm(field)
        if not self.enabled:
            return Alarm(Severity.NO_ALARM, Status.DISABLE, "disabled")
        if not self.known:
            return UNDEFINED
        return self._lost_alarm(field)

    def _lost_alarm(self, field: str) -> Alarm:
        """One fault, one MAJOR: Online's if nothing answers, else Condition's."""
        if not self.is_lost:
            return NO_ALARM
        primary = "condition" if self.condition is Condition.ERROR else "online"
        if field in ("online", "condition") and field != primary:
            return NO_ALARM
        severity = Severity.MAJOR if field == primary else Severity.INVALID
        return Alarm(severity, _LOST[self.condition], self.condition.label.lower())

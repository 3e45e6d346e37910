"""Devices: commands go in, snapshots come out."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, Generic, TypeVar

from daqpv.core.alarm import NO_ALARM, UNDEFINED, Alarm, Severity, Status
from daqpv.core.devices.command import Command, Goal
from daqpv.core.events.bus import Events
from daqpv.core.events.event import (
    STORM,
    Event,
    EventSeverity,
    Folding,
    Origin,
    caller,
    origin,
    told,
)
from daqpv.core.timing.clock import stamp_after
from daqpv.core.timing.utc import utc_text
from daqpv.errors import (
    AbortedError,
    BusyError,
    DaqError,
    RefusedError,
    ResultCode,
    UnknownOutcomeError,
)

_log = logging.getLogger(__name__)

_READ_WITHIN = 60.0  # [s] so long a failure stays for who has made it

_SEEN_PERIOD = 10.0  # [s] least distance of two changes of `last_seen`


class Condition(IntEnum):
    """How a device is."""

    OK = 0
    DISABLED = 1
    OFFLINE = 2  # nobody answers there
    HUNG = 3  # it takes the question and never answers
    BROKEN = 4  # it answers, and says that it is unusable
    ERROR = 5  # it answers something that nobody understands

    @property
    def label(self) -> str:
        """The text of the Condition PV."""
        return "OK" if self is Condition.OK else self.name.capitalize()


class Result(IntEnum):
    """How the last command ended."""

    NONE = 0
    BUSY = 1
    DONE = 2
    REFUSED = 3
    FAILED = 4
    ABORTED = 5
    TIMEOUT = 6

    @property
    def label(self) -> str:
        """The text of the Result PV."""
        return self.name.capitalize()


_LOST = {
    Condition.OFFLINE: Status.COMM,
    Condition.HUNG: Status.TIMEOUT,
    Condition.ERROR: Status.READ,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that is known of a device at one moment; never changed, only replaced.

    Attributes:
        time: of the last observation or change, UTC [s since 1970].
        known: False until the device was first read, or found lost.
        busy: whether a command holds the device's command slot.
        condition: how the device is.
        online: whether the device answers.
        enabled: a disabled device is left alone; its values stay as they were.
        message: what happens, in a sentence.
        result: how the last command ended; Busy while one runs.
        result_count: commands ended.
        last_error: the last failure with its time and cure; "" when that is over.
        result_code: the kind of that error; NONE when that is over.
        last_by: user@host of the last command.
        last_seen: when the device last answered, UTC text; "" if never.
        errors: failed commands, and losses of the device.
    """

    observed: ClassVar[frozenset[str]] = frozenset({"online"})
    """Fields that are read from the device: INVALID while it is lost."""

    judging: ClassVar[frozenset[str]] = frozenset(
        {"condition", "known", "enabled", "result"}
    )
    """Fields by which the alarms of other fields move."""

    judged: ClassVar[frozenset[str]] = frozenset({"online", "condition", "result"})
    """Fields with an alarm of their own, by `alarm`: MINOR or MAJOR."""

    time: float = 0.0
    known: bool = False
    busy: bool = False
    condition: Condition = Condition.OFFLINE
    online: bool = False
    enabled: bool = True
    message: str = ""
    result_count: int = 0
    last_error: str = ""
    result_code: ResultCode = ResultCode.NONE
    last_by: str = ""
    last_seen: str = ""
    errors: int = 0
    result: Result = Result.NONE  # last: written after what explains it

    @property
    def is_lost(self) -> bool:
        """Whether the values of the device cannot be had."""
        return self.condition in _LOST

    def alarm(self, field: str) -> Alarm:
        """The device's judgement on `field`; limit alarms are the record's."""
        if field == "result":
            if self.result not in (Result.FAILED, Result.TIMEOUT):
                return NO_ALARM
            return Alarm(Severity.MINOR, Status.STATE, self.result.label.lower())
        if field not in self.observed and field != "condition":
            return NO_ALARM
        if not self.enabled:
            return Alarm(Severity.NO_ALARM, Status.DISABLE, "disabled")
        if not self.known:
            return UNDEFINED
        return self._lost_alarm(field)

    def _lost_alarm(self, field: str) -> Alarm:
        """One fault, one MAJOR: Online's if nothing answers, else Condition's."""
        if not self.is_lost:
            return NO_ALARM
        bearer = "condition" if self.condition is Condition.ERROR else "online"
        if field == "online" and field != bearer:
            return NO_ALARM
        if field == "condition" and field != bearer:
            return NO_ALARM
        severity = Severity.MAJOR if field == bearer else Severity.INVALID
        return Alarm(severity, _LOST[self.condition], self.condition.label.lower())

    def severity(self, field: str) -> Severity:
        """The severity of the device's judgement on `field`."""
        return self.alarm(field).severity


@dataclass(slots=True)
class _Failure:
    """What `last_error` tells of.

    Attributes:
        by: who met it; None if nobody did.
        at: when, monotonic [s].
        pv: the PV that was put to; "" if not known.
    """

    by: Origin | None
    at: float
    pv: str = ""

    def is_over(self, began: float, by: Origin | None) -> bool:
        """Whether what `by` began at `began`, and has done well, puts an end to it.

        What somebody else does well meanwhile leaves time to read it.
        """
        is_theirs = self.by is None or self.by == by
        is_read = time.monotonic() - self.at > _READ_WITHIN
        return began >= self.at and (is_theirs or is_read)


S = TypeVar("S", bound=Snapshot)
Show = Callable[[S, Collection[str]], None]


class Device(Generic[S]):
    """Anything with PVs of its own: its commands, and its present snapshot.

    Attributes:
        name: unique among the devices of its kind.
        prefix: of its PVs, for its events, and for the sentences that tell operators
            what to type.
        snapshot: what is known now.
    """

    def __init__(
        self, name: str, snapshot: S, *, events: Events, prefix: str = ""
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.snapshot = snapshot if snapshot.time else replace(
            snapshot, time=time.time()
        )  # fmt: skip
        self.running: Command | None = None
        self._events = events
        self._watchers: list[Show[S]] = []
        self._seen = -_SEEN_PERIOD
        self._last_failure: _Failure | None = None

    def watch(self, show: Show[S]) -> None:
        """Call `show(snapshot, fields)` now with all fields, and then per change.

        An observation that changed nothing calls it with no fields: only the time
        of the snapshot has moved. A watcher that raises is logged and dropped.
        """
        self._watchers.append(show)
        self._show(show, tuple(self.snapshot.__dataclass_fields__))

    def change(self, snapshot: S, *, at: float | None = None) -> None:
        """Replace the snapshot, and show the new one to all watchers.

        ::

            self.change(replace(self.snapshot, speed=3.0))

        Fields that are equal drop out. If none is left, nothing happens, unless `at`
        says that the device was observed: then the snapshot's time moves.

        Time stamps rise, and are never more than a second ahead of our clock, whatever
        `at` says: it may come from another computer, whose clock is wrong.

        Args:
            snapshot: the new one; its time does not count.
            at: when the device was observed, UTC [s since 1970]. Default: now; so it is
                if `at` is before the last stamp, or far ahead.
        """
        old = self.snapshot
        fields = _changed(old, snapshot)
        if not fields and at is None:
            return
        self.snapshot = replace(old, time=stamp_after(old.time, at), **fields)
        for show in tuple(self._watchers):
            self._show(show, fields.keys())

    def _show(self, show: Show[S], fields: Collection[str]) -> None:
        if show not in self._watchers:  # dropped by a change made by a watcher
            return
        try:
            show(self.snapshot, fields)
        except Exception:  # a watcher is a plugin: it goes alone
            _log.exception("%s: a watcher failed and is dropped", self.name)
            with suppress(ValueError):
                self._watchers.remove(show)

    @contextmanager
    def command(self, what: str, *, goal: Goal | None = None) -> Iterator[Command]:
        """Hold the device's one command slot; write its result, message and event.

        Args:
            what: what the command does, in the imperative: "go to Ready".
            goal: what it is after, for those who may join it.

        Raises:
            BusyError: another command holds the slot.
        """
        command = Command(what, goal=goal)
        try:
            self._take(command)
            try:
                yield command
            finally:
                self.running = None
        except BaseException as error:
            self._ended(command, error)
            raise
        self._ended(command, None)

    async def join_or_make_way(
        self, what: str, goal: Goal, *, is_there: Callable[[], bool]
    ) -> bool:
        """Join a running command that leads to `goal`, or end it if that is lower.

        To be asked before `command`, by commands that have a goal.

        Args:
            what: what the wished command does; the same one is joined.
            goal: what it is after.
            is_there: whether the device is where an exact goal ends.

        Returns:
            True if a command was joined and has reached its end.

        Raises:
            DaqError: the command that was joined has ended so; refused only if it
                was the same.
        """
        while (running := self.running) is not None:
            if running.is_aborted:
                await running.ended()
            elif running.what == what or goal.is_met_by(running.goal):
                try:
                    await running.join()
                except RefusedError:
                    if running.what == what:
                        raise
                    continue  # that one could not be begun: this may be another matter
                if not goal.exact or is_there():
                    return True
            elif goal.overtakes(running.goal):
                running.abort()
                await running.ended()
            else:
                return False  # the command slot refuses it, and says why
        return False

    def _take(self, command: Command) -> None:
        if self.running is not None:
            raise BusyError(f"{self.name} is busy: {self.busy_with(self.running)}")
        self.running = command
        self.change(
            replace(
                self.snapshot,
                last_by=str(command.by or ""),
                message=f"{_capital(command.what)} ...",
                busy=True,
                result=Result.BUSY,
            )
        )

    def busy_with(self, running: Command) -> str:
        """Hook: what a command that is refused is told of the running one."""
        return f"{running.what} since {running.elapsed:.1f} s. Wait until it has ended."

    def _ended(self, command: Command, error: BaseException | None) -> None:
        """Write down how `command` ended: first why, then the result.

        What was refused while another command runs shows for that moment only: whoever
        waits for the end of the other one must not take this for it.
        """
        result, severity = _judge(error)
        told = command.end(error)
        if told is None:
            text = f"{_capital(command.what)}: done in {command.elapsed:.1f} s"
            is_over = self._is_over(time.monotonic() - command.elapsed, command.by)
            last_error = "" if is_over else self.snapshot.last_error
            code = ResultCode.NONE if is_over else self.snapshot.result_code
        else:
            text = str(told)
            last_error = f"{utc_text(time.time())} {text}"
            code = ResultCode.of(told)
            self._last_failure = _Failure(command.by, time.monotonic())
        self.change(
            replace(
                self.snapshot,
                last_by=str(command.by or ""),
                message=text,
                last_error=last_error,
                result_code=code,
                errors=self.snapshot.errors + (severity is EventSeverity.ERROR),
                result_count=self.snapshot.result_count + 1,
                busy=self.running is not None,
                result=result,
            )
        )
        self.emit(
            "command",
            text,
            severity=severity,
            command=command.what,
            result=result.label,
            duration=round(command.elapsed, 3),
        )
        if self.running is not None:  # this was refused beside it
            self.change(replace(self.snapshot, result=Result.BUSY))

    def _is_over(self, began: float, by: Origin | None) -> bool:
        return self._last_failure is None or self._last_failure.is_over(began, by)

    def put_ended(self, pv: str, began: float, error: Exception | None) -> None:
        """A put to `pv` has ended; a good one ends the failure of one before it.

        An error that no command of the device has met, a bug, becomes its failure.

        Args:
            pv: the PV's name.
            began: when the put arrived, monotonic [s].
            error: why it failed; None if it did not.
        """
        failure = self._last_failure
        is_new = failure is None or failure.at < began
        if is_new and error is not None and not isinstance(error, DaqError):
            self._ended(Command(f"put to {pv}"), error)
        elif failure is None:
            return
        elif error is not None:
            if failure.at >= began and failure.by == origin.get():
                failure.pv = pv
        elif failure.pv == pv and failure.is_over(began, origin.get()):
            self.change(
                replace(self.snapshot, last_error="", result_code=ResultCode.NONE)
            )

    def failed(self, name: str, text: str) -> None:
        """Say a failure for which no command is waiting any more."""
        self._last_failure = _Failure(None, time.monotonic())
        self.change(
            replace(
                self.snapshot,
                message=text,
                last_error=f"{utc_text(time.time())} {text}",
                result_code=ResultCode.FAILED,
                errors=self.snapshot.errors + 1,
            )
        )
        self.emit(name, text, severity=EventSeverity.ERROR)

    def refuse(self, what: str, error: RefusedError) -> None:
        """Write down that `what` was refused before it could become a command."""
        self._ended(Command(what), error)

    async def enable(self, enabled: bool) -> None:
        """Follow and command the device, or leave it alone.

        Raises:
            BusyError: a command runs.
        """
        with self.command("enable" if enabled else "disable"):
            if enabled == self.snapshot.enabled:
                return
            if enabled:  # not known until it has answered
                self.change(
                    replace(
                        self.snapshot,
                        enabled=True,
                        known=False,
                        condition=Condition.OFFLINE,
                    )
                )
            else:
                self.change(
                    replace(self.snapshot, enabled=False, condition=Condition.DISABLED)
                )
            self.enabled_changed()

    def enabled_changed(self) -> None:
        """Hook: the device was just enabled or disabled."""

    def seen(self) -> str:
        """`last_seen`, because the device answered now."""
        now = time.monotonic()
        if now - self._seen < _SEEN_PERIOD:
            return self.snapshot.last_seen
        self._seen = now
        return utc_text(time.time())

    def emit(
        self,
        name: str,
        text: str,
        *,
        severity: EventSeverity = EventSeverity.INFORMATION,
        by: Origin | None = None,
        folding: Folding = STORM,
        **facts: object,
    ) -> None:
        """Emit an event of this device, on behalf of `by`, else whom we act for."""
        names = told.get()
        if names is not None:
            names.add(name)
        event = Event(
            time=time.time(),
            severity=severity,
            name=name,
            text=text,
            device=self.prefix or self.name,
            fields=facts,
            origin=by or origin.get(),
            function=caller(),
        )
        self._events.emit(event, folding)

    async def run(self) -> None:
        """Follow the device until cancelled."""
        raise NotImplementedError


def _judge(error: BaseException | None) -> tuple[Result, EventSeverity]:
    match error:
        case None:
            return Result.DONE, EventSeverity.INFORMATION
        case RefusedError():
            return Result.REFUSED, EventSeverity.WARNING
        case UnknownOutcomeError():
            return Result.TIMEOUT, EventSeverity.ERROR
        case AbortedError():
            return Result.ABORTED, EventSeverity.WARNING
        case Exception() | SystemExit():
            return Result.FAILED, EventSeverity.ERROR
        case _:  # cancelled: the process ends
            return Result.ABORTED, EventSeverity.WARNING


def _changed(old: Snapshot, new: Snapshot) -> dict[str, Any]:
    """The fields of `new` that differ from those of `old`, but for the time."""
    fields = {}
    for name in old.__dataclass_fields__:
        before, now = getattr(old, name), getattr(new, name)
        if before is not now and name != "time" and not _same(before, now):
            fields[name] = now
    return fields


def _same(old: object, new: object) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has arrays has loaded it: it is slow
    if numpy and (isinstance(old, numpy.ndarray) or isinstance(new, numpy.ndarray)):
        return _same_array(old, new)
    if isinstance(old, float) and isinstance(new, float) and math.isnan(new):
        return math.isnan(old)
    return bool(old == new)


def _same_array(old: object, new: object) -> bool:
    import numpy as np  # noqa: PLC0415 - loaded already, see above

    if not (isinstance(old, np.ndarray) and isinstance(new, np.ndarray)):
        return False
    numbers = old.dtype.kind in "fc" and new.dtype.kind in "fc"
    return old.dtype == new.dtype and np.array_equal(old, new, equal_nan=numbers)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Alarms of a record: limits, dead bands, acknowledgement."""

from __future__ import annotations

from typing import Any, Protocol

from daqpv.core import NO_ALARM, UNDEFINED, Alarm, Severity, Status
from daqpv.serve.pv.masks import DBE_LOG, DBE_VALUE
from daqpv.serve.pv.source import Source
from daqpv.serve.values.forms import Form, Real
from daqpv.serve.values.limits import Judge, beyond, judge_for
from daqpv.serve.values.meta import Meta

_NO_NUMBER = "no number"  # the reason of a NaN's alarm


class AlarmLog(Protocol):
    """Receives alarm changes of channels."""

    def alarm(self, source: Alarmed, old: Alarm, new: Alarm, *, is_limit: bool) -> None:
        """The severity has changed; `is_limit`: by a limit or a state of the record."""

    def cut(self, source: Alarmed, text: str) -> None:
        """A text is longer than its PV can hold."""


class Alarmed(Source):
    """A source with alarm limits, dead bands, and an alarm that is acknowledged.

    Attributes:
        undefined: whether no value has been posted yet (UDF).
        ackt: whether alarms that have ended must be acknowledged.
        acks: the severity that waits for acknowledgement.
        is_primary_alarm: whether it carries an alarm of its device; other PVs report
            only the alarms of their own limits and states.
        alarm_log: receives changes of severity.
    """

    __slots__ = (
        *("_by_limit", "_given", "_has_band", "_judge", "_last_logged"),
        *("_last_posted", "_nan", "_reported", "acks", "ackt", "alarm_log"),
        *("is_primary_alarm", "undefined"),
    )

    def __init__(self, name: str, form: Form, meta: Meta, *, time: float) -> None:
        super().__init__(name, form, meta, form.blank, UNDEFINED, time)
        self.undefined: bool = True
        self.ackt: bool = True
        self.acks: Severity = Severity.NO_ALARM
        self.is_primary_alarm = True
        self.alarm_log: AlarmLog | None = None
        self._last_posted: Any = None
        self._last_logged: Any = None
        self._has_band = False
        self._begin_bands(meta)
        self._reported = NO_ALARM
        self._by_limit = False
        self._given = UNDEFINED
        self._judge: Judge | None = None
        self._nan: Alarm | None = None
        self._judge_by(meta)

    @property
    def limits_reported(self) -> bool:
        """Whether alarms by limits are reported to operators."""
        return True

    def _judge_by(self, meta: Meta) -> None:
        """Apply the limits and states of `meta` to values from now on."""
        self._judge = judge_for(meta)
        is_real = isinstance(self.form, Real) and meta.udfs > Severity.NO_ALARM
        self._nan = Alarm(meta.udfs, Status.UDF, _NO_NUMBER) if is_real else None

    def _judgement(self) -> Alarm:
        """The worst alarm of the present value, by limits and device."""
        alarm, value = self._given, self.value
        if self.undefined:
            return alarm
        own = NO_ALARM if self._judge is None else self._judge.alarm(value)
        if self._nan is not None and value != value:  # noqa: PLR0124, the fastest test
            own = self._nan
        return own if own[0] > alarm[0] else alarm  # by severity

    def _set_alarm(self, alarm: Alarm) -> None:
        self.alarm = alarm
        if alarm.severity >= self.acks or not self.ackt:
            self.acks = alarm.severity
        if self.alarm_log is not None:
            self._report(alarm, self.alarm_log)

    def _report(self, alarm: Alarm, log: AlarmLog) -> None:
        is_limit = alarm is not self._given and alarm is not self._nan
        if alarm.severity is Severity.INVALID and not is_limit:
            return  # nothing is known: another PV carries it, or there is nothing yet
        new = alarm if is_limit or self.is_primary_alarm else NO_ALARM
        old, self._reported = self._reported, new
        if new.severity:
            self._by_limit = is_limit
        if new.severity != old.severity:
            log.alarm(self, old, new, is_limit=self._by_limit)

    def _moved(self, value: Any) -> int:
        """Return which monitors get the value, by dead band (recGblCheckDeadband)."""
        meta = self.meta
        if not self._has_band:
            if (
                not self.undefined
                and self.form.same(self.value, value)
                and self.form.nelm == 1  # arrays: each is an event (MPST Always)
            ):
                return 0
            return DBE_VALUE | DBE_LOG
        mask = 0
        if self.undefined or beyond(self._last_posted, value, meta.mdel):
            self._last_posted = value
            mask = DBE_VALUE
        if self.undefined or beyond(self._last_logged, value, meta.adel):
            self._last_logged = value
            mask |= DBE_LOG
        return mask

    def _begin_bands(self, meta: Meta) -> None:
        """Apply the dead bands of `meta`; new ones are around the present value."""
        if not self._has_band:
            self._last_posted = self._last_logged = self.value
        self._has_band = bool(meta.mdel or meta.adel)

    # -- acknowledgement ---------------------------------------------------------------

    def acknowledge(self, severity: int) -> None:
        """Acknowledge the alarm up to `severity` (DBR_PUT_ACKS)."""
        if severity >= self.acks:
            self.acks = Severity.NO_ALARM
        self._send_alarm()

    def acknowledge_transient(self, *, required: bool) -> None:
        """Set whether alarms that have ended must be acknowledged (DBR_PUT_ACKT)."""
        self.ackt = required
        if not required:
            self.acks = min(self.acks, self.alarm.severity)
        self._send_alarm()

    def acknowledgement(self) -> tuple[int, int]:
        """Return ACKT and ACKS (the severity that waits for acknowledgement)."""
        return int(self.ackt), int(self.acks)

    def _send_alarm(self) -> None:
        """Send the alarm to all followers."""
        raise NotImplementedError

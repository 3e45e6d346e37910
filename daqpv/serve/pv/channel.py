"""One PV: its value, the judgement on it, and what a put does."""

from __future__ import annotations

import time as clock
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from daqpv.core import (
    AHEAD,
    NO_ALARM,
    UNDEFINED,
    Alarm,
    PvInfo,
    Severity,
    Status,
    stamp_after,
)
from daqpv.errors import RefusedError
from daqpv.serve.ca.protocol import (
    DBE_ALARM,
    DBE_LOG,
    DBE_PROPERTY,
    DBE_VALUE,
    EPICS_EPOCH,
    PUT_ACKT,
    READ_ACCESS,
)
from daqpv.serve.ca.wire import ALL_ACCESS, Source
from daqpv.serve.values.arrays import LongText
from daqpv.serve.values.forms import Form, Real
from daqpv.serve.values.limits import Judge, beyond, judge_for
from daqpv.serve.values.meta import Meta

if TYPE_CHECKING:
    from daqpv.core import Origin
    from daqpv.serve.putlog import Teller
    from daqpv.serve.pv.fields import Field

_UDF = Status.UDF
_NO_NUMBER = "no number"  # the reason of a NaN's alarm
_END = EPICS_EPOCH + 2**32 - 1  # [s since 1970] no later stamp can be sent


class Channel(Source):
    """One PV of a group, as caproto's PVGroup.pvdb holds them.

    Attributes:
        pvname: the whole PV name.
        pvspec: how it was declared.
        group: the group that it belongs to.
        put_disabled: the record's DISP: puts are refused.
        undefined: whether there was no value yet (UDF).
        is_primary_alarm: whether it carries an alarm of its device; of others only
            what their own limits and states say is told.
        teller: who tells when its severity moves.
    """

    momentary = False
    """Whether it is a command that reads 1 while it acts, else 0."""

    __slots__ = (
        "__weakref__",
        "_by_limit",
        "_fields",
        "_given",
        "_judge",
        "_last_logged",
        "_last_posted",
        "_nan",
        "_told",
        "acks",
        "ackt",
        "group",
        "is_primary_alarm",
        "put_disabled",
        "pvspec",
        "teller",
        "undefined",
    )

    def __init__(self, name: str, form: Form, meta: Meta, *, group: Any = None) -> None:
        super().__init__(name, form, meta, form.blank, UNDEFINED, clock.time())
        self.group = group
        self.pvspec: Any = None
        self.put_disabled: bool = False
        self.undefined: bool = True
        self.ackt: bool = True
        self.acks: Severity = Severity.NO_ALARM
        self.is_primary_alarm = True
        self.teller: Teller | None = None
        self._told = NO_ALARM
        self._by_limit = False
        self._given = UNDEFINED
        self._judge: Judge | None = None
        self._nan: Alarm | None = None
        self._judge_by(meta)
        self._last_posted = self._last_logged = form.blank
        self._fields: dict[str, Field] | None = None

    @property
    def pvname(self) -> str:
        """The whole PV name."""
        return self.name

    @property
    def record(self) -> str:
        """The record type."""
        return "caproto"

    @property
    def prefix(self) -> str:
        """Of the PVs of its group."""
        return str(getattr(self.group, "prefix", ""))

    def info(self) -> PvInfo:
        """The PV's row in the table of PVs."""
        return PvInfo(
            name=self.name,
            device="",
            record=self.record,
            writable=self.writable,
            choices=self.meta.labels,
            units=self.meta.units,
            doc=self.meta.desc,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} = {self.value!r}>"

    # -- what the IOC says -------------------------------------------------------------

    def post(
        self, value: Any, *, alarm: Alarm = NO_ALARM, time: float | None = None
    ) -> None:
        """Keep `value`, and tell clients at the end of the loop turn if it moved.

        Monitors for values hear of a change beyond MDEL, those for the archive of one
        beyond ADEL, those for alarms of another severity, status or reason.

        Args:
            value: the new value.
            alarm: the device's judgement; the record's own limits count if worse.
            time: UTC [s since 1970]; default now, and so is one that cannot be sent.

        Raises:
            ValueError, TypeError: `value` is none for this PV.
        """
        value = self.form.coerce(value)
        outbox = self.outbox
        if outbox is not None and self in outbox.dirty:
            outbox.drain()
        self._given = given = alarm
        if self._judge is not None:
            own = self._judge.alarm(value)
            if own is not NO_ALARM and own[0] > alarm[0]:
                alarm = own
        if self._nan is not None and value != value and alarm[0] < self._nan[0]:  # noqa: PLR0124
            alarm = self._nan
        mask = self._moved(value)
        self.value = value
        if time is None or not time < _END:  # nor is NaN
            time = clock.time()
        self.time = time if time > self.time else stamp_after(self.time, time)
        self.undefined = given[1] == _UDF
        if alarm is not self.alarm and alarm != self.alarm:
            mask |= DBE_ALARM
            self._set_alarm(alarm)
        for wire in self.wires:
            wire.body = None
        if outbox is not None and mask:
            outbox.mark(self, mask)
        if self._fields is not None:
            self._refresh_fields()

    def stamp(self, time: float, alarm: Alarm | None = None) -> None:
        """The value was seen again: gets carry `time`; monitors hear nothing.

        Args:
            time: UTC [s since 1970].
            alarm: the device's judgement now, if it may have moved: monitors for
                alarms do hear of that.
        """
        if alarm is not None and alarm != self._given:
            self.rejudge(alarm, time)
            return
        if self.outbox is not None and self.outbox.due(self):
            self.outbox.drain()
        if self.time < time < _END:
            self.time = time
        elif time < self.time - AHEAD:  # a clock was set back
            self.time = stamp_after(self.time)
        self.stale()

    def holds(self, value: Any) -> bool:
        """Whether a post of `value` would leave the value as it is."""
        same = self.form.same
        return not self.undefined and bool(same(self.value, self.form.coerce(value)))

    def rejudge(self, alarm: Alarm, time: float | None = None) -> None:
        """The device judges the same value otherwise: monitors for alarms hear it."""
        if alarm == self._given:
            return
        self._given = alarm
        self.undefined = self.undefined or alarm[1] == _UDF
        self._send(self._judgement(), 0, time)

    def repost(self) -> None:
        """Send the value once more as a change of value, with a new stamp.

        Displays that show what their user asked for snap back to what is.
        """
        self._send(self.alarm, DBE_VALUE, None)

    def _send(self, alarm: Alarm, mask: int, time: float | None) -> None:
        outbox = self.outbox
        if outbox is not None and outbox.due(self):
            outbox.drain()
        if time is None or not time < _END:  # nor is NaN
            time = clock.time()
        self.time = time if time > self.time else stamp_after(self.time, time)
        if alarm != self.alarm:
            mask |= DBE_ALARM
            self._set_alarm(alarm)
        self.stale()
        if outbox is not None and mask:
            outbox.mark(self, mask)
        if self._fields is not None:
            self._refresh_fields()

    async def write(self, value: Any, **metadata: Any) -> None:
        """Post `value`, for groups in caproto's own style.

        Args:
            value: the new value.
            metadata: `timestamp` (UTC [s since 1970]), `status`, `severity`.
        """
        status = Status(int(metadata.get("status", self._given.status)))
        severity = Severity(int(metadata.get("severity", self._given.severity)))
        if self.undefined and not metadata.keys() & {"status", "severity"}:
            status, severity = Status.NO_ALARM, Severity.NO_ALARM
        stamp = metadata.get("timestamp")
        alarm = Alarm(severity, status)
        self.post(value, alarm=alarm, time=None if stamp is None else float(stamp))

    # -- judgement ---------------------------------------------------------------------

    def _moved(self, value: Any) -> int:
        """Who is told of the value, by dead band (recGblCheckDeadband)."""
        meta = self._meta
        if not (meta.mdel or meta.adel):
            if (
                not self.undefined
                and self.form.same(self.value, value)
                and self.form.nelm == 1  # arrays: each is an event (MPST Always)
            ):
                return 0
            self._last_posted = self._last_logged = value
            return DBE_VALUE | DBE_LOG
        mask = 0
        if self.undefined or beyond(self._last_posted, value, meta.mdel):
            self._last_posted = value
            mask = DBE_VALUE
        if self.undefined or beyond(self._last_logged, value, meta.adel):
            self._last_logged = value
            mask |= DBE_LOG
        return mask

    def _judgement(self) -> Alarm:
        """The worst alarm of the present value, as `post` finds it."""
        alarm, value = self._given, self.value
        if self.undefined:
            return alarm
        own = NO_ALARM if self._judge is None else self._judge.alarm(value)
        if self._nan is not None and value != value:  # noqa: PLR0124, the fastest test
            own = self._nan
        return own if own[0] > alarm[0] else alarm  # by severity

    def _judge_by(self, meta: Meta) -> None:
        """Hold values against the limits and states of `meta` from now on."""
        self._judge = judge_for(meta)
        is_real = isinstance(self.form, Real) and meta.udfs > Severity.NO_ALARM
        self._nan = Alarm(meta.udfs, _UDF, _NO_NUMBER) if is_real else None

    def _set_alarm(self, alarm: Alarm) -> None:
        self.alarm = alarm
        if alarm.severity >= self.acks or not self.ackt:
            self.acks = alarm.severity
        if self.teller is not None:
            self._tell(alarm, self.teller)

    def _tell(self, alarm: Alarm, teller: Teller) -> None:
        is_limit = alarm is not self._given and alarm is not self._nan
        if alarm.severity is Severity.INVALID and not is_limit:
            return  # nothing is known: another PV carries it, or there is nothing yet
        new = alarm if is_limit or self.is_primary_alarm else NO_ALARM
        old, self._told = self._told, new
        if new.severity:
            self._by_limit = is_limit
        if new.severity != old.severity:
            teller.alarm(self, old, new, is_limit=self._by_limit)

    def change_meta(self, meta: Meta, mask: int = DBE_PROPERTY) -> None:
        """Another description, limit or dead band from now on.

        An alarm limit acts on the present value at once.
        """
        if self.outbox is not None and self.outbox.due(self):
            self.outbox.drain()
        self._meta = meta
        self._judge_by(meta)
        self.stale()
        alarm = self._judgement()
        if alarm != self.alarm:
            mask |= DBE_ALARM
            self._set_alarm(alarm)
            self.time = stamp_after(self.time)
        if self.outbox is not None and mask:
            self.outbox.mark(self, mask)
        if self._fields is not None:
            self._refresh_fields()

    # -- what clients do ---------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether clients may put."""
        return True

    def rights(self, user: str, host: str) -> int:
        """Reading for everybody; writing if the PV is made for it."""
        return ALL_ACCESS if self.writable else READ_ACCESS

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put: here the value is simply kept and posted."""
        self.check_enabled()
        self.post(value)
        return None

    def check_enabled(self) -> None:
        """Hold a put against DISP.

        Raises:
            RefusedError: puts are disabled.
        """
        if self.put_disabled:
            raise RefusedError(
                f"puts to {self.name} are disabled. caput {self.name}.DISP 0"
            )

    def refused(self, error: RefusedError, by: Origin) -> None:
        """Tell the group that a put was refused before it saw it."""
        refused = getattr(self.group, "refused", None)
        if refused is not None:
            refused(self, error)

    def put_ended(self, began: float, error: Exception | None) -> None:
        """Tell the group how a put has ended."""
        ended = getattr(self.group, "put_ended", None)
        if ended is not None:
            ended(self, began, error)

    def acknowledge(self, dbr: int, value: int) -> None:
        """A client acknowledges the alarm, or says if transient ones need that."""
        if dbr == PUT_ACKT:
            self.ackt = bool(value)
            if not self.ackt:
                self.acks = min(self.acks, self.alarm.severity)
        elif value >= self.acks:
            self.acks = Severity.NO_ALARM
        self._send(self.alarm, DBE_ALARM, self.time)

    def stsack(self) -> tuple[int, int]:
        """Whether transient alarms must be acknowledged; the severity that waits."""
        return int(self.ackt), int(self.acks)

    # -- fields ------------------------------------------------------------------------

    def find_field(self, name: str) -> Source | None:
        """The record's field `name`, made when first asked for; None: has none."""
        if name == "VAL" or (name == "VAL$" and isinstance(self.form, LongText)):
            return self
        if self._fields is not None and name in self._fields:
            return self._fields[name]
        from daqpv.serve.pv.fields import make_field  # noqa: PLC0415, fields know channels

        field = make_field(self, name)
        if field is not None:
            self._fields = {**(self._fields or {}), name: field}
        return field

    def _refresh_fields(self) -> None:
        for field in (self._fields or {}).values():
            if field.outbox is not None:
                field.follow()

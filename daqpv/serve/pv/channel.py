"""One PV: its value, its alarm, and the effect of a put."""

from __future__ import annotations

import time as clock
from collections.abc import Coroutine
from typing import Any, Protocol

from daqpv.core import (
    AHEAD,
    NO_ALARM,
    Alarm,
    Origin,
    PvInfo,
    Severity,
    Status,
    stamp_after,
)
from daqpv.cure import Cure
from daqpv.errors import RefusedError
from daqpv.serve.pv.alarmed import Alarmed
from daqpv.serve.pv.masks import (
    ALL_ACCESS,
    DBE_ALARM,
    DBE_PROPERTY,
    DBE_VALUE,
    READ_ACCESS,
)
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import LongText
from daqpv.serve.values.elements import LAST_TIME
from daqpv.serve.values.forms import Form
from daqpv.serve.values.meta import Meta

_UDF = Status.UDF


class Fields(Protocol):
    """The fields of a record, created on demand."""

    def find(self, name: str) -> Source | None:
        """The field `name`; None: the record has none."""

    def refresh(self) -> None:
        """The record has changed: send the fields that are followed."""


class Channel(Alarmed):
    """One PV of a group, as caproto's PVGroup.pvdb holds them.

    Attributes:
        pvname: the full PV name.
        pvspec: how it was declared.
        group: the group that it belongs to.
        put_disabled: the record's DISP: puts are refused.
        writable: whether clients may put.
        fields: its other fields; None: no client has asked for one.
    """

    __slots__ = (
        *("__weakref__", "fields", "group", "put_disabled", "pvspec", "writable"),
    )

    def __init__(
        self,
        name: str,
        form: Form,
        meta: Meta,
        *,
        group: Any = None,
        writable: bool = True,
    ) -> None:
        super().__init__(name, form, meta, time=clock.time())
        self.group = group
        self.pvspec: Any = None
        self.writable = writable
        self.put_disabled: bool = False
        self.fields: Fields | None = None

    @property
    def pvname(self) -> str:
        """The full PV name."""
        return self.name

    @property
    def record(self) -> str:
        """The record type."""
        return "caproto"

    @property
    def prefix(self) -> str:
        """Of the PVs of its group."""
        return str(getattr(self.group, "prefix", ""))

    @property
    def limits_reported(self) -> bool:
        """Whether alarms by limits are reported to operators, as its group declares."""
        return bool(getattr(self.group, "limits_reported", True))

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

    # -- from the IOC ------------------------------------------------------------------

    def post(
        self, value: Any, *, alarm: Alarm = NO_ALARM, time: float | None = None
    ) -> None:
        """Store `value`, and send it at the end of the loop turn if it changed.

        Value monitors receive a change beyond MDEL, archive monitors one beyond ADEL,
        alarm monitors a change of severity, status or reason.

        Args:
            value: the new value.
            alarm: of the device; the alarm of the record's own limits applies if worse.
            time: UTC [s since 1970]; default: now, also if it is outside the CA range.

        Raises:
            ValueError, TypeError: `value` is not valid for this PV.
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
        # without followers only dead bands need to know how far it has moved
        mask = self._moved(value) if outbox is not None or self._has_band else 0
        self.value = value
        if time is None or not time < LAST_TIME:  # also NaN
            time = clock.time()
        self.time = time if time > self.time else stamp_after(self.time, time)
        self.undefined = given[1] == _UDF
        if alarm is not self.alarm and alarm != self.alarm:
            mask |= DBE_ALARM
            self._set_alarm(alarm)
        for packed in self.packed:
            packed.body = None
        if outbox is not None and mask:
            outbox.mark(self, mask)
        if self.fields is not None:
            self.fields.refresh()

    def stamp(self, time: float, alarm: Alarm | None = None) -> None:
        """Confirm the value: gets return `time`; no monitor event is sent.

        Args:
            time: UTC [s since 1970].
            alarm: of the device, if it may have changed: then alarm monitors receive an
                event.
        """
        if alarm is not None and alarm != self._given:
            self.rejudge(alarm, time)
            return
        if self.outbox is not None and self.outbox.due(self):
            self.outbox.drain()
        if self.time < time < LAST_TIME:
            self.time = time
        elif time < self.time - AHEAD:  # a clock was set back
            self.time = stamp_after(self.time)
        self.stale()

    def holds(self, value: Any) -> bool:
        """Whether a post of `value` would leave the value as it is."""
        same = self.form.same
        return not self.undefined and bool(same(self.value, self.form.coerce(value)))

    def rejudge(self, alarm: Alarm, time: float | None = None) -> None:
        """Set the device's alarm for the same value; alarm monitors receive it."""
        if alarm == self._given:
            return
        self._given = alarm
        self.undefined = self.undefined or alarm[1] == _UDF
        self._send(self._judgement(), 0, time)

    def repost(self) -> None:
        """Send the value again as a change of value, with a new time stamp.

        A display that still has the text of a refused put then returns to the value.
        """
        self._send(self.alarm, DBE_VALUE, None)

    def _send(self, alarm: Alarm, mask: int, time: float | None) -> None:
        outbox = self.outbox
        if outbox is not None and outbox.due(self):
            outbox.drain()
        if time is None or not time < LAST_TIME:  # also NaN
            time = clock.time()
        self.time = time if time > self.time else stamp_after(self.time, time)
        if alarm != self.alarm:
            mask |= DBE_ALARM
            self._set_alarm(alarm)
        self.stale()
        if outbox is not None and mask:
            outbox.mark(self, mask)
        if self.fields is not None:
            self.fields.refresh()

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

    def change_meta(self, meta: Meta, mask: int = DBE_PROPERTY) -> None:
        """Replace the metadata: description, limits or dead bands.

        An alarm limit acts on the present value at once.
        """
        if self.outbox is not None and self.outbox.due(self):
            self.outbox.drain()
        self.meta = meta
        self._begin_bands(meta)
        self._judge_by(meta)
        self.stale()
        alarm = self._judgement()
        if alarm != self.alarm:
            mask |= DBE_ALARM
            self._set_alarm(alarm)
            self.time = stamp_after(self.time)
        if self.outbox is not None and mask:
            self.outbox.mark(self, mask)
        if self.fields is not None:
            self.fields.refresh()

    # -- from clients ------------------------------------------------------------------

    def rights(self, user: str, host: str) -> int:
        """All clients may read; they may write if the PV is writable."""
        return ALL_ACCESS if self.writable else READ_ACCESS

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put: store and post the value."""
        self.post(value)
        return None

    def check_enabled(self) -> None:
        """Check DISP.

        Raises:
            RefusedError: puts are disabled.
        """
        if self.put_disabled:
            raise RefusedError(
                f"puts to {self.name} are disabled.", cure=Cure(self.name, ".DISP", 0)
            )

    def refused(self, error: RefusedError, by: Origin) -> None:
        """Inform the group that the server refused a put."""
        refused = getattr(self.group, "refused", None)
        if refused is not None:
            refused(self, error)

    def put_ended(self, began: float, error: Exception | None) -> None:
        """Inform the group that a put has ended."""
        ended = getattr(self.group, "put_ended", None)
        if ended is not None:
            ended(self, began, error)

    def _send_alarm(self) -> None:
        self._send(self.alarm, DBE_ALARM, self.time)

    def own_field(self, name: str) -> Source | None:
        """Return the field `name` if it is the value itself; None: see `fields`."""
        is_value = name == "VAL" or (name == "VAL$" and isinstance(self.form, LongText))
        return self if is_value else None

"""Record fields: X.DESC, X.HIHI, X.SEVR ..., made when a client first asks for one.

A field that acts here can be put: limits, dead bands, units, texts, DISP, the
acknowledgement of alarms. All others show what a C IOC would, and are read only.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from daqpv.core import Severity, Status
from daqpv.core.timing.utc import time_text
from daqpv.errors import RefusedError
from daqpv.serve.ca.protocol import (
    CHAR,
    DBE_LOG,
    DBE_PROPERTY,
    DBE_VALUE,
    DOUBLE,
    FLOAT,
    INTEGER,
    READ_ACCESS,
    SHORT,
    STRING,
    STRING_SIZE,
)
from daqpv.serve.ca.wire import ALL_ACCESS, Source
from daqpv.serve.pv.record_table import MENUS, STATES, fields_of
from daqpv.serve.values.arrays import LongText, Numbers
from daqpv.serve.values.forms import Choice, Form, Integer, Real
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.texts import Text

if TYPE_CHECKING:
    from daqpv.serve.pv.channel import Channel

_OTHER_PRECISION = {"HIGH": 2}  # boRecord.c; where a record has no PREC, C prints six

Get = Callable[["Channel"], Any]
Put = Callable[["Channel", Any], "Coroutine[Any, Any, None] | None"]

_LINK_SIZE = 1024  # what a C IOC gives for the long view of a link

_PROPERTIES = frozenset(("EGU", "PREC", "HOPR", "LOPR", "DRVH", "DRVL", "HIHI", "HIGH"))
_PROPERTIES |= frozenset(("LOW", "LOLO", "HHSV", "HSV", "LSV", "LLSV"))
_META = {name: name.lower() for name in (*_PROPERTIES, "HYST", "MDEL", "ADEL")}
_META |= {"DESC": "desc", "EGU": "units", "PREC": "precision"}
_LIMITED = frozenset(("ai", "ao", "longin", "longout", "waveform"))


class Field(Source):
    """A field of a record: a view of something that the channel knows."""

    __slots__ = ("_channel", "_get", "_put")

    cached = False  # brought up to date before each get

    def __init__(  # noqa: PLR0917, a field is just this
        self,
        channel: Channel,
        name: str,
        form: Form,
        meta: Meta,
        get: Get,
        put: Put | None,
    ) -> None:
        value = form.coerce(get(channel))
        full = f"{channel.name}.{name}"
        super().__init__(full, form, meta, value, channel.alarm, channel.time)
        self._channel = channel
        self._get = get
        self._put = put

    @property
    def record(self) -> str:
        """The record type."""
        return self._channel.record

    @property
    def prefix(self) -> str:
        """Of the PVs of the device that it belongs to."""
        return self._channel.prefix

    def rights(self, user: str, host: str) -> int:
        """Writing where a put acts, if the client may."""
        return ALL_ACCESS if self._put else READ_ACCESS

    def refresh(self) -> None:
        """Look at the channel again."""
        self.follow()

    def refresh_now(self) -> None:
        """Look at the channel again."""
        self.follow()

    def follow(self) -> None:
        """Show what the channel says now; tell those who follow the field."""
        channel = self._channel
        value = self.form.coerce(self._get(channel))
        moved = not self.form.same(self.value, value)
        if moved and self.outbox is not None and self.outbox.due(self):
            self.outbox.drain()
        self.value, self.alarm, self.time = value, channel.alarm, channel.time
        self.stale()
        if moved and self.outbox is not None:
            self.outbox.mark(self, DBE_VALUE | DBE_LOG)

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put, where one acts."""
        if self._put is None:
            return super().put(value)
        work = self._put(self._channel, value)
        self.follow()
        return work

    def acknowledge(self, dbr: int, value: int) -> None:
        """The record's alarm, through any of its fields."""
        self._channel.acknowledge(dbr, value)
        self.follow()

    def stsack(self) -> tuple[int, int]:
        """Of the record's alarm."""
        return self._channel.stsack()

    def repost(self) -> None:
        """Send the value once more to those who follow it."""
        self.follow()
        if self.outbox is not None:
            self.outbox.mark(self, DBE_VALUE)


def make_field(channel: Channel, name: str) -> Field | None:
    """The field `name` of `channel`; None if its record type has no such field.

    Args:
        channel: whose field.
        name: as in ``X.DESC``; with ``$`` at its end the long-string view of a text.
    """
    long = name.endswith("$")
    name = name.removesuffix("$")
    if name == "VAL":
        return _long_value(channel) if long else None
    kind, initial = fields_of(channel.record).get(name, ("", ""))
    if not kind or (long and kind[0] not in "SK"):
        return None
    form, labels = _form(kind)
    if long:
        form = LongText(_LINK_SIZE if kind == "K" else int(kind[1:]))
    get, put = _behaviour(channel, name, labels, initial)
    meta = replace(_base_meta(channel, name, kind), labels=labels)
    return Field(channel, name + "$" * long, form, meta, get, put)


def _long_value(channel: Channel) -> Field | None:
    if not isinstance(channel.form, Text):
        return None

    def put(channel: Channel, value: str) -> Coroutine[Any, Any, None] | None:
        return channel.put(channel.form.accept([value], channel.meta))

    return Field(
        channel,
        "VAL$",
        LongText(channel.form.size + 1),
        Meta(),
        lambda channel: channel.value,
        put if channel.writable else None,
    )


def _base_meta(channel: Channel, name: str, kind: str) -> Meta:
    """Fields that are values of the same sort carry the PV's units and limits."""
    meta = channel.meta
    if kind not in ("D", "L") or channel.record not in _LIMITED:
        return Meta(precision=_OTHER_PRECISION.get(name, 6) if kind == "D" else 0)
    analog = channel.record not in ("longin", "longout")
    return Meta(
        units=meta.units,
        precision=meta.precision if analog else 6,
        hopr=meta.hopr,
        lopr=meta.lopr,
    )


def _form(kind: str) -> tuple[Form, tuple[str, ...]]:
    if kind in MENUS:
        return Choice(), MENUS[kind]
    if kind[0] == "S":
        return Text(min(int(kind[1:]), STRING_SIZE) - 1), ()
    forms: dict[str, Form] = {
        "K": Text(),
        "D": Real(),
        "U": Real(),  # CA has no unsigned types: the next wider one
        "L": Integer(INTEGER),
        "H": Integer(INTEGER),
        "h": Integer(SHORT),
        "C": Integer(CHAR),
    }
    return forms[kind], ()


def _behaviour(
    channel: Channel, name: str, labels: tuple[str, ...], initial: str
) -> tuple[Get, Put | None]:
    if name in _META and (name == "DESC" or channel.record in _LIMITED):
        attribute = _META[name]
        mask = DBE_PROPERTY if name in _PROPERTIES else 0
        return (
            lambda channel: getattr(channel.meta, attribute),
            lambda channel, value: channel.change_meta(
                replace(channel.meta, **{attribute: _as_meta(name, value)}), mask
            ),
        )
    state = _state_field(channel, name)
    if state is not None:
        return state
    if name in _SHOWN:
        return _SHOWN[name], _ACTING.get(name)
    value: Any = initial
    if labels:
        value = labels.index(initial) if initial else 0
    elif fields_of(channel.record)[name][0][0] not in "SK":
        value = float(initial or 0)
    return lambda _channel: value, None


def _as_meta(name: str, value: Any) -> Any:
    return Severity(value) if name in ("HHSV", "HSV", "LSV", "LLSV") else value


def _state_field(channel: Channel, name: str) -> tuple[Get, Put | None] | None:
    """Texts, values and severities of the states of an enum."""
    if channel.record in ("bi", "bo"):
        texts = {"ZNAM": 0, "ONAM": 1}
        severities = {"ZSV": 0, "OSV": 1}
    elif channel.record in ("mbbi", "mbbo"):
        texts = {f"{state}ST": i for i, state in enumerate(STATES)}
        severities = {f"{state}SV": i for i, state in enumerate(STATES)}
        if name[2:] == "VL" and name[:2] in STATES:
            index = STATES.index(name[:2])
            known = index < len(channel.meta.labels)
            return lambda _channel: index if known else 0, None
    else:
        return None
    if name in texts:
        index = texts[name]
        return lambda c: _at(c.meta.labels, index, ""), None
    if name in severities:
        index = severities[name]
        return (
            lambda c: _at(c.meta.state_severities, index, Severity.NO_ALARM),
            lambda c, value: _put_severity(c, index, Severity(value)),
        )
    return None


def _at(items: tuple[Any, ...], index: int, default: Any) -> Any:
    return items[index] if index < len(items) else default


def _put_severity(channel: Channel, index: int, severity: Severity) -> None:
    present = channel.meta.state_severities
    size = max(len(channel.meta.labels), index + 1)
    severities = [_at(present, i, Severity.NO_ALARM) for i in range(size)]
    severities[index] = severity
    channel.change_meta(replace(channel.meta, state_severities=tuple(severities)), 0)


def _time_text(channel: Channel) -> str:
    return time_text(channel.time, "microseconds")


_FTYPE = {STRING: 0, CHAR: 2, SHORT: 3, INTEGER: 5, FLOAT: 9, DOUBLE: 10}


def _ftvl(channel: Channel) -> int:
    if isinstance(channel.form, LongText):
        return MENUS["ftype"].index("CHAR")
    if isinstance(channel.form, Numbers):
        return _FTYPE[channel.form.native]
    return _FTYPE.get(channel.form.native, 0)


_SHOWN: dict[str, Get] = {
    "NAME": lambda c: c.name,
    "RTYP": lambda c: c.record,
    "SCAN": lambda c: 0 if c.writable else MENUS["scan"].index("I/O Intr"),
    "TSE": lambda _: -2,  # the time stamp comes with the value
    "STAT": lambda c: int(c.alarm.status),
    "SEVR": lambda c: int(c.alarm.severity),
    "AMSG": lambda c: c.alarm.reason,
    "ACKS": lambda c: int(c.acks),
    "ACKT": lambda c: int(c.ackt),
    "ASG": lambda _: "DEFAULT",
    "UDF": lambda c: int(c.undefined or c.alarm.status is Status.UDF),
    "UDFS": lambda c: int(c.meta.udfs),
    "DISP": lambda c: int(c.put_disabled),
    "PROC": lambda _: 0,
    "TIME": _time_text,
    "NELM": lambda c: c.form.nelm,
    "NORD": lambda c: c.form.length(c.value, c.form.native),
    "FTVL": _ftvl,
    "RVAL": lambda c: c.value if c.form.native != DOUBLE else 0,
    "OVAL": lambda c: c.value,
    "LALM": lambda c: c.value,
    "ALST": lambda c: c.value,
    "MLST": lambda c: c.value,
    "PVAL": lambda c: c.value,
}


def _put_disp(channel: Channel, value: int) -> None:
    channel.put_disabled = bool(value)


def _put_proc(channel: Channel, _value: int) -> None:
    channel.repost()


def _refuse_plain(channel: Channel, _value: int) -> None:
    raise RefusedError(
        f"alarms of {channel.name} are acknowledged by a put of DBR_PUT_ACKS or "
        "DBR_PUT_ACKT, as alarm handlers send it"
    )


_ACTING: dict[str, Put] = {
    "DISP": _put_disp,
    "PROC": _put_proc,
    "ACKS": _refuse_plain,
    "ACKT": _refuse_plain,
}

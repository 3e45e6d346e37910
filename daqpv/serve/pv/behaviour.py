"""The values of record fields and the effects of puts to them, by record type and name.

A put has an effect on these fields: limits, dead bands, units, texts, DISP, and the
acknowledgement of alarms. All others have the values of a C IOC and are read only.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, NamedTuple

from daqpv.core import Severity, Status
from daqpv.core.timing.utc import time_text
from daqpv.errors import RefusedError
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.masks import DBE_PROPERTY
from daqpv.serve.pv.record_table import MENUS, STATES, fields_of
from daqpv.serve.values.arrays import LongText, Numbers
from daqpv.serve.values.elements import STRING_SIZE, Element
from daqpv.serve.values.forms import Choice, Form, Integer, Real
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.texts import Text

_OTHER_PRECISION = {"HIGH": 2}  # boRecord.c; where a record has no PREC, C prints six

Get = Callable[[Channel], Any]
Put = Callable[[Channel, Any], Coroutine[Any, Any, None] | None]

_LINK_SIZE = 1024  # the size that a C IOC reports for the long view of a link

_PROPERTIES = frozenset(("EGU", "PREC", "HOPR", "LOPR", "DRVH", "DRVL", "HIHI", "HIGH"))
_PROPERTIES |= frozenset(("LOW", "LOLO", "HHSV", "HSV", "LSV", "LLSV"))
_META = {name: name.lower() for name in (*_PROPERTIES, "HYST", "MDEL", "ADEL")}
_META |= {"DESC": "desc", "EGU": "units", "PREC": "precision"}
_LIMITED = frozenset(("ai", "ao", "longin", "longout", "waveform"))


class Behaviour(NamedTuple):
    """The behaviour of one field.

    Attributes:
        form: of its values.
        meta: its units, limits, labels.
        get: reads it.
        put: what a put does; None: it is read only.
    """

    form: Form
    meta: Meta
    get: Get
    put: Put | None


def behaviour(channel: Channel, name: str) -> Behaviour | None:
    """Return the behaviour of the field `name` of `channel`; None: no such field.

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
    return Behaviour(form, meta, get, put)


def _long_value(channel: Channel) -> Behaviour | None:
    if not isinstance(channel.form, Text):
        return None

    def put(channel: Channel, value: str) -> Coroutine[Any, Any, None] | None:
        channel.check_enabled()
        return channel.put(channel.form.accept([value], channel.meta))

    return Behaviour(
        LongText(channel.form.size + 1),
        Meta(),
        lambda channel: channel.value,
        put if channel.writable else None,
    )


def _base_meta(channel: Channel, name: str, kind: str) -> Meta:
    """Fields that hold values of the same type have the PV's units and limits."""
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
        "L": Integer(),
        "H": Integer(),
        "h": Integer(Element.SHORT),
        "C": Integer(Element.CHAR),
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


_FTYPE = {Element.STRING: 0, Element.CHAR: 2, Element.SHORT: 3, Element.INTEGER: 5} | {
    Element.FLOAT: 9,
    Element.DOUBLE: 10,
}


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
    "NORD": lambda c: c.form.length(c.value),
    "FTVL": _ftvl,
    "RVAL": lambda c: c.value if c.form.native is not Element.DOUBLE else 0,
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

"""Functions that declare PVs in a group's body, one per record type.

A declaration is a caproto `pvproperty`: groups may mix both.

Common arguments:

* `of`: the attribute of the device's snapshot that the PV displays; default: the name
  of the class attribute. A PV whose snapshot has no such attribute is posted by its
  group. A button displays no attribute, whatever its name.
* `put`: ``async def put(group, value)``, run as a task of the server. Its end is the
  client's callback; an exception fails it. A writable PV without one keeps the value.
* `doc`: what the PV means, one sentence; also the record's DESC.
* `saved`: a setting that survives a restart: True if the PV shows the field of the
  snapshot that holds it, or that field's name. The kind's build() asks for what was
  saved (`daqpv.core.Site.restored`).
* `alarm_tree`: False if its alarm requires no action; the alarm server's tree
  (``daqpv pvs --format alarm``) then leaves it out.
* `aliases`: former names of the PV. Clients find it under each of them; ``daqpv pvs``
  lists the name alone, and events name it.
* `dead_band`, `archive_dead_band`: MDEL and ADEL.
* `nan`: the severity of a NaN (UDFS), INVALID as on a C IOC; NO_ALARM if NaN is a
  valid value, such as "does not apply".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, TypeAlias, Unpack

import numpy as np

from daqpv.core import Severity
from daqpv.serve.groups.declaration import Button, Common, Declaration, Long
from daqpv.serve.values.arrays import LongText, Numbers, Texts
from daqpv.serve.values.elements import Element
from daqpv.serve.values.forms import Choice, Form, Integer, Real
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.texts import Text

States: TypeAlias = type[Enum] | Sequence[str]
Range: TypeAlias = tuple[float, float]

_LONG_TEXT = 4000  # [bytes]


class Limits(Common, total=False):
    """Arguments of numbers; limits in the PV's units."""

    units: str
    display: Range
    drive: Range
    lolo: float
    low: float
    high: float
    hihi: float
    hysteresis: float
    nan: Severity
    dead_band: float
    archive_dead_band: float


# -- numbers ---------------------------------------------------------------------------


def _meta(precision: int = 0, **limits: Unpack[Limits]) -> Meta:
    drive = limits.get("drive", (0.0, 0.0))
    display = limits.get("display", drive)
    severities: dict[str, Any] = {
        field: severity
        for name, field, severity in (
            ("hihi", "hhsv", Severity.MAJOR),
            ("high", "hsv", Severity.MINOR),
            ("low", "lsv", Severity.MINOR),
            ("lolo", "llsv", Severity.MAJOR),
        )
        if name in limits
    }
    return Meta(
        units=limits.get("units", ""),
        precision=precision,
        lopr=display[0],
        hopr=display[1],
        drvl=drive[0],
        drvh=drive[1],
        lolo=limits.get("lolo", 0.0),
        low=limits.get("low", 0.0),
        high=limits.get("high", 0.0),
        hihi=limits.get("hihi", 0.0),
        udfs=limits.get("nan", Severity.INVALID),
        hyst=limits.get("hysteresis", 0.0),
        mdel=limits.get("dead_band", 0.0),
        adel=limits.get("archive_dead_band", limits.get("dead_band", 0.0)),
        **severities,
    )


def _common(limits: Limits) -> Common:
    return Common(
        of=limits.get("of"),
        put=limits.get("put"),
        doc=limits.get("doc", ""),
        saved=limits.get("saved", False),
        alarm_tree=limits.get("alarm_tree", True),
        aliases=limits.get("aliases", ()),
    )


def _number(
    name: str, record: str, precision: int, limits: Limits, *, writable: bool
) -> Declaration:
    form: Form = Real() if record in ("ai", "ao") else Integer()
    meta = replace(_meta(precision, **limits), is_output=writable)
    return Declaration(name, record, form, meta, writable=writable, **_common(limits))


def ai(name: str, *, precision: int = 0, **limits: Unpack[Limits]) -> Declaration:
    """A real number to read; `precision` digits after the point."""
    return _number(name, "ai", precision, limits, writable=False)


def ao(name: str, *, precision: int = 0, **limits: Unpack[Limits]) -> Declaration:
    """A real number to write; puts outside `drive` are refused."""
    return _number(name, "ao", precision, limits, writable=True)


def longin(name: str, **limits: Unpack[Limits]) -> Declaration:
    """A whole number to read, 32 bits."""
    return _number(name, "longin", 0, limits, writable=False)


def longout(name: str, **limits: Unpack[Limits]) -> Declaration:
    """A whole number to write; puts outside `drive` are refused."""
    return _number(name, "longout", 0, limits, writable=True)


# -- states ----------------------------------------------------------------------------


def _states(
    name: str, record: str, states: States, common: Common, *, writable: bool
) -> Declaration:
    if isinstance(states, type):
        members = tuple(states)
        labels = tuple(str(getattr(m, "label", m.name)) for m in members)
        form = Choice(members)
    else:
        labels = tuple(states)
        form = Choice(size=len(labels))
    meta = Meta(labels=labels)
    return Declaration(name, record, form, meta, writable=writable, **common)


def bi(
    name: str, *, labels: tuple[str, str] = ("Off", "On"), **common: Unpack[Common]
) -> Declaration:
    """One of two states to read."""
    return _states(name, "bi", labels, common, writable=False)


def bo(
    name: str, *, labels: tuple[str, str] = ("Off", "On"), **common: Unpack[Common]
) -> Declaration:
    """One of two states to write; `put` gets 0 or 1."""
    return _states(name, "bo", labels, common, writable=True)


def mbbi(name: str, states: States, **common: Unpack[Common]) -> Declaration:
    """One of up to 16 states to read: an enum (its labels or names), or their texts."""
    return _states(name, "mbbi", states, common, writable=False)


def mbbo(name: str, states: States, **common: Unpack[Common]) -> Declaration:
    """One of up to 16 states to write; `put` gets the enum's member, or the index."""
    return _states(name, "mbbo", states, common, writable=True)


def button(
    name: str, *, labels: tuple[str, str] = ("Done", "Busy"), **common: Unpack[Common]
) -> Button:
    """A command: writing 1 acts, and the value reads 1 until the action has ended.

    `put` gets True. 0 is accepted and does nothing. A button displays no attribute.
    """
    if "of" in common:
        raise ValueError(f"{name}: a button shows no field, so it takes no `of`")
    meta = Meta(labels=labels)
    return Button(name, "bo", Choice(size=2), meta, writable=True, **common)


# -- texts and arrays ------------------------------------------------------------------


def string(
    name: str, *, writable: bool = False, **common: Unpack[Common]
) -> Declaration:
    """A text of at most 39 bytes; writable if it has a `put` or `writable` is set."""
    writable = writable or common.get("put") is not None
    record = "stringout" if writable else "stringin"
    return Declaration(name, record, Text(), Meta(), writable=writable, **common)


def long(
    name: str,
    *,
    size: int = _LONG_TEXT,
    writable: bool = False,
    **common: Unpack[Common],
) -> Declaration:
    """A text of less than `size` bytes, as an array of characters.

    Of a longer text as many lines as fit are served; a note at its end and an event say
    so.
    """
    writable = writable or common.get("put") is not None
    form = LongText(size)
    return Long(name, "waveform", form, Meta(), writable=writable, **common)


def strings(
    name: str, *, size: int, writable: bool = False, **common: Unpack[Common]
) -> Declaration:
    """An array of at most `size` texts of 39 bytes each."""
    writable = writable or common.get("put") is not None
    form = Texts(size)
    return Declaration(name, "waveform", form, Meta(), writable=writable, **common)


_ELEMENTS = {
    "uint8": Element.CHAR,
    "int16": Element.SHORT,
    "int32": Element.INTEGER,
    "float32": Element.FLOAT,
    "float64": Element.DOUBLE,
}


def waveform(
    name: str,
    *,
    size: int,
    dtype: Any = float,
    writable: bool = False,
    precision: int = 0,
    **limits: Unpack[Limits],
) -> Declaration:
    """An array of at most `size` numbers; `put` gets a read-only numpy array.

    Args:
        name: of the PV, after the prefix.
        size: maximum number of elements.
        dtype: uint8, int16, int32, float32 or float64.
        writable: whether clients may put; always if there is a `put`.
        precision: digits after the point.
        limits: units and display limits.
    """
    kind = np.dtype(dtype).name
    if kind not in _ELEMENTS:
        raise ValueError(f"{name}: Channel Access has no {kind}: {list(_ELEMENTS)}")
    writable = writable or limits.get("put") is not None
    form = Numbers(_ELEMENTS[kind], size)
    meta = _meta(precision, **limits)
    return Declaration(
        name, "waveform", form, meta, writable=writable, **_common(limits)
    )

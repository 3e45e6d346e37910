"""What is known of a PV besides its value: units, limits, labels, dead bands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from struct import Struct

from daqpv.core import Severity
from daqpv.serve.ca.protocol import (
    CHAR,
    CTRL,
    DOUBLE,
    ENUM,
    FLOAT,
    INTEGER,
    LABEL_SIZE,
    LABELS,
    SHORT,
    STRING,
    UNITS_SIZE,
    cut,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is known of a PV besides its value, named as the record's fields.

    Attributes:
        desc: the description, at most 40 bytes on the wire.
        units: at most 15 bytes; the first 7 go out with each value.
        precision: digits after the point.
        drvl: lowest value that a put may ask for; no limits if not below `drvh`.
        is_output: whether it has drive limits at all, as ao and longout.
        udfs: severity of a NaN; NO_ALARM: NaN is a good value.
        hyst: how far a value must leave an alarm limit to end that alarm.
        mdel: change of value beyond which monitors hear of it; below 0: always.
        adel: the same for archivers.
        labels: the texts of an enum, by index.
        state_severities: severity of each state of an enum.
    """

    desc: str = ""
    units: str = ""
    precision: int = 0
    hopr: float = 0.0
    lopr: float = 0.0
    drvh: float = 0.0
    drvl: float = 0.0
    is_output: bool = False
    hihi: float = 0.0
    high: float = 0.0
    low: float = 0.0
    lolo: float = 0.0
    hhsv: Severity = Severity.NO_ALARM
    hsv: Severity = Severity.NO_ALARM
    lsv: Severity = Severity.NO_ALARM
    llsv: Severity = Severity.NO_ALARM
    udfs: Severity = Severity.INVALID
    hyst: float = 0.0
    mdel: float = 0.0
    adel: float = 0.0
    labels: tuple[str, ...] = ()
    state_severities: tuple[Severity, ...] = ()

    @property
    def has_drive_limits(self) -> bool:
        """Whether puts are limited."""
        return self.drvl < self.drvh

    @property
    def has_alarms(self) -> bool:
        """Whether some value means an alarm."""
        limits = (self.hhsv, self.hsv, self.lsv, self.llsv)
        return any(limits) or any(self.state_severities)

    def limits(self) -> tuple[float, ...]:
        """Display, alarm, warning and control limits in the order of the wire.

        Alarm limits without a severity are NaN, as a C IOC has them.
        """
        control = (self.drvh, self.drvl)
        if not (self.is_output or self.has_drive_limits):
            control = (self.hopr, self.lopr)
        return (
            self.hopr,
            self.lopr,
            self.hihi if self.hhsv else math.nan,
            self.high if self.hsv else math.nan,
            self.low if self.lsv else math.nan,
            self.lolo if self.llsv else math.nan,
            *control,
        )


_INTEGERS = {SHORT: ("h", -(2**15), 2**15 - 1), CHAR: ("B", 0, 255)} | {
    INTEGER: ("i", -(2**31), 2**31 - 1)
}
_REALS = {FLOAT: Struct(">hxx8s6f"), DOUBLE: Struct(">hxx8s6d")}
_REALS_CONTROL = {FLOAT: Struct(">hxx8s8f"), DOUBLE: Struct(">hxx8s8d")}
_ENUM = Struct(">H" + f"{LABEL_SIZE}s" * LABELS)


def pack_meta(meta: Meta, basic: int, form: int) -> bytes:
    """What stands between alarm and value in the GR and CTRL types.

    Args:
        meta: of the PV.
        basic: the basic type.
        form: GR or CTRL.
    """
    if basic == STRING:
        return b""
    if basic == ENUM:
        texts = [cut(label, LABEL_SIZE - 1) for label in meta.labels[:LABELS]]
        return _ENUM.pack(len(texts), *texts, *[b""] * (LABELS - len(texts)))
    units = cut(meta.units, UNITS_SIZE - 1)
    limits = meta.limits() if form == CTRL else meta.limits()[:6]
    if basic in _REALS:
        real = (_REALS_CONTROL if form == CTRL else _REALS)[basic]
        return real.pack(meta.precision, units, *_finite(limits, basic))
    code, least, most = _INTEGERS[basic]
    whole = [whole_number(limit, least, most) for limit in limits]
    pad = "x" if basic == CHAR else ""
    return Struct(f">8s{len(whole)}{code}{pad}").pack(units, *whole)


def _finite(limits: tuple[float, ...], basic: int) -> tuple[float, ...]:
    if basic == DOUBLE:
        return limits
    return tuple(single(limit) for limit in limits)


MOST_SINGLE = 3.4028234663852886e38


def single(value: float) -> float:
    """`value`, held inside the range of a 32-bit float; NaN and inf stay."""
    if abs(value) <= MOST_SINGLE or not math.isfinite(value):
        return value
    return math.copysign(MOST_SINGLE, value)


def whole_number(value: float, least: int, most: int) -> int:
    """`value` without its fraction, held between `least` and `most`; NaN is 0."""
    if value != value:  # noqa: PLR0124, the fastest test for NaN
        return 0
    return int(min(max(value, least), most))

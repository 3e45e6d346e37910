"""Metadata of a PV: units, limits, labels, dead bands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from daqpv.core import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Metadata of a PV, named as the record's fields.

    Attributes:
        desc: the description, at most 40 bytes on the wire.
        units: at most 15 bytes; the first 7 go out with each value.
        precision: digits after the point.
        drvl: lowest value that a put may request; no limits if not below `drvh`.
        is_output: whether it has drive limits, as ao and longout do.
        udfs: severity of a NaN; NO_ALARM: NaN is a good value.
        hyst: how far a value must leave an alarm limit to end that alarm.
        mdel: change of value beyond which monitors get an event; below 0: always.
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
    def has_alarms(self) -> bool:
        """Whether any value causes an alarm."""
        limits = (self.hhsv, self.hsv, self.lsv, self.llsv)
        return any(limits) or any(self.state_severities)

    def limits(self) -> tuple[float, ...]:
        """Display, alarm, warning and control limits in the order of the wire.

        Alarm limits without a severity are NaN, as a C IOC has them.
        """
        control = (self.drvh, self.drvl)
        if not (self.is_output or self.drvl < self.drvh):
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

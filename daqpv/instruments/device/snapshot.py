"""The snapshot of an instrument: its values, and how reading them goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from daqpv.core import (
    Alarm,
    Condition,
    DeviceSnapshot,
    Reading,
    Severity,
    Status,
    made_from,
)
from daqpv.core.labels import Labelled
from daqpv.instruments.gate import Setpoint, Staged


class InstrumentState(Labelled):
    """Whether an instrument is read."""

    STOPPED = 0
    ACQUIRING = 1


class InstrumentStatus(Labelled):
    """What becomes of reading it."""

    OFF = 0  # stopped or disabled
    OK = 1
    STALE = 2  # it is connected, and values do not come
    ERROR = 3  # it is lost

    @property
    def label(self) -> str:
        """The text of the Status PV."""
        return "OK" if self is InstrumentStatus.OK else super().label


class Values(dict[str, Reading]):
    """Readings by channel; equal only to itself.

    To compare all values, some of them arrays, would cost more than to look at them.
    """

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


@dataclass(frozen=True, kw_only=True)
class InstrumentSnapshot(DeviceSnapshot):
    """The values of an instrument.

    Attributes:
        state: whether it is read, as operators chose.
        period: between two cycles [s], as operators chose.
        lines_ok: answers and lines that were read well.
        lines_bad: those that were not.
        last_bad: the last of them, and why.
        bad_lines: the last 20 of them, one per line, newest first.
        reparsed: from when on lines were read again, as operators wrote it.
        late: answers that came too late, or unasked, and were dropped.
        rate: answers and lines per second [Hz].
        stale: channels without a value for too long.
        is_any_fresh: whether a channel has a value that is not stale.
        values: by channel.
        sequence: counts changes of values; it is shown after all of them.
        setpoints: of settable channels, by channel.
        staged: requests of groups, by group.
        ramps: rates of change, by channel, as operators chose [units/s].
    """

    judging: ClassVar[frozenset[str]] = DeviceSnapshot.judging | {"state", "stale"}
    judged: ClassVar[frozenset[str]] = DeviceSnapshot.judged | {"status"}

    state: InstrumentState = InstrumentState.ACQUIRING
    period: float = 1.0
    lines_ok: int = 0
    lines_bad: int = 0
    last_bad: str = ""
    bad_lines: str = ""
    reparsed: str = ""
    late: int = 0
    rate: float = 0.0
    stale: frozenset[str] = frozenset()
    is_any_fresh: bool = False
    values: Values = field(default_factory=Values)
    sequence: int = 0
    setpoints: Mapping[str, Setpoint] = field(default_factory=dict)
    staged: Mapping[str, Staged] = field(default_factory=dict)
    ramps: Mapping[str, float] = field(default_factory=dict)

    @property
    @made_from("enabled", "state", "condition", "known", "stale")
    def status(self) -> InstrumentStatus:
        """What becomes of reading it."""
        if not self.enabled or self.state is InstrumentState.STOPPED:
            return InstrumentStatus.OFF
        if not self.known or self.condition is not Condition.OK:
            return InstrumentStatus.ERROR
        return InstrumentStatus.STALE if self.stale else InstrumentStatus.OK

    def alarm(self, field: str) -> Alarm:
        """The judgement on `field`; a lost instrument is Online's alarm alone."""
        if field != "status":
            return super().alarm(field)
        if self.status is not InstrumentStatus.STALE:
            return Alarm(Severity.NO_ALARM, Status.NO_ALARM)
        severity = Severity.MINOR if self.is_any_fresh else Severity.MAJOR
        return Alarm(severity, Status.TIMEOUT, _named(self.stale))


def _named(channels: frozenset[str]) -> str:
    names = sorted(channels)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"no value of {', '.join(names[:3])}{more}"

"""Readings: value, alarm and time of any PV, of this process or another server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from daqpv.core.alarm import NO_ALARM, Alarm, Severity

READ_ELEMENTS = 1000
"""So many elements of an array are read, from the first."""


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Reading:
    """What a PV is at one moment.

    Attributes:
        value: int, float or str; of an enum the index; of an array a list of its first
            elements; None: it cannot be had, and `alarm` says why.
        label: of an enum, the text of its state.
        alarm: of the value; INVALID without one.
        time: of the value, UTC [s since 1970].
    """

    value: Any
    label: str = ""
    alarm: Alarm = NO_ALARM
    time: float = 0.0

    def __init__(
        self,
        *,
        value: Any,
        label: str = "",
        alarm: Alarm = NO_ALARM,
        time: float = 0.0,
    ) -> None:
        # thousands per second are made: in half the time of the __init__ that
        # dataclass makes, which looks up each slot by its name
        _set_value(self, value)
        _set_label(self, label)
        _set_alarm(self, alarm)
        _set_time(self, time)

    @property
    def severity(self) -> Severity:
        """Severity of the alarm."""
        return self.alarm.severity

    @property
    def shown(self) -> Any:
        """The value for display: of an enum the label."""
        return self.label or self.value


_set_value, _set_label, _set_alarm, _set_time = (
    getattr(Reading, name).__set__ for name in ("value", "label", "alarm", "time")
)


class Readings(Protocol):
    """Reads any PV: in this process if it is served here, else over Channel Access.

    A PV that is not connected has a reading, too: INVALID, without a value. The search
    for it goes on.
    """

    def latest(self, pv: str) -> Reading:
        """The reading of `pv` now; without a watcher it is known only after a while.

        To be called on the event loop, when all devices are built.
        """

    def watch(self, pv: str, show: Callable[[Reading], None]) -> Callable[[], None]:
        """Call `show` on the event loop, at once and whenever `pv` has changed.

        To be called on the event loop, when all devices are built.

        Returns:
            A function that ends it.
        """


class Pvs(Readings, Protocol):
    """Reads and writes any PV."""

    async def ask(self, pv: str) -> Reading:
        """The reading of `pv`, from its server; INVALID if no answer comes soon."""

    async def put(self, pv: str, text: str) -> None:
        """Put, and wait for the end of its processing.

        Raises:
            OperationError: it failed.
            LinkError: its server is not connected, or disconnected.
        """

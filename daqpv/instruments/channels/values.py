"""The values of all channels of an instrument: conversion, staleness, loss."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import isfinite

from daqpv.core import UNDEFINED, Alarm, Reading, Severity, Status
from daqpv.instruments.channels.conversion import Conversion
from daqpv.instruments.channels.status import judged
from daqpv.instruments.channels.unit import in_units
from daqpv.instruments.driver import Fault, Frame, Raw
from daqpv.instruments.settings.channel import Channel


class Channels:
    """The channels that an instrument sends, and until when their values are good.

    The driver knows channels by their key in the settings, all others by the name that
    they have in PVs.

    Args:
        channels: settings by key; those with a formula are left out.
        stale: after so long without a value a channel is stale [s]; a channel's own
            setting wins. None: three periods and `slack`.
        slack: time for a cycle [s].
        period: between two cycles [s].
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        stale: float | None,
        slack: float,
        period: float,
    ) -> None:
        read = {key: one for key, one in channels.items() if one.is_read}
        self._names = {key: one.name or key for key, one in read.items()}
        self._channels = {self._names[key]: one for key, one in read.items()}
        self._conversions = {key: Conversion(key, one) for key, one in read.items()}
        self._plain = {  # by key, the names of those whose numbers are as they come
            key: name
            for key, name in self._names.items()
            if self._conversions[key].is_plain
        }
        self._has_status = {k: one for k, one in read.items() if one.status or one.bits}
        self._has_unit = {k: one for k, one in read.items() if one.unit}
        self._stale, self._slack = stale, slack
        self._arrived: dict[str, float] = {}
        self.pace(period)

    @property
    def names(self) -> Collection[str]:
        """The names of the channels."""
        return self._channels.keys()

    def has_words(self, name: str) -> bool:
        """Whether the settings know words in place of this channel's values."""
        return self._channels[name].has_words

    def pace(self, period: float) -> None:
        """The instrument is read with another period [s] from now on."""
        usual = self._stale or 3 * period + self._slack
        self._longest = {
            name: channel.stale or usual * channel.every
            for name, channel in self._channels.items()
        }
        shortest = min(self._longest.values(), default=10.0)
        self.tick = min(max(shortest / 2, 0.02), 1.0)

    def begin(self, now: float) -> None:
        """Wait for values from `now` on, monotonic [s]."""
        self._arrived = dict.fromkeys(self._channels, now)

    def taken(
        self, frame: Frame, values: Mapping[str, Reading], *, now: float, time: float
    ) -> tuple[dict[str, Reading], list[str]]:
        """The readings of `frame`, and what of it cannot be read.

        Args:
            frame: of the driver.
            values: the readings before.
            now: monotonic [s].
            time: of the values, UTC [s since 1970].
        """
        readings: dict[str, Reading] = {}
        bad = []
        plain, arrived = self._plain, self._arrived
        for key, raw in self._judged(frame.values, values).items():
            if type(raw) is float and key in plain and isfinite(raw):  # most often
                name = plain[key]
                arrived[name] = now
                readings[name] = Reading(value=raw, time=time)
                continue
            name = self._names.get(key, "")
            if not name:
                continue
            arrived[name] = now
            last = values.get(name)
            try:
                readings[name] = self._conversions[key].reading(raw, time, last)
            except (ValueError, ArithmeticError) as error:
                bad.append(f"{name}: {error}")
                readings[name] = _without(last, _unreadable(error), time)
        return readings, bad

    def _judged(
        self, raws: Mapping[str, Raw], values: Mapping[str, Reading]
    ) -> Mapping[str, Raw]:
        """Read status, bits and units; `values` are the readings before."""
        if self._has_status:
            raws = judged(raws, self._has_status)
        if self._has_unit:
            now = raws
            raws = in_units(
                now, self._has_unit, lambda key: self._unit_of(key, now, values)
            )
        return raws

    def _unit_of(
        self, key: str, raws: Mapping[str, Raw], values: Mapping[str, Reading]
    ) -> str | None:
        """The unit that a channel says, in this frame or before."""
        reading = values.get(self._names.get(key, key))
        if key in raws:
            try:
                reading = self._conversions[key].reading(raws[key], 0.0, None)
            except (ValueError, ArithmeticError):
                return None
        if reading is None or reading.value is None:
            return None
        if reading.severity is Severity.INVALID:
            return None
        return reading.label or str(reading.value)

    def told(
        self,
        frame: Frame,
        readings: Mapping[str, Reading],
        before: Mapping[str, Reading],
    ) -> list[str]:
        """What the driver says, for the first time, of channels that get no value.

        Words that the settings know are not among them.

        Args:
            frame: of the driver.
            readings: made of it.
            before: all readings before.
        """
        found = []
        for key, raw in frame.values.items():
            if type(raw) is not Fault or key not in self._names:
                continue
            name = self._names[key]
            alarm = readings[name].alarm
            if alarm.severity is not Severity.INVALID or self.has_words(name):
                continue
            if name not in before or before[name].alarm.reason != alarm.reason:
                found.append(f"{name}: {alarm.reason}")
        return found

    def overdue(self, now: float) -> frozenset[str]:
        """The channels that are stale at `now`, monotonic [s]."""
        longest = self._longest
        return frozenset(
            name for name, since in self._arrived.items() if now - since > longest[name]
        )

    def stale(
        self, names: Iterable[str], values: Mapping[str, Reading], time: float
    ) -> dict[str, Reading]:
        """The readings of channels without news."""
        found = {}
        for name in names:
            text = f"no value for {self._longest[name]:.3g} s"
            alarm = Alarm(Severity.INVALID, Status.TIMEOUT, text)
            found[name] = _without(values.get(name), alarm, time)
        return found

    def lost(
        self, values: Mapping[str, Reading], alarm: Alarm, time: float
    ) -> dict[str, Reading]:
        """All readings, with `alarm`: the instrument is lost, disabled or stopped."""
        self._arrived.clear()
        return {name: _without(values.get(name), alarm, time) for name in self.names}

    def unread(self) -> dict[str, Reading]:
        """The readings before the first contact."""
        return {name: Reading(value=None, alarm=UNDEFINED) for name in self.names}


def _without(last: Reading | None, alarm: Alarm, time: float) -> Reading:
    """The last value, with an alarm; a value never read stays undefined."""
    if last is None or last.value is None:
        if alarm.severity is Severity.NO_ALARM:
            return Reading(value=None, alarm=UNDEFINED, time=time)
        return Reading(value=None, alarm=alarm, time=time)
    # replace() takes three times as long
    return Reading(value=last.value, label=last.label, alarm=alarm, time=time)


def _unreadable(error: Exception) -> Alarm:
    return Alarm(Severity.INVALID, Status.READ, str(error)[:80])

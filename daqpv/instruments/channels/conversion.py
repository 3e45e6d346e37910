"""Converts what an instrument sends for a channel into a reading."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from daqpv.core import NO_ALARM, Alarm, Reading, Severity, Status
from daqpv.core.numbers import number
from daqpv.errors import quoted
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.formula.formula import Formula
from daqpv.instruments.settings.channel import Channel, ChannelType, State, Word

_INT32 = 2**31
_MOST_TEXT = 39  # [bytes] of a string record
_CLOSE = 1e-6  # relative: instruments print certain numbers with few digits

Smoothed = Callable[[float, float], float]


class Conversion:
    """Converts the values of one channel; keeps what its filter needs.

    Args:
        key: of the channel in the settings.
        channel: its settings.

    Attributes:
        is_plain: whether finite numbers are taken as they are.
    """

    def __init__(self, key: str, channel: Channel) -> None:
        self._key = key
        self._channel = channel
        self._words = _by_text(channel.words)
        self._numbers = _by_number(channel.words)
        self._scale = _formula(channel.scale)
        self._states = _states(channel)
        self._is_real = channel.type is ChannelType.NUMBER
        self._is_number = self._is_real or channel.type is ChannelType.INTEGER
        self._low_pass = LowPass(channel.smooth) if channel.smooth else None
        kinds: dict[ChannelType, Callable[[Raw], tuple[Any, Alarm]]] = {
            ChannelType.NUMBER: self._real,
            ChannelType.INTEGER: self._integer,
            ChannelType.TEXT: self._text,
            ChannelType.BOOLEAN: self._state,
            ChannelType.ENUM: self._state,
            ChannelType.ARRAY: self._array,
        }
        self._of_type = kinds[channel.type]
        self._time = 0.0
        self.is_plain = channel.type is ChannelType.NUMBER and not (
            channel.words or channel.scale or channel.smooth
        )

    def reading(self, raw: Raw, time: float, last: Reading | None) -> Reading:
        """The reading for `raw`.

        Args:
            raw: what the instrument has sent.
            time: of it, UTC [s since 1970].
            last: the reading before, whose value stays if `raw` is a word without one.

        Raises:
            ValueError: `raw` is neither a value of the channel's type nor a known word.
        """
        if isinstance(raw, Fault):
            return self._fault(raw, time, last)
        if getattr(raw, "ndim", None) == 0:  # a numpy scalar is not a Python number
            raw = raw.item()  # type: ignore[union-attr]
        word = self._word(raw)
        if word is not None:
            return self._fault(word, time, last)
        self._time = time
        value, alarm = self._of_type(raw)
        return Reading(value=value, alarm=alarm, time=time, label=self._label(value))

    def _fault(self, fault: Fault, time: float, last: Reading | None) -> Reading:
        value: Any = None if last is None else last.value
        alarm = NO_ALARM
        if fault.severity is not Severity.NO_ALARM:
            alarm = Alarm(fault.severity, fault.status, fault.words)
        if fault.value is not None:
            self._time = time
            value, own = self._beside(fault)
            alarm = max(alarm, own, key=lambda one: one.severity)
        elif alarm is NO_ALARM:
            raise ValueError(f"{quoted(fault.words)} has neither a value nor an alarm")
        return Reading(value=value, alarm=alarm, time=time, label=self._label(value))

    def _beside(self, fault: Fault) -> tuple[Any, Alarm]:
        """The value that is shown beside an alarm."""
        value = fault.value
        assert value is not None
        if fault.in_units and isinstance(value, int | float) and self._is_number:
            return (value if self._is_real else round(value)), NO_ALARM
        return self._of_type(value)

    def _word(self, raw: Raw) -> Fault | None:
        if self._words and isinstance(raw, str):
            word = self._words.get(raw.strip())
            if word is not None:
                return _fault_of(word, raw.strip())
        if self._numbers and isinstance(raw, int | float):
            for value, text, word in self._numbers:
                if raw == value or math.isclose(raw, value, rel_tol=_CLOSE):
                    return _fault_of(word, text)
        return None

    def _label(self, value: Any) -> str:
        states = self._channel.states
        if not states or not isinstance(value, int) or value >= len(states):
            return ""
        return states[value].label

    # -- by type

    def _real(self, raw: Raw) -> tuple[float, Alarm]:
        value = _number(raw)
        if self._scale is not None:
            value = self._scale.number({"value": value})
        if not math.isfinite(value):
            return value, Alarm(Severity.INVALID, Status.READ, f"it sends {raw!s:.20}")
        if self._low_pass is not None:
            value = self._low_pass.next(value, self._time)
        return value, NO_ALARM

    def _integer(self, raw: Raw) -> tuple[int, Alarm]:
        value, alarm = self._real(raw)
        if alarm is not NO_ALARM:
            return 0, alarm
        if self._low_pass is None and value != int(value):
            raise ValueError(f"{value!r} is not a whole number")
        whole = round(value)
        if not -_INT32 <= whole < _INT32:
            raise ValueError(f"{whole} does not fit into 32 bits: take type: number")
        return whole, NO_ALARM

    def _text(self, raw: Raw) -> tuple[str, Alarm]:
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        text = text.strip()
        encoded = text.encode()  # refuses half of a surrogate pair
        if self._channel.length is not None:  # its PV says how much does not fit
            return text, NO_ALARM
        return encoded[:_MOST_TEXT].decode("utf-8", "ignore"), NO_ALARM

    def _state(self, raw: Raw) -> tuple[int, Alarm]:
        index = self._states.get(_plain(raw))
        if index is None:
            known = ", ".join(map(str, self._states))
            raise ValueError(f"{quoted(str(raw))} is none of its states ({known})")
        states = self._channel.states
        if not states:
            return index, NO_ALARM
        return index, _alarm_of(states[index])

    def _array(self, raw: Raw) -> tuple[Any, Alarm]:
        import numpy as np  # noqa: PLC0415 - slow; few instruments send arrays

        if raw is None or isinstance(raw, str | bytes | Fault):
            raise ValueError(f"{raw!r:.40} is not an array of numbers")
        try:
            values = np.atleast_1d(np.asarray(raw, dtype=float))
        except TypeError:
            raise ValueError(f"{raw!r:.40} is not an array of numbers") from None
        if values.ndim != 1:
            raise ValueError(f"an array of {values.ndim} dimensions cannot be a PV")
        if self._scale is not None:
            values = np.asarray(self._scale({"value": values}), dtype=float)
        values = values[: self._channel.length]
        values.flags.writeable = False
        return values, NO_ALARM


class LowPass:
    """A filter of first order, whatever the distance of the values.

    Args:
        constant: its time constant [s].
    """

    def __init__(self, constant: float) -> None:
        self._constant = constant
        self._value = math.nan
        self._time = 0.0

    def next(self, value: float, time: float) -> float:
        """The filtered value after `value` at `time` [s since 1970]."""
        passed = time - self._time
        if math.isnan(self._value) or not 0 <= passed < 20 * self._constant:
            self._value = value  # the first one, or the clock was set
        else:
            part = -math.expm1(-passed / self._constant)
            self._value += part * (value - self._value)
        self._time = time
        return self._value


def _number(raw: Raw) -> float:
    if isinstance(raw, bool | int | float):
        return float(raw)
    if isinstance(raw, bytes):
        raw = raw.decode("ascii", "replace")
    if isinstance(raw, str):
        return number(raw)
    raise ValueError(f"{raw!r:.40} is not a number")


def _plain(raw: Raw) -> str:
    """`raw` as a text by which states are found: "1" for 1, 1.0, True and b"1"."""
    if isinstance(raw, bytes):
        return raw.decode("ascii", "replace").strip()
    if isinstance(raw, bool | int):
        return str(int(raw))
    if isinstance(raw, float):
        return f"{raw:.12g}"
    text = str(raw).strip()
    try:
        return f"{float(text):.12g}"  # "01" and "+1" are 1
    except ValueError:
        return text


def _formula(text: str | None) -> Formula | None:
    return None if text is None else Formula(text, names=("value",), foreign=False)


def _states(channel: Channel) -> dict[str, int]:
    if channel.type is ChannelType.BOOLEAN and not channel.states:
        pairs = (("0", "1"), ("OFF", "ON"), ("Off", "On"), ("off", "on"))
        words = (("False", "True"), ("false", "true"), ("NO", "YES"), ("No", "Yes"))
        return {text: i for pair in (*pairs, *words) for i, text in enumerate(pair)}
    found = {}
    for index, state in enumerate(channel.states):
        raw = index if state.raw is None else state.raw
        found[_plain(raw)] = index
    for index, state in enumerate(channel.states):  # a state's label means it, too
        found.setdefault(state.label, index)
    return found


def _alarm_of(state: State) -> Alarm:
    severity = state.severity.severity
    if severity is Severity.NO_ALARM:
        return NO_ALARM
    return Alarm(severity, Status.STATE, state.label)


def _by_text(words: Mapping[str, Word]) -> dict[str, Word]:
    return {text.strip(): word for text, word in words.items()}


def _by_number(words: Mapping[str, Word]) -> list[tuple[float, str, Word]]:
    found = []
    for text, word in words.items():
        try:
            found.append((float(text), text, word))
        except ValueError:
            continue
    return found


def _fault_of(word: Word, text: str) -> Fault:
    severity = word.severity.severity
    return Fault(word.text or text, severity, value=word.value, in_units=True)

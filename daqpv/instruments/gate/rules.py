"""The rules of a settable channel: which values it takes, and which agree."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeGuard

from daqpv.errors import RefusedError, quoted
from daqpv.instruments.settings import Channel, ChannelType

Value: TypeAlias = float | int | str | tuple[float, ...]
"""A value in the units of its channel: of a boolean or enum the index of its state, of
an array a tuple."""

NUMBERS = (ChannelType.NUMBER, ChannelType.INTEGER)

_SHORT = 39  # [bytes] of a text without `length`: what Channel Access has for one
_SWITCH = ("Off", "On")  # states of a boolean that names none
_SINGLE = 1e-6  # relative: about what a 32-bit float in an instrument cannot hold


class Rules:
    """Which values a channel takes.

    Args:
        subject: of sentences: "gas: setpoint".
        channel: its settings.
    """

    def __init__(self, subject: str, channel: Channel) -> None:
        self.subject = subject
        self._channel = channel
        self._forms: dict[ChannelType, Callable[[Any], Value]] = {
            ChannelType.NUMBER: self._number,
            ChannelType.INTEGER: self._integer,
            ChannelType.TEXT: self._text,
            ChannelType.BOOLEAN: self._state,
            ChannelType.ENUM: self._state,
            ChannelType.ARRAY: self._array,
        }
        labels = tuple(state.label for state in channel.states)
        self.labels = labels or _SWITCH * (channel.type is ChannelType.BOOLEAN)

    @property
    def is_number(self) -> bool:
        """Whether it has single numbers, which can be ramped."""
        return self._channel.type in NUMBERS

    def formed(self, given: Any) -> Value:
        """`given` as a value of the channel; labels and indices are states.

        Raises:
            RefusedError: it is not one.
        """
        return self._forms[self._channel.type](given)

    def checked(self, given: Any) -> Value:
        """`given` as a value of the channel, within its limits.

        Raises:
            RefusedError: it is not one, or outside.
        """
        value = self.formed(given)
        for one in value if isinstance(value, tuple) else (value,):
            if not isinstance(one, str):
                self._check_limits(one)
        self._check_only(value)
        return value

    def is_hazard(self, value: Value) -> bool:
        """Whether a put of `value`, as `checked` returns it, has to be confirmed."""
        hazard = self._channel.hazard
        if isinstance(hazard, bool):
            return hazard
        return any(self._is_same(value, one) for one in hazard)

    def check_step(self, value: Value, present: Value | None) -> None:
        """Refuse `value` if it is too far from the present one, where that is known.

        Raises:
            RefusedError: it is.
        """
        step = self._channel.step
        if step is None or not (is_number(value) and is_number(present)):
            return
        if self.is_number and abs(value - present) > step * (1 + 1e-9):
            raise self._refusal(
                f"may change by at most {self.text(step)} at once, and is "
                f"{self.text(present)} now: not {self.text(value)}"
            )

    def agrees(self, found: object, wanted: Value) -> bool:
        """Whether `found`, as it was read back, is what was put."""
        if isinstance(wanted, str):
            return isinstance(found, str) and found.strip() == wanted.strip()
        if isinstance(wanted, tuple):
            try:
                elements = list(found)  # type: ignore[call-overload]
            except TypeError:
                return False
            pairs = zip(elements, wanted, strict=False)
            return len(elements) == len(wanted) and all(self._near(*p) for p in pairs)
        return self._near(found, wanted)

    def is_within(self, value: float) -> bool:
        """Whether `value` is within the limits."""
        low, high = self._limits
        return low <= value <= high

    def is_near_limits(self, value: float) -> bool:
        """Whether `value` is outside by no more than a read-back may be."""
        return self._near(value, self.limited(value))

    def limited(self, value: float) -> float:
        """`value`, or the limit that it exceeds."""
        low, high = self._limits
        return min(max(value, low), high)

    def text(self, value: object) -> str:
        """`value` with its units, or its label, for sentences."""
        if self.labels and isinstance(value, int) and 0 <= value < len(self.labels):
            return self.labels[value]
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, tuple):
            return f"{len(value)} values"
        number = f"{value:.6g}" if is_number(value) else str(value)
        return f"{number} {self._channel.units}".strip()

    def apart(self, one: object, other: object) -> tuple[str, str]:
        """Both as text; with all digits if fewer do not tell them apart."""
        texts = self.text(one), self.text(other)
        return texts if texts[0] != texts[1] else (repr(one), repr(other))

    # Limits

    @property
    def _limits(self) -> tuple[float, float]:
        low, high = self._channel.min, self._channel.max
        return -math.inf if low is None else low, math.inf if high is None else high

    def _check_limits(self, value: float) -> None:
        if self.is_within(value):
            return
        low, high = self._channel.min, self._channel.max
        if low is None:
            limits = f"at most {self.text(high)}"
        elif high is None:
            limits = f"at least {self.text(low)}"
        else:
            limits = f"within {low:g} to {self.text(high)}"
        raise self._refusal(f"must be {limits}, not {self.text(value)}")

    def _check_only(self, value: Value) -> None:
        only = self._channel.only
        if only and not any(self._is_same(value, one) for one in only):
            texts = ", ".join(map(self._listed, only))
            raise self._refusal(f"may only be {texts}, not {self.text(value)}")

    def _is_same(self, value: Value, listed: float | str) -> bool:
        if self.labels and isinstance(listed, str):
            return listed in self.labels and value == self.labels.index(listed)
        if is_number(value) and is_number(listed):
            return math.isclose(value, listed, rel_tol=1e-9, abs_tol=1e-12)
        return value == listed

    def _listed(self, one: float | str) -> str:
        return one if self.labels and isinstance(one, str) else self.text(one)

    def _near(self, found: object, wanted: float) -> bool:
        if not is_number(found):
            return False
        distance = abs(found - wanted)
        if self.labels or self._channel.type is ChannelType.INTEGER:
            return distance <= (self._channel.tolerance or 0.0)
        if self._channel.tolerance is not None:
            return distance <= self._channel.tolerance * (1 + 1e-9)
        half_a_digit = 0.5 * 10.0**-self._channel.precision
        return distance <= max(half_a_digit * (1 + 1e-9), _SINGLE * abs(wanted))

    # Forms

    def _number(self, given: Any) -> float:
        if not is_number(given):
            raise self._refusal(f"must be a number, not {_shown(given)}")
        if not math.isfinite(given):
            raise self._refusal(f"must be a finite number, not {given}")
        return float(given)

    def _integer(self, given: Any) -> int:
        number = self._number(given)
        if not number.is_integer():
            raise self._refusal(f"must be a whole number, not {given}")
        return int(given)

    def _state(self, given: Any) -> int:
        if isinstance(given, str) and given in self.labels:
            return self.labels.index(given)
        if is_number(given) and given in range(len(self.labels)):
            return int(given)
        raise self._refusal(f"must be {_either(self.labels)}, not {_shown(given)}")

    def _text(self, given: Any) -> str:
        if not isinstance(given, str):
            raise self._refusal(f"must be a text, not {_shown(given)}")
        if not given.isprintable():  # a line end in it would begin another command
            raise self._refusal(
                f"must be a text without line ends, not {quoted(given)}"
            )
        longest = self._channel.length or _SHORT
        if len(given.encode()) > longest:
            raise self._refusal(f"must have at most {longest} bytes")
        return given

    def _array(self, given: Any) -> tuple[float, ...]:
        try:
            values = tuple(self._number(one) for one in given)
        except TypeError:
            raise self._refusal(f"must be numbers, not {_shown(given)}") from None
        if len(values) > (self._channel.length or 0):
            raise self._refusal(f"must have at most {self._channel.length} elements")
        return values

    def _refusal(self, text: str) -> RefusedError:
        return RefusedError(f"{self.subject} {text}.")


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is one number; those of numpy are."""
    return isinstance(value, numbers.Real)


def _shown(given: object) -> str:
    return quoted(given) if isinstance(given, str) else quoted(repr(given)).strip("'\"")


def _either(texts: Sequence[str]) -> str:
    return " or ".join(texts) if len(texts) < 3 else "one of " + ", ".join(texts)

"""Asks a client to put a value twice before it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from daqpv.core import Clock, Origin, origin
from daqpv.instruments.gate.rules import Value

WITHIN = 10.0  # [s]


@dataclass(frozen=True, slots=True)
class _Asked:
    value: Value
    by: Origin | None
    until: float

    def is_met_by(self, value: Value, now: float) -> bool:
        """Whether a put of `value` at `now` confirms it."""
        return (self.value, self.by) == (value, origin.get()) and now <= self.until


class Confirmation:
    """Whether the same client has put the same value shortly before.

    Args:
        clock: by which it takes time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: _Asked | None = None

    def is_given(self, value: Value) -> bool:
        """Whether this put confirms the one before it; if not, the next one may."""
        now = self._clock.monotonic()
        if self._asked is not None and self._asked.is_met_by(value, now):
            return True
        self._asked = _Asked(value, origin.get(), now + WITHIN)
        return False

    def spend(self) -> None:
        """It is used: the next put has to be confirmed again."""
        self._asked = None

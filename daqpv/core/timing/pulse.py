"""The pulse: facts that a process writes each second, to find after a kill.

They reach the disk at once, and cost one small write a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Facts = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The last beat of a process that has ended.

    Attributes:
        facts: what was noted.
        age: how long ago that was [s], however our clock was set since, unless the
            computer was started anew.
        step: by how much our clock was set since [s].
    """

    facts: Facts
    age: float
    step: float = 0.0


class Pulse(Protocol):
    """Keeps the newest beat on the disk."""

    def last(self) -> Beat | None:
        """The last beat before this process began; None if none is known."""

    def beat(self, facts: Facts, /) -> None:
        """Note `facts`, in place of those before. It never blocks and never raises."""

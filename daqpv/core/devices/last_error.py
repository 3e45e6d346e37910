"""Decides how long LastError shows the last failure of a device."""

from __future__ import annotations

from dataclasses import dataclass

from daqpv.core.events.event import Origin
from daqpv.core.timing.clock import Clock

READ_WITHIN = 60.0  # [s] a failure stays so long for the client that caused it


@dataclass(slots=True)
class LastFailure:
    """The origin of `last_error`.

    Attributes:
        by: the client whose put failed; None if no client did.
        at: when, monotonic [s].
        clock: gives that.
        pv: the PV that was put to; "" if not known.
    """

    by: Origin | None
    at: float
    clock: Clock
    pv: str = ""

    def is_over(self, began: float, by: Origin | None) -> bool:
        """Whether a good command of `by`, begun at `began`, ends the failure.

        A good command of another client does not end it at once: it can be read first.
        """
        is_theirs = self.by is None or self.by == by
        is_read = self.clock.monotonic() - self.at > READ_WITHIN
        return began >= self.at and (is_theirs or is_read)

"""How long the last failure of a device is shown: for whom it is, and until when."""

from __future__ import annotations

from dataclasses import dataclass

from daqpv.core.events.event import Origin
from daqpv.core.timing.clock import Clock

READ_WITHIN = 60.0  # [s] so long a failure stays for who has made it


@dataclass(slots=True)
class LastFailure:
    """What `last_error` is about.

    Attributes:
        by: who met it; None if nobody did.
        at: when, monotonic [s].
        clock: gives that.
        pv: the PV that was put to; "" if not known.
    """

    by: Origin | None
    at: float
    clock: Clock
    pv: str = ""

    def is_over(self, began: float, by: Origin | None) -> bool:
        """Whether what `by` began at `began`, and has done well, puts an end to it.

        What another client does well meanwhile leaves time to read it.
        """
        is_theirs = self.by is None or self.by == by
        is_read = self.clock.monotonic() - self.at > READ_WITHIN
        return began >= self.at and (is_theirs or is_read)

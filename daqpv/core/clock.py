"""Time stamps: they rise, and stay near our own clock."""

from __future__ import annotations

import time

AHEAD = 1.0  # [s] that a stamp may be ahead of our clock: computers differ a little

_TICK = 1e-6  # [s] least distance of two stamps: archivers refuse equal ones


def stamp_after(last: float, at: float | None = None) -> float:
    """The time stamp of what is observed at `at`, after one at `last`.

    It is later than `last` and at most a second ahead of our clock. `at` may come from
    a computer whose clock is wrong; if our own clock was set back, `last` is what is
    ahead, and the stamp is the only one that is earlier.

    Args:
        last: the stamp before, UTC [s since 1970].
        at: when it was observed, UTC [s since 1970]. Default: now; so it is if `at` is
            not after `last`, or far ahead.
    """
    now = time.time()
    if at is None or not last < at <= now + AHEAD:
        at = now
    return at if last > now + AHEAD else max(at, last + _TICK)

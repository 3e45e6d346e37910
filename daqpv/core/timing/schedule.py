"""The beat of whoever looks again and again."""

from __future__ import annotations


def rest(period: float, elapsed: float) -> float:
    """How long to wait for the next beat; a timer that rang early makes no second one.

    Args:
        period: of the beat [s].
        elapsed: since any of the beats before [s].
    """
    left = period - elapsed % period
    return left if left > 0.01 * period else left + period

"""The result of a benchmark: one number with its limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One number with its limit.

    Attributes:
        what: its name, as in the table of README.md.
        value: measured in one run.
        limit: `value` must not exceed it.
        unit: of both.
    """

    what: str
    value: float
    limit: float
    unit: str


def quantile(values: Sequence[float], share: float) -> float:
    """The least of `values` that is not below `share` of them (nearest rank)."""
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(rank, 1) - 1]

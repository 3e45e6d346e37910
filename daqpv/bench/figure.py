"""The rows of the table of figures: quantities, units and goals of daqpv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of a PV server.

    Attributes:
        what: the measured quantity.
        unit: of the figure.
        goal: of daqpv.
        more: whether a larger value is better.
        digits: after the point.
    """

    what: str
    unit: str
    goal: float
    more: bool = False
    digits: int = 0

    def reached(self, value: float) -> bool:
        """Whether `value` meets the goal."""
        return value >= self.goal if self.more else value <= self.goal

    def text(self, value: float) -> str:
        """Format `value` with its unit."""
        return f"{value:,.{self.digits}f} {self.unit}"


class Figure(NamedTuple):
    """A value of one row, or the reason why it is missing.

    Attributes:
        row: its key in ROWS.
        value: None: the measurement failed.
        why: reason of the failure.
    """

    row: str
    value: float | None
    why: str = ""


ROWS = {
    "connect": Row("connect all d (libca)", "s", 0.6, digits=2),
    "get_double": Row("pipelined gets, double", "/s", 600_000, more=True),
    "get_enum": Row("pipelined gets, enum", "/s", 600_000, more=True),
    "get_long": Row("pipelined gets, long", "/s", 600_000, more=True),
    "get_string": Row("pipelined gets, string", "/s", 600_000, more=True),
    "get_p50": Row("get, one after the other, p50", "us", 70),
    "put_p50": Row("put with callback, p50", "us", 100),
    "slow_p50": Row("get p50 while a put takes 5 s, same circuit", "us", 70),
    "block_worst": Row("longest get while a put blocks 100 ms", "ms", 110),
    "one_cpu": Row("10 Hz to 1 client: CPU", "%", 4, digits=1),
    "one_p50": Row("... delay p50", "ms", 2, digits=1),
    "one_p99": Row("... delay p99", "ms", 5, digits=1),
    "one_lost": Row("... lost or repeated", "", 0),
    "ten_rate": Row("10 Hz to 10 clients: events", "/s", 99_000, more=True),
    "ten_cpu": Row("... CPU", "%", 12, digits=1),
    "ten_p99": Row("... delay p99", "ms", 12, digits=1),
    "ten_lost": Row("... lost or repeated", "", 0),
    "fast_rate": Row("100 Hz to 1 client: events", "/s", 99_000, more=True),
    "fast_cpu": Row("... CPU", "%", 25, digits=1),
    "fast_p99": Row("... delay p99", "ms", 12, digits=1),
    "fast_lost": Row("... lost or repeated", "", 0),
    "most": Row("most events to 1 client without loss", "/s", 300_000, more=True),
    "wave_get": Row("1,000,000 doubles: get", "MB/s", 1000, more=True),
    "wave_put": Row("1,000,000 doubles: put", "MB/s", 1000, more=True),
    "stopped_p99": Row(
        "1 of 10 clients stopped: p99 of the others", "ms", 12, digits=1
    ),
    "stopped_lost": Row("... lost or repeated by them", "", 0),
    "stopped_memory": Row("... growth of the server's memory", "MB", 16, digits=1),
    "start": Row("start of all PVs until the last answers", "s", 0.8, digits=2),
    "memory": Row("... memory above the empty process", "MB", 60, digits=1),
}
"""In the order of the table; rows of one measurement are adjacent."""

"""Measures CPU time of one GetState: sent, received, parsed, compared.

The process of `daqpv serve` polls many servers at the shortest period, some hundred
times a second, while a client follows them. Then all servers are disabled: the CPU time
that is left (timers, statistics, the client) is not of the polls, and is subtracted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.figure import Figure
from benchmarks.lab import Lab, Watched

SERVERS = 100
PERIOD = "0.2"  # [s], the least
DURATION = 12.0  # [s] of either measurement
SIGNALS = ("State", "Transition", "Online", "Message")


class Reading(NamedTuple):
    """The CPU time and polls of the process so far.

    Attributes:
        time: monotonic [s].
        cpu: CPU time, user and system [s].
        polls: GetState that the simulators have got.
    """

    time: float
    cpu: float
    polls: int


def measure() -> Iterator[Figure]:
    """Yield the figure of one run."""
    with Lab(cobos=SERVERS) as lab:
        followed = [Watched(lab.pv(n, s)) for n in lab.names for s in SIGNALS]
        for name in lab.names:
            lab.put(name, "PollPeriod", PERIOD)
        polls, cpu = _during(lab, DURATION)
        for name in lab.names:
            lab.put(name, "Enable", "0")
        others, control = _during(lab, DURATION)
        assert not others, "a disabled server is polled"
        assert followed
    yield Figure("CPU of one GetState", (cpu - control) / polls * 1e3, 0.4, "ms")


def _during(lab: Lab, duration: float) -> tuple[int, float]:
    """Polls, and CPU time per `duration` [s]."""
    before = _read(lab)
    time.sleep(duration)
    after = _read(lab)
    used = after.cpu - before.cpu
    return after.polls - before.polls, used * duration / (after.time - before.time)


def _read(lab: Lab) -> Reading:
    cpu = lab.cpu
    return Reading(time.monotonic(), cpu, sum(lab.polls().values()))

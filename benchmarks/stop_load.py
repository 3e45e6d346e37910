"""Measures how soon Stop leaves while 100,000 monitor events a second are sent.

A MuTAnT and CoBos are started and stopped through the system, repeatedly; the same
process serves counters to another client (loaded.py). The simulator records when the
MuTAnT's Stop arrived; all processes read the clock of this computer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, quantile
from benchmarks.lab import Lab
from benchmarks.loaded import COUNTERS, RATE
from daqpv.bench.child import Followers
from daqpv.bench.target import Target

COBOS = 11
PUTS = 100
NAME = "MuTAnT"


def measure() -> Iterator[Figure]:
    """Yield the figures of one run."""
    loaded = (str(Path(__file__).with_name("loaded.py")),)
    with Lab(cobos=COBOS, mutant=True, serve=loaded) as lab:
        target = Target("daqpv", "127.0.0.1", lab.port, lab.prefix, 1, COUNTERS)
        with Followers(target, 1, COUNTERS) as follower:
            follower.begin()
            ways = [_stop(lab) for _ in range(PUTS)]
            (heard,) = follower.end()
    what = f"put of Sys:Stop at {COUNTERS * RATE:,.0f} events/s -> MuTAnT's Stop"
    yield Figure(f"{what}, p50", quantile(ways, 0.50), 10, "ms")
    yield Figure(f"{what}, p99", quantile(ways, 0.99), 20, "ms")
    due = COUNTERS * RATE * heard.duration
    missing = 100 * max(1 - heard.events / due, 0)
    yield Figure("... events that did not come meanwhile", missing, 1, "%")
    yield Figure("... delay of those that came, p99", heard.p99, 20, "ms")


def _stop(lab: Lab) -> float:
    """Start all, stop all; return the latency of the MuTAnT's Stop [ms]."""
    lab.put_system("Target", "Running")
    number = lab.ask(NAME, "/requests")["requests"][-1]["number"]
    put = time.time()
    lab.put_system("Stop", "1")
    log = lab.ask(NAME, f"/requests?after={number}")["requests"]
    (stop,) = (one for one in log if one["method"] == "Stop")
    return float(1e3 * (stop["time"] - put))

"""Measures CPU time of an experiment at rest: 64 servers, each polled once a second."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.figure import Figure
from benchmarks.lab import Lab

SERVERS = 64
SETTLING = 5.0  # [s]
DURATION = 20.0  # [s]


def measure() -> Iterator[Figure]:
    """Yield the figures of one run."""
    with Lab(cobos=SERVERS) as lab:
        time.sleep(SETTLING)
        start, cpu, polls = time.monotonic(), lab.cpu, lab.polls()
        time.sleep(DURATION)
        used, after, took = lab.cpu - cpu, lab.polls(), time.monotonic() - start
    fewest = min(after[name] - polls[name] for name in lab.names)
    what = f"{SERVERS} servers polled each second"
    yield Figure(f"{what}: CPU, of a core", 100 * used / took, 5, "%")
    yield Figure(f"{what}: polls missed by the worst", took - fewest, 2, "")

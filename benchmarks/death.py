"""Measures the time until a client sees that a server process has died.

The simulator's process is killed at random moments between two polls, and started
again. The worst repetition counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from benchmarks.figure import Figure
from benchmarks.lab import Lab, Watched

REPETITIONS = 8
PERIOD = 1.0  # [s] between two polls, the default
MAJOR = 2
NAME = "CoBo0"


def measure() -> Iterator[Figure]:
    """Yield the figure of one run."""
    with Lab() as lab:
        online = Watched(lab.pv(NAME, "Online"))
        delays = [_die(lab, online) for _ in range(REPETITIONS)]
    what = "server process dies -> Online MAJOR at a client, worst"
    yield Figure(what, max(delays), 4, "s")


def _die(lab: Lab, online: Watched) -> float:
    """The time from the death to the client's event [s]."""
    time.sleep(random.uniform(0, PERIOD))
    killed = time.time()
    lab.simulators.kill()
    known = online.first(
        lambda event: event["severity"] == MAJOR, after=killed, what="Online MAJOR"
    )
    lab.simulate()
    online.first(lambda event: event["severity"] == 0, after=known, what="Online again")
    return known - killed

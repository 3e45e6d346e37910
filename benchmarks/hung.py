"""Measures the others while one of many servers hangs: it accepts and does not answer.

The other servers must have the same polls, response times, and time of a put as
without it. Both are measured in turn; the medians are compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.figure import Figure, quantile
from benchmarks.lab import Lab
from daqpv.links.ca import pv

SERVERS = 500
SETTLING = 5.0  # [s]
DURATION = 20.0  # [s]
PUTS = 20
ROUNDS = 3
HUNG = "CoBo0"


class Reading(NamedTuple):
    """The figures of the other servers.

    Attributes:
        polls: a second, of the server with the fewest.
        response: median of their last response times [ms].
        put: p95 of a put to one of them, one operation [ms].
        cpu: of the serving process, of a core [%].
    """

    polls: float
    response: float
    put: float
    cpu: float


def measure() -> Iterator[Figure]:
    """Yield the figures of one run."""
    free, hung = [], []
    with Lab(cobos=SERVERS) as lab:
        for _ in range(ROUNDS):
            time.sleep(SETTLING)
            free.append(_read(lab))
            lab.ask(HUNG, "/faults", "PUT", **{"*": {"do": "hang"}})
            lab.until(HUNG, "Condition", "Hung")
            hung.append(_read(lab))
            lab.ask(HUNG, "/faults", "DELETE")
            lab.until(HUNG, "Condition", "OK")
    without, meanwhile = _medians(free), _medians(hung)
    what = f"1 of {SERVERS} servers hangs; the others, more than before"
    fewer = without.polls - meanwhile.polls
    yield Figure(f"{what}: polls/s missing at the worst", fewer, 0.1, "Hz")
    slower = meanwhile.response - without.response
    yield Figure(f"{what}: response time, median", slower, 1, "ms")
    later = meanwhile.put - without.put
    yield Figure(f"{what}: put of one operation, p95", later, 20, "ms")
    yield Figure(f"{what}: CPU, of a core", meanwhile.cpu - without.cpu, 2, "%")


def _medians(readings: Sequence[Reading]) -> Reading:
    print(*readings, sep="\n")
    return Reading(*map(statistics.median, zip(*readings, strict=True)))


def _read(lab: Lab) -> Reading:
    others = [name for name in lab.names if name != HUNG]
    start, cpu, polls = time.monotonic(), lab.cpu, lab.polls()
    time.sleep(DURATION)
    took, used, now = time.monotonic() - start, lab.cpu - cpu, lab.polls()
    puts = []
    for _ in range(PUTS):
        for state in ("Described", "Idle"):
            begin = time.monotonic()
            lab.put(others[-1], "State", state)
            puts.append(1e3 * (time.monotonic() - begin))
    responses = [float(pv.get(lab.pv(name, "ResponseTime"))) for name in others]
    return Reading(
        polls=min(now[name] - polls[name] for name in others) / took,
        response=1e3 * statistics.median(responses),
        put=quantile(puts, 0.95),
        cpu=100 * used / took,
    )

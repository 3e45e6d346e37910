"""Measures latencies: from a put to the ECC server, and from its answer to a client.

Puts with callback lead one server to Described and back to Idle, repeatedly. The
simulator records when each request arrived and when it was answered; all processes
read the clock of this computer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from benchmarks.figure import Figure, quantile
from benchmarks.lab import Lab, Watched

PUTS = 300
WARM_UP = 10
NAME = "CoBo0"


class Trial(NamedTuple):
    """The times of one put, UTC [s since 1970].

    Attributes:
        put: the client puts.
        asked: the operation arrives at the server.
        ended: the server answers the operation.
        reported: the server answers the first GetState with the new state.
        seen: the client has the monitor event of that state.
    """

    put: float
    asked: float
    ended: float
    reported: float
    seen: float


def measure() -> Iterator[Figure]:
    """Yield the figures of one run."""
    with Lab() as lab:
        trials = list(_trials(lab))[WARM_UP:]
    ways = [(trial.asked - trial.put) * 1e3 for trial in trials]
    what = "CA write arriving -> SOAP request leaving"
    yield Figure(f"{what}, p50", quantile(ways, 0.50), 5, "ms")
    yield Figure(f"{what}, p99", quantile(ways, 0.99), 20, "ms")
    news = [(trial.seen - trial.reported) * 1e3 for trial in trials]
    what = "SOAP answer -> monitor event at a client"
    yield Figure(f"{what}, p50", quantile(news, 0.50), 10, "ms")
    steps = [(trial.seen - trial.ended) * 1e3 for trial in trials]
    what = "the same from the operation's answer on"
    yield Figure(f"{what}, p50", quantile(steps, 0.50), 10, "ms")


def _has(value: int, event: dict[str, Any]) -> bool:
    return bool(event["value"] == value)


def _trials(lab: Lab) -> Iterator[Trial]:
    watched = Watched(lab.pv(NAME, "State"))
    number = 0
    for count in range(WARM_UP + PUTS):
        state, index = ("Described", 2) if count % 2 == 0 else ("Idle", 1)
        put = time.time()
        lab.put(NAME, "State", state)
        seen = watched.first(
            partial(_has, index),
            after=put,
            what=f"State == {state}",
        )
        log = lab.ask(NAME, f"/requests?after={number}")["requests"]
        number = log[-1]["number"]
        yield _trial(put, seen, state, log)


def _trial(put: float, seen: float, state: str, log: list[dict[str, Any]]) -> Trial:
    (operation,) = (one for one in log if not one["method"].startswith("Get"))
    reported = min(
        one["answered"]
        for one in log
        if one["method"] == "GetState"
        and one["state"] == state
        and one["time"] > operation["time"]
    )
    return Trial(put, operation["time"], operation["answered"], reported, seen)

"""Measures 200 instruments over TCP, five channels each, ten times per second.

    python -m benchmarks.instruments.polls [--count 200] [--seconds 20] [--runs 3]

In one run, one after the other: daqpv serving them, and a plain asyncio loop that asks
the same instruments and splits the same answers. The instruments are in a process of
their own; it notes when it was asked, and so how late.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, TypeAlias

from benchmarks.instruments.serving import PYTHON, cpu_of, serving

PERIOD = 0.1  # [s]
SETTLE = 4.0  # [s] after the start, which is not measured

ONE = """  i{n}:
    connection: "tcp://127.0.0.1:{port}"
    period: 100 ms
    read: {{ask: "PR1", answer: "{{a:g}},{{b:g}},{{c:g}},{{d:g}},{{e:g}}"}}
    channels: {{a: {{}}, b: {{}}, c: {{}}, d: {{}}, e: {{}}}}
"""


Client: TypeAlias = Callable[[int, int], AbstractContextManager[int]]


class Outcome(NamedTuple):
    """CPU of the client [% of a core], and how late questions came [ms]."""

    cpu: float
    p50: float
    p99: float
    most: float
    asked: int


@contextmanager
def devices() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The instruments, and their port."""
    command = [*PYTHON, "benchmarks.instruments.devices", str(PERIOD)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


@contextmanager
def plain(port: int, count: int) -> Iterator[int]:
    """The plain loop; gives its process id."""
    command = [*PYTHON, "benchmarks.instruments.plain"]
    with subprocess.Popen(
        [*command, str(port), str(count), str(PERIOD)],
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        yield client.pid
        client.terminate()


@contextmanager
def served(port: int, count: int) -> Iterator[int]:
    """The daqpv process; gives its process id."""
    section = "".join(ONE.format(n=n, port=port) for n in range(count))
    with serving(section) as one:
        yield one.process.pid


def outcome(client: Client, count: int, seconds: float) -> Outcome:
    """Measure one client against new instruments."""
    with devices() as (process, port):
        with client(port, count) as pid:
            time.sleep(SETTLE)
            before, began = cpu_of(pid), time.monotonic()
            time.sleep(seconds)
            used, passed = cpu_of(pid) - before, time.monotonic() - began
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        found = json.loads(process.stdout.readline())
    p50, p99, most = (1e3 * found[key] for key in ("p50", "p99", "most"))
    return Outcome(100 * used / passed, p50, p99, most, found["asked"])


def main() -> None:
    """Measure, and print medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--runs", type=int, default=3)
    given = arguments.parse_args()
    clients = {"daqpv serve": served, "plain loop": plain}
    found: dict[str, list[Outcome]] = {name: [] for name in clients}
    for _ in range(given.runs):
        for name, client in clients.items():
            found[name].append(outcome(client, given.count, given.seconds))
    print(f"{given.count} instruments, 5 channels, 10 Hz; medians of {given.runs}")
    for name, outcomes in found.items():
        cpu, p50, p99, most, asked = (
            statistics.median(values) for values in zip(*outcomes, strict=True)
        )
        print(
            f"{name}: {cpu:.1f} % of a core; late by {p50:.1f} ms (p50), "
            f"{p99:.1f} (p99), {most:.1f} (most); {asked:.0f} questions"
        )


if __name__ == "__main__":
    main()

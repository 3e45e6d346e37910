"""Measures 200 instruments over TCP, five channels each, ten times per second.

    python -m benchmarks.instruments.polls [--count 200] [--seconds 20] [--runs 3]

In one run, one after the other: daqpv serving them, and a plain asyncio loop that asks
the same instruments and splits the same answers. The instruments are in a process of
their own; it notes when it was asked, and so how late.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.ports import free_port

PERIOD = 0.1  # [s]
SETTLE = 4.0  # [s] after the start, which is not measured
TICKS = os.sysconf("SC_CLK_TCK")

HEAD = """experiment: bench
prefix: "BENCH:"
store: none
instruments:
"""
ONE = """  i{n}:
    connection: "tcp://127.0.0.1:{port}"
    period: 100 ms
    read: {{ask: "PR1", answer: "{{a:g}},{{b:g}},{{c:g}},{{d:g}},{{e:g}}"}}
    channels: {{a: {{}}, b: {{}}, c: {{}}, d: {{}}, e: {{}}}}
"""


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
    command = [sys.executable, "-m", "benchmarks.instruments.devices", str(PERIOD)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


def cpu_of(pid: int) -> float:
    """CPU time of a process so far [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measured(command: list[str], seconds: float) -> float:
    """CPU of a client [%], from the ready line and `SETTLE` on."""
    environ = os.environ | {
        "EPICS_CAS_SERVER_PORT": str(free_port()),
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environ
    ) as client:
        assert client.stdout is not None
        for line in client.stdout:
            if line.startswith("ready"):
                break
        time.sleep(SETTLE)
        before, began = cpu_of(client.pid), time.monotonic()
        time.sleep(seconds)
        used = cpu_of(client.pid) - before
        passed = time.monotonic() - began
        client.terminate()
        client.stdout.close()
    return 100 * used / passed


def outcome(command: list[str], seconds: float, more: str = "") -> Outcome:
    """Measure one client against new instruments; {port} is put into its command."""
    with devices() as (process, port), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bench.yaml")
        file.write_text(HEAD + more.replace("{port}", str(port)))
        texts = [
            one.replace("{port}", str(port)).replace("{file}", str(file))
            for one in command
        ]
        cpu = measured(texts, seconds)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        found = json.loads(process.stdout.readline())
    p50, p99, most = (1e3 * found[key] for key in ("p50", "p99", "most"))
    return Outcome(cpu, p50, p99, most, found["asked"])


def main() -> None:
    """Measure, and print medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--runs", type=int, default=3)
    given = arguments.parse_args()
    section = "".join(ONE.format(n=n, port="{port}") for n in range(given.count))
    python = [sys.executable, "-m"]
    clients = {
        "daqpv serve": ([*python, "daqpv", "serve", "{file}"], section),
        "plain loop": (
            [
                *python,
                "benchmarks.instruments.plain",
                "{port}",
                str(given.count),
                "0.1",
            ],
            "",
        ),
    }
    found: dict[str, list[Outcome]] = {name: [] for name in clients}
    for _ in range(given.runs):
        for name, (command, more) in clients.items():
            found[name].append(outcome(command, given.seconds, more))
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

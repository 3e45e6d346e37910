"""Measures the time from a line that an instrument sends to a Channel Access client.

    python -m benchmarks.instruments.stream [--rate 100] [--seconds 20] [--runs 3]

A process sends lines whose value is the monotonic clock of this computer; libca in this
process receives the values.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import suppress

from benchmarks.figure import quantile
from benchmarks.instruments.serving import PYTHON, environment, serving

SKIPPED = 50  # first values, while monitors begin


def send(port: int, rate: float) -> None:
    """The instrument: accept one connection, and send for ever."""
    with socket.create_server(("127.0.0.1", port)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        beat = time.monotonic()
        with suppress(OSError):
            while True:
                beat += 1 / rate
                time.sleep(max(0.0, beat - time.monotonic()))
                connection.sendall(b"T=%.9f\n" % time.monotonic())


def run(rate: float, seconds: float) -> tuple[float, float]:
    """p50 and p99 [ms] of one run; in a process of its own."""
    command = [*PYTHON, "benchmarks.instruments.stream", "--send", str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        port = int(sender.stdout.readline())
        section = f"""  one:
    connection: "tcp://127.0.0.1:{port}"
    terminator: "\\n"
    stream: "T={{t:g}}"
    channels: {{t: {{precision: 6}}}}
"""
        try:
            with serving(section) as one:
                os.environ |= environment(one.port)
                delays = follow("BENCH:Inst:one:t", int(rate * seconds))
        finally:
            sender.kill()
    return 1e3 * quantile(delays, 0.5), 1e3 * quantile(delays, 0.99)


def follow(pv: str, count: int) -> list[float]:
    """The delays of so many values [s]."""
    import epics  # noqa: PLC0415 - libca reads its environment at import

    delays: list[float] = []
    done = threading.Event()

    def came(value: float, **_: object) -> None:
        delays.append(time.monotonic() - value)
        if len(delays) >= count + SKIPPED:
            done.set()

    watched = epics.PV(pv, callback=came, auto_monitor=epics.dbr.DBE_VALUE)
    assert done.wait(120 + count), f"{len(delays)} values of {pv}"
    watched.clear_auto_monitor()
    return delays[SKIPPED:]


def main() -> None:
    """Measure, and print medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=100.0)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--send", type=float, help=argparse.SUPPRESS)
    arguments.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.send:
        send(0, given.send)
    if given.one:
        print(*run(given.rate, given.seconds))
        return
    command = [*PYTHON, "benchmarks.instruments.stream", "--one"]
    more = ["--rate", str(given.rate), "--seconds", str(given.seconds)]
    found = []
    for _ in range(given.runs):
        text = subprocess.run(
            [*command, *more], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        found.append(tuple(map(float, text.split())))
    p50, p99 = (statistics.median(one) for one in zip(*found, strict=True))
    print(f"line to client, {given.rate:g} Hz: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

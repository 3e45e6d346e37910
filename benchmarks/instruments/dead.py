"""Measures the start with 50 instruments that are off, beside 10 that live.

    python -m benchmarks.instruments.dead [--runs 3]

Of those that are off a third refuses connections, a third does not even answer that (a
listening socket with a full queue), and a third accepts and is silent.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from benchmarks.instruments.polls import devices
from benchmarks.instruments.serving import serving
from tests.support.ports import free_port

ONE = """  {name}:
    connection: "tcp://127.0.0.1:{port}"
    period: {period} ms
    read: {{ask: "PR1", answer: "{{a:g}},{{b:g}},{{c:g}},{{d:g}},{{e:g}}"}}
    channels: {{a: {{}}, b: {{}}, c: {{}}, d: {{}}, e: {{}}}}
"""
EACH = (17, 17, 16)
WATCHED = 30.0  # [s]


class Outcome(NamedTuple):
    """Time to the ready line [s]; how late live ones were asked [ms]; lines of log."""

    ready: float
    p99: float
    most: float
    lines: float


@contextmanager
def black_hole() -> Iterator[int]:
    """The port of a socket that takes no connection any more."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(4):  # its queue is full after two
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


@contextmanager
def silent() -> Iterator[int]:
    """The port of a socket that accepts, in the kernel, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield server.getsockname()[1]


def run() -> Outcome:
    """One start."""
    with black_hole() as hole, silent() as mute, devices() as (process, port):
        off = (free_port(), hole, mute)
        section = "".join(
            ONE.format(name=f"off{kind}_{n}", port=off[kind], period=1000)
            for kind, count in enumerate(EACH)
            for n in range(count)
        )
        section += "".join(
            ONE.format(name=f"live{n}", port=port, period=100) for n in range(10)
        )
        with serving(section) as one:
            time.sleep(WATCHED)
            log = one.log.read_text()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        late = json.loads(process.stdout.readline())
    said = Counter(
        word
        for line in log.splitlines()
        for word in line.replace(":", " ").split()
        if word.startswith("off")
    )
    lines = sum("off" in line for line in log.splitlines()) / sum(EACH)
    assert len(said) == sum(EACH), f"{len(said)} instruments are in the log"
    return Outcome(one.ready, 1e3 * late["p99"], 1e3 * late["most"], lines)


def main() -> None:
    """Measure, and print medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=3)
    outcomes = [run() for _ in range(arguments.parse_args().runs)]
    ready, p99, most, lines = (
        statistics.median(v) for v in zip(*outcomes, strict=True)
    )
    print(
        f"50 instruments off: ready in {ready:.2f} s; live ones late by {p99:.1f} ms "
        f"(p99), {most:.1f} (most); {lines:.2f} lines of log per dead one"
    )


if __name__ == "__main__":
    main()

"""Compares four PV servers: python benchmarks/pv_server.py [--runs 3] [--markdown].

A C IOC (epicscorelibs), pythonSoftIOC (softioc), caproto's own server, and daqpv's:
each alone, one after the other, on a port of its own on 127.0.0.1. Medians of the runs.
None of them has real-time scheduling or locked memory (benchmarks/rights.py). The C IOC
has the stock scan rates, except where counters step faster than 10 Hz. caproto serves
plain channels, since its records would need 17 s and 1.6 GB.

A server that ends during a measurement is reported, and restarted for the next. All
measurements take about 40 minutes; --runs 1 a third of that.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.rights import as_ordinary_process
from daqpv.bench.figure import Figure
from daqpv.bench.measure import MEASURES, measure
from daqpv.bench.table import markdown, median, table
from daqpv.bench.target import Target
from daqpv.bench.wire import Circuit, find
from daqpv.errors import DaqError
from daqpv.serve.ca import protocol as ca
from tests.support.ports import free_port

PREFIX = "B:"
N, M, RATE = 10_000, 1000, 10
DEADLINE = 60.0  # [s] for a start
HERE = Path(__file__).parent
FASTER = ("fast", "most")  # these measurements need more than 10 Hz


def _script(name: str) -> list[str]:
    return [str(HERE / name)]


class Server(NamedTuple):
    """How a server is started.

    Attributes:
        command: of Python.
        options: whether what to serve is given by options.
        scans: whether it needs more scan rates than the stock ones above 10 Hz.
    """

    command: Sequence[str]
    options: bool = False
    scans: bool = False


SERVERS: Mapping[str, Server] = {
    "C": Server(_script("pv_server_c.py"), scans=True),
    "pythonSoftIOC": Server(_script("pv_server_softioc.py")),
    "caproto": Server(_script("pv_server_caproto.py")),
    "daqpv": Server(["-m", "daqpv", "bench", "ioc"], options=True),
    "daqpv mix": Server(["-m", "daqpv", "bench", "ioc", "--mix"], options=True),
}


class Running:
    """A server process.

    Args:
        name: of SERVERS.
        n: how many ``d``.
        m: how many ``m``.
        faster: whether counters have to step faster than 10 Hz.

    Attributes:
        target: the server, for the measurements.
        seconds: from its start until the last PV answered.
    """

    def __init__(
        self, name: str, n: int = N, m: int = M, *, faster: bool = False
    ) -> None:
        server = SERVERS[name]
        given = [PREFIX, str(n), str(m), str(RATE)]
        self.faster = faster and server.scans
        if self.faster:
            given.append("faster")
        if server.options:
            names = ("--prefix", "--n", "--m", "--rate")
            given = [part for pair in zip(names, given, strict=True) for part in pair]
        port = free_port()
        begin = time.monotonic()
        self.process = subprocess.Popen(
            as_ordinary_process([sys.executable, *server.command, *given]),
            env=_environ(port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.target = Target(name, "127.0.0.1", port, PREFIX, n, m, self.process.pid)
        try:
            self._await(f"{PREFIX}d{n - 1}" if n else f"{PREFIX}rate", port)
        except BaseException:
            self.end()
            raise
        self.seconds = time.monotonic() - begin

    def _await(self, last: str, port: int) -> None:
        """Wait until the PV `last` answers."""
        tcp_port = find(last, "127.0.0.1", port, timeout=DEADLINE)
        with Circuit("127.0.0.1", tcp_port) as circuit:
            (channel,) = circuit.create([last])
            circuit.get(channel, ca.DOUBLE)

    def end(self) -> None:
        """End it, in any state."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE)


def _environ(port: int) -> dict[str, str]:
    return os.environ | {
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_SERVER_PORT": str(port),
        "EPICS_CA_REPEATER_PORT": str(free_port()),
        "EPICS_CAS_SERVER_PORT": str(port),
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CA_MAX_ARRAY_BYTES": "10000000",
        "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_PVAS_BROADCAST_PORT": str(free_port()),
        "EPICS_PVAS_SERVER_PORT": "0",
    }


@contextmanager
def running(name: str, n: int = N, m: int = M) -> Iterator[Running]:
    """A server for a while."""
    server = Running(name, n, m)
    try:
        yield server
    finally:
        server.end()


def start(name: str) -> list[Figure]:
    """The start time of a server with all PVs, and their memory."""
    try:
        with running(name, 1, 0) as empty:
            before = empty.target.memory()
        with running(name, N, 0) as server:
            used = server.target.memory() - before
            return [Figure("start", server.seconds), Figure("memory", used)]
    except (DaqError, OSError) as error:
        return [Figure("start", None, str(error)), Figure("memory", None, str(error))]


def figures_of(name: str, chosen: Iterable[str]) -> Iterator[Figure]:
    """All figures of a server; it is restarted when it has ended."""
    server: Running | None = None
    try:
        for what in chosen:
            print(f"{name}: {what} ...", file=sys.stderr, flush=True)
            if what == "start":
                yield from start(name)
                continue
            faster = what in FASTER and SERVERS[name].scans
            if server is not None and server.faster != faster:
                server.end()
                server = None
            server = server or Running(name, faster=faster)
            figures = measure(server.target, what)
            yield from figures
            if any(figure.value is None and figure.why for figure in figures):
                server.end()
                server = None
    finally:
        if server is not None:
            server.end()


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", action="append", choices=list(SERVERS))
    parser.add_argument("--only", action="append", choices=[*MEASURES, "start"])
    parser.add_argument("--markdown", action="store_true", help="as for README.md")
    given = parser.parse_args()
    chosen = given.only or [*MEASURES, "start"]
    results: dict[str, list[Figure]] = {}
    for name in given.server or SERVERS:
        runs = [list(figures_of(name, chosen)) for _ in range(given.runs)]
        results[name] = [median(same) for same in zip(*runs, strict=True)]
    if given.markdown:
        print(markdown(results))
    else:
        Console(width=200).print(table(results, own="daqpv"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"load of this computer (1, 5, 15 min): {load}; cores: {os.cpu_count()}")


if __name__ == "__main__":
    main()

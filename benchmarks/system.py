"""Measures the system: the time of a put from Idle to Running, and the cost of polls.

    python benchmarks/system.py put [--cobos 11]
    python benchmarks/system.py poll [--servers 500] [--seconds 30]

The simulators run in one process, `daqpv serve` in another, and libca in this one.
`put`: a MuTAnT and CoBos, every operation takes 1 s; the order's critical path is 7 s.
`poll`: all servers are polled once a second; CPU time and memory are those of `daqpv
serve`, memory also above that with one server; the simulators count the polls.

2026-11-20, Python 3.11, two cores shared with other work, priority raised: 12 servers
to Running in 7.24 s, to Idle in 7.18 s (2 servers: 7.08 and 7.05 s). 500 servers: up in
3.0 s, 22.8 % of a core, 108 MB above one, 20 to 21 polls of each in 20 s.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from tests.support.ports import free_port

SETTLING = 5.0  # [s] before polls are counted


def simulate(port: Connection, cobos: int, duration: float) -> None:
    """A MuTAnT and CoBos; sends their addresses, then at each request all polls."""
    from daqpv.ecc import ConfigId, EccState, Operation  # noqa: PLC0415
    from daqpv.sim.experiment import ServerPlan, build  # noqa: PLC0415

    async def run() -> None:
        names = ["MuTAnT", *(f"CoBo{n}" for n in range(cobos))]
        plans = [
            ServerPlan(
                name=name,
                host="127.0.0.1",
                port=0,
                config=ConfigId(name.lower(), "bench", "bench"),
                is_mutant=name == "MuTAnT",
            )
            for name in names
        ]
        simulators = build(plans)
        for simulator in simulators:
            simulator.behaviour.jitter = 0.0
            simulator.behaviour.durations = dict.fromkeys(Operation, duration)
            await simulator.start()
        port.send([(simulator.name, simulator.url) for simulator in simulators])
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, port.recv):
            polls = [simulator.counts["GetState"] for simulator in simulators]
            port.send((polls, [EccState(s.state) for s in simulators]))

    asyncio.run(run())


@contextmanager
def simulators(
    cobos: int, duration: float
) -> Iterator[tuple[Connection, list[tuple[str, str]]]]:
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    peer = context.Process(target=simulate, args=(theirs, cobos, duration), daemon=True)
    peer.start()
    try:
        yield ours, ours.recv()
    finally:
        peer.terminate()
        peer.join()


def text(servers: list[tuple[str, str]]) -> str:
    lines = "".join(
        f"  {name}: {{url: {url}, role: {'mutant' if name == 'MuTAnT' else 'cobo'}, "
        f"config: {name.lower()}/bench/bench}}\n"
        for name, url in servers
    )
    return f'experiment: bench\nprefix: "BENCH:"\necc:\n{lines}'


@contextmanager
def serving(servers: list[tuple[str, str]]) -> Iterator[tuple[psutil.Process, float]]:
    """`daqpv serve`, and the time until it was ready [s]."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(text(servers), encoding="utf-8")
        start = time.monotonic()
        command = [sys.executable, "-m", "daqpv", "serve", "bench.yaml", "--quiet"]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if line.startswith("ready:"):
                        break
                yield psutil.Process(process.pid), time.monotonic() - start
            finally:
                process.terminate()


def put(cobos: int) -> None:
    from daqpv.links.ca import pv  # noqa: PLC0415 (after the environment)

    with simulators(cobos, 1.0) as (port, servers), serving(servers):
        deadline = time.monotonic() + 30
        while pv.get("BENCH:Sys:Online") != "Online" and time.monotonic() < deadline:
            time.sleep(0.1)
        for target, critical in (("Running", 7), ("Idle", 7)):
            start = time.monotonic()
            pv.put("BENCH:Sys:Target", target, timeout=60)
            took = time.monotonic() - start
            port.send(True)
            states = {state.label for state in port.recv()[1]}
            print(
                f"{len(servers)} servers, 1 s each operation, put of {target}: "
                f"{took:.2f} s (critical path {critical} s); they are {states}"
            )


def poll(count: int, seconds: float) -> None:
    with simulators(count - 1, 1.0) as (port, servers):
        with serving(servers[:1]) as (process, _):
            time.sleep(SETTLING)
            empty = process.memory_info().rss
        with serving(servers) as (process, up):
            time.sleep(SETTLING)
            port.send(True)
            before, _ = port.recv()
            cpu = sum(process.cpu_times()[:2])
            start = time.monotonic()
            time.sleep(seconds)
            used = sum(process.cpu_times()[:2]) - cpu
            port.send(True)
            after, _ = port.recv()
            took = time.monotonic() - start
            polls = [b - a for a, b in zip(before, after, strict=True)]
            memory = process.memory_info().rss
    print(f"{count} servers, up in {up:.1f} s")
    print(f"CPU {100 * used / took:.1f} % of a core")
    print(f"memory {memory / 1e6:.0f} MB, {(memory - empty) / 1e6:.0f} MB above one")
    print(f"polls of each in {took:.1f} s: {min(polls)} to {max(polls)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["put", "poll"])
    parser.add_argument("--cobos", type=int, default=11)
    parser.add_argument("--servers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    port = str(free_port())
    os.environ |= {
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": port,
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CA_ADDR_LIST": f"127.0.0.1:{port}",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
    }
    if arguments.what == "put":
        put(arguments.cobos)
    else:
        poll(arguments.servers, arguments.seconds)


if __name__ == "__main__":
    main()

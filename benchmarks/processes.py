"""Measures the system over several processes: one put, and the cost of following.

    python -m benchmarks.processes put [--processes 4] [--cobos 11]
    python -m benchmarks.processes follow [--servers 500] [--seconds 30]

`put`: a MuTAnT and CoBos, every operation takes 1 s, each process serves its share; the
system belongs to the last; the order's critical path is 7 s. `follow`: one process
serves the servers, another has the system and follows them all over Channel Access;
CPU time and memory are those of the latter.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.system import SETTLING, simulators, text
from tests.support.ports import free_port

WAIT = 60.0  # [s]


@contextmanager
def serving(
    servers: list[tuple[str, str]], shares: Sequence[Sequence[str]]
) -> Iterator[list[psutil.Process]]:
    """`daqpv serve` once for each share: its sections and devices."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(text(servers), encoding="utf-8")
        command = [sys.executable, "-m", "daqpv", "serve", "bench.yaml", "--quiet"]
        processes = []
        for n, share in enumerate(shares):
            only = [word for name in share for word in ("--only", name)]
            processes.append(
                subprocess.Popen(
                    [*command, "--name", f"p{n}", *only],
                    cwd=folder,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        try:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline().startswith("ready:")
            yield [psutil.Process(process.pid) for process in processes]
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def wait_online() -> float:
    """Wait until the system has all its servers; return how long that took [s]."""
    from daqpv.links.ca import pv  # noqa: PLC0415 (after the environment)

    start = time.monotonic()
    while pv.get("BENCH:Sys:Online") != "Online":
        assert time.monotonic() - start < WAIT
        time.sleep(0.05)
    return time.monotonic() - start


def put(count: int, cobos: int) -> None:
    from daqpv.links.ca import pv  # noqa: PLC0415 (after the environment)

    with simulators(cobos, 1.0) as (port, servers):
        shares = [
            [f"ecc.{name}" for name, _ in servers[n::count]] for n in range(count)
        ]
        shares[-1].append("system")
        with serving(servers, shares):
            wait_online()
            for target in ("Running", "Idle"):
                start = time.monotonic()
                pv.put("BENCH:Sys:Target", target, timeout=WAIT)
                took = time.monotonic() - start
                port.send(True)
                states = {state.label for state in port.recv()[1]}
                print(
                    f"{len(servers)} servers in {count} processes, 1 s each operation, "
                    f"put of {target}: {took:.2f} s (critical path 7 s); they are "
                    f"{states}"
                )


def follow(count: int, seconds: float) -> None:
    with (
        simulators(count - 1, 1.0) as (_, servers),
        serving(servers, [["ecc"], ["system"]]) as (_, follower),
    ):
        found = wait_online()
        time.sleep(SETTLING)
        cpu = sum(follower.cpu_times()[:2])
        time.sleep(seconds)
        used = sum(follower.cpu_times()[:2]) - cpu
        memory = follower.memory_info().rss / 1e6
        print(
            f"{count} servers of another process: all found {found:.1f} s after it was "
            f"ready, {100 * used / seconds:.1f} % of a core to follow them, "
            f"{memory:.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    one = commands.add_parser("put")
    one.add_argument("--processes", type=int, default=4)
    one.add_argument("--cobos", type=int, default=11)
    other = commands.add_parser("follow")
    other.add_argument("--servers", type=int, default=500)
    other.add_argument("--seconds", type=float, default=30.0)
    wanted = parser.parse_args()
    port = str(free_port())
    os.environ |= {
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": port,
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CA_ADDR_LIST": f"127.255.255.255:{port}",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_REPEATER_PORT": str(free_port()),
    }
    if wanted.what == "put":
        put(wanted.processes, wanted.cobos)
    else:
        follow(wanted.servers, wanted.seconds)


if __name__ == "__main__":
    main()

"""A ``daqpv serve`` of a file with instruments, on loopback, and its CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.ports import free_port

PYTHON = (sys.executable, "-m")
TICKS = os.sysconf("SC_CLK_TCK")

HEAD = """experiment: bench
prefix: "BENCH:"
store: none
instruments:
"""


class Served(NamedTuple):
    """A running process.

    Attributes:
        process: of daqpv.
        port: of Channel Access.
        ready: time from the start to the ready line [s].
        log: its output so far; it grows.
    """

    process: subprocess.Popen[str]
    port: int
    ready: float
    log: Path

    def cpu(self) -> float:
        """CPU time so far [s]."""
        return cpu_of(self.process.pid)


def cpu_of(pid: int) -> float:
    """CPU time of a process so far [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def environment(port: int) -> dict[str, str]:
    """The environment of servers and clients on loopback."""
    return {
        **os.environ,
        "EPICS_CAS_SERVER_PORT": str(port),
        "EPICS_CA_SERVER_PORT": str(port),
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
    }


@contextmanager
def serving(section: str) -> Iterator[Served]:
    """Serve an experiment with these instruments, from its ready line on."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bench.yaml")
        file.write_text(HEAD + section)
        log = Path(folder, "log")
        began = time.monotonic()
        with log.open("w") as out:
            process = subprocess.Popen(
                [*PYTHON, "daqpv", "serve", str(file)],
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment(port),
            )
        try:
            while "ready:" not in log.read_text():
                if process.poll() is not None or time.monotonic() > began + 60:
                    raise RuntimeError(log.read_text())
                time.sleep(0.01)
            yield Served(process, port, time.monotonic() - began, log)
        finally:
            process.terminate()
            process.wait(10)

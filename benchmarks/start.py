"""Measures starts: the time of commands from a shell until their output.

    python -m benchmarks.start

`help`: `daqpv --help`. `check`: `daqpv check` of 500 ECC servers. `serve`: until the
ready line, with 10,000 PVs and no store; it includes the search for other servers of
the same PVs. The CPU time is that of the process alone: other work on the computer
changes it less.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.figure import Figure
from benchmarks.store import print_figures
from tests.support.ports import free_port

DAQPV = (sys.executable, "-m", "daqpv")
RUNS = 5
CHECKED = 500  # ECC servers
SERVED = 264  # ECC servers: 10,000 PVs


class Start(NamedTuple):
    """Wall and CPU time of one start [s]."""

    wall: float
    cpu: float


def start(folder: Path, arguments: Sequence[str], line: str | None = None) -> Start:
    """Start daqpv; wait for its end, or for a line that begins so, and end it."""
    began = time.monotonic()
    command = [*DAQPV, *arguments]
    environ = dict(os.environ)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed daqpv is compiled
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        for said in process.stdout:
            if line is not None and said.startswith(line):
                break
        wall = time.monotonic() - began
        if line is not None:
            process.send_signal(signal.SIGKILL)
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if line is None and process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}")
    return Start(wall, usage.ru_utime + usage.ru_stime)


def write(file: Path, servers: int) -> None:
    """Write an experiment file with so many ECC servers, and no store."""
    lines = (
        f"  CoBo{n}: {{url: http://127.0.0.1:{20000 + n}/, config: c/e/e}}\n"
        for n in range(servers)
    )
    head = 'experiment: bench\nprefix: "BENCH:"\nstore: none\necc:\n'
    file.write_text(head + "".join(lines))


def measure() -> Iterator[Figure]:
    """Medians of starts after one that fills the caches of the disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "checked.yaml", CHECKED)
        write(folder / "served.yaml", SERVED)
        for what, arguments, line, limit in (
            ("daqpv --help", ["--help"], None, 0.08),
            ("daqpv check of 500 servers", ["check", "checked.yaml"], None, 1.5),
            ("daqpv serve of 10,000 PVs", ["serve", "served.yaml"], "ready:", 0.6),
        ):
            start(folder, arguments, line)
            starts = [start(folder, arguments, line) for _ in range(RUNS)]
            wall, cpu = (statistics.median(one) for one in zip(*starts, strict=True))
            yield Figure(what, wall, limit, "s")
            yield Figure("... CPU time", cpu, limit, "s")


if __name__ == "__main__":
    os.environ |= {
        "EPICS_CAS_SERVER_PORT": str(free_port()),
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
    }
    print_figures(tuple(measure()))

"""python -m benchmarks [names]: runs benchmarks, and prints the figures.

Each figure is the median of three runs. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping

from benchmarks import (
    cycles,
    death,
    few,
    hung,
    latency,
    modbus,
    poll_cpu,
    stop_load,
    text_file,
)
from benchmarks.figure import Figure

BENCHMARKS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "latency": latency.measure,
    "poll_cpu": poll_cpu.measure,
    "death": death.measure,
    "stop_load": stop_load.measure,
    "few": few.measure,
    "hung": hung.measure,
    "cycles": cycles.measure,
    "modbus": modbus.measure,
    "text_file": text_file.measure,
}
RUNS = 3


def main() -> int:
    """Run the benchmarks that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each benchmark")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {min(unknown)!r}; there are: {[*BENCHMARKS]}")
    print(f"load of this computer: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    missed = 0
    for name in arguments.names or BENCHMARKS:
        missed += _run(BENCHMARKS[name], arguments.runs)
    return int(missed > 0)


def _run(measure: Callable[[], Iterator[Figure]], runs: int) -> int:
    """Print the figures of a benchmark; return how many are missed."""
    missed = 0
    for figures in zip(*[tuple(measure()) for _ in range(runs)], strict=True):
        what, _, limit, unit = figures[0]
        value = statistics.median(figure.value for figure in figures)
        each = ", ".join(f"{figure.value:.3g}" for figure in figures)
        verdict = "reached" if value <= limit else "MISSED"
        missed += value > limit
        print(
            f"{what:<55} {value:6.3g} {unit:<2} (<= {limit:g}) {verdict:<7} [{each}]",
            flush=True,
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())

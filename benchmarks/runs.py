"""Measures runs: start, stop, sorting of files, and reading from the store.

    python -m benchmarks.runs [run sort list routers]

Simulators, `daqpv serve`, an sshd and the client (libca) are processes of their own.
`run`: a MuTAnT and 11 CoBos, each operation takes 0.5 s, so a start (CoBos, then the
MuTAnT) and a stop (the other way round) take 1 s; from the client's put to its
callback. 11 routers are checked before a start, over connections that stand.
`sort`: from the last write to one of 44 files until the client gets the end of Sorting.
This includes the rest of the stop, and the 0.25 s between the two checks that no file
grows. `list`: whole commands, from a shell. `routers`: CPU time of `daqpv
serve` with 11 routers, less that with all of them disabled.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.lab import Watched
from benchmarks.run_lab import RunLab
from benchmarks.store import print_figures
from daqpv.runs import Entry, RunRecord, RunValue
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Source
from daqpv.store.writing.journal import Journal
from daqpv.store.writing.refused import Refused

COBOS = 11
OPERATION = 0.5  # [s]
CRITICAL = 2 * OPERATION  # CoBos, then the MuTAnT; or the other way round
LIMIT = 1.05 * CRITICAL + 0.2
RUN = 2.0  # [s]
RUNS = 5
ASADS = 4  # files of a router in a run
LISTED = 10_000
WATCHING = 20.0  # [s] in which CPU time is measured
SETTLING = 5.0  # [s] before


def ready(lab: RunLab) -> None:
    """Bring all servers to Ready, with all routers online."""
    lab.until_online()
    lab.put("Sys:Target", "Ready")


def seconds(lab: RunLab, signal: str) -> float:
    """How long a put takes until its callback."""
    start = time.monotonic()
    lab.put(signal)
    return time.monotonic() - start


def run() -> Iterator[Figure]:
    """Runs from start to stop: the worst of them."""
    starts, stops = [], []
    with RunLab(cobos=COBOS, seconds=OPERATION) as lab:
        ready(lab)
        for _ in range(RUNS):
            starts.append(seconds(lab, "Run:Start"))
            time.sleep(RUN)
            stops.append(seconds(lab, "Run:Stop"))
            lab.until("Run:Sorting", "No")
    what = f"12 servers, critical path {CRITICAL:g} s, worst of {RUNS}"
    yield Figure(f"Run:Start, {what}", max(starts), LIMIT, "s")
    yield Figure(f"Run:Stop, {what}", max(stops), LIMIT, "s")


def sort() -> Iterator[Figure]:
    """The sorting of the files of runs: the worst of them."""
    took = []
    with RunLab(cobos=COBOS, seconds=OPERATION) as lab:
        ready(lab)
        sorting = Watched(f"{lab.prefix}Run:Sorting")
        for number in range(1, RUNS + 1):
            lab.put("Run:Start")
            time.sleep(RUN)
            began = time.time()
            lab.put("Run:Stop")
            begun = sorting.first(
                lambda event: event["value"] == 1, after=began, what="sorting"
            )
            ended = sorting.first(
                lambda event: event["value"] == 0, after=begun, what="the end of it"
            )
            folders = [
                path / "exp" / f"run_{number:04d}" for path in lab.staging.values()
            ]
            files = [file.stat() for path in folders for file in path.iterdir()]
            assert len(files) == ASADS * COBOS, files
            took.append(ended - max(file.st_mtime for file in files))
    what = f"{ASADS * COBOS} files sorted, from their last write, worst of {RUNS}"
    yield Figure(what, max(took), 1.0, "s")


def list_() -> Iterator[Figure]:
    """The commands that read many runs: the median of each."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bench.yaml")
        file.write_text(
            "experiment: bench\nprefix: 'BENCH:'\nstore: 'sqlite:///bench.db'\n"
            "ecc:\n  CoBo0: {url: 'http://127.0.0.1:1/'}\n"
            "run: {observables: {pressure: {units: Torr}, target: {type: string}}}\n"
        )
        fill(Path(folder))
        for what, limit in (("list", 0.5), ("export --format csv", 2.0)):
            words = what.split()
            times, cpus = zip(
                *(
                    command(Path(folder), words[0], file.name, *words[1:])
                    for _ in range(RUNS)
                ),
                strict=True,
            )
            name = f"daqpv runs {what}, {LISTED} runs, median of {RUNS}"
            yield Figure(name, statistics.median(times), limit, "s")
            yield Figure("... its CPU time", statistics.median(cpus), limit, "s")


def fill(folder: Path) -> None:
    """Put many runs, each with two observables, into a store."""
    records: list[Any] = []
    for n in range(1, LISTED + 1):
        start = 1.7e9 + 3600 * n
        records += [
            RunRecord(
                number=n,
                entry=Entry.ENDED,
                start=start,
                stop=start + 3500,
                seen=start + 3500,
                live_time=3400.0,
                kind="Production",
                title=f"alpha source, {n} Torr",
                operator="otto",
                config="e20009",
                data=10**11 + n,
            ),
            RunValue(number=n, name="pressure", type="float", units="Torr", value=n),
            RunValue(number=n, name="target", type="string", value="CH2"),
        ]
    refused = Refused(folder / "spool")
    journal = Journal(f"sqlite:///{folder}/bench.db", "bench", refused.keep)
    source = Source("a" * 32, "main@bench")
    entries = [
        OWN.entry(number, record, "main@bench")
        for number, record in enumerate(records, 1)
    ]
    assert journal.write(source, entries) == []
    journal.close()


def command(folder: Path, action: str, *arguments: str) -> tuple[float, float]:
    """How long ``daqpv runs`` takes from start to end, and its CPU time [s]."""
    words = [str(Path(sys.executable).with_name("daqpv")), "runs", action, *arguments]
    start, used = time.monotonic(), cpu_of_children()
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True)
    took = time.monotonic() - start, cpu_of_children() - used
    assert len(done.stdout.splitlines()) == LISTED + 1
    return took


def cpu_of_children() -> float:
    """CPU time of all processes that were started here and have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def routers() -> Iterator[Figure]:
    """The CPU time of polling routers."""
    with RunLab(cobos=COBOS, seconds=OPERATION) as lab:
        lab.until_online()
        watching = share(lab)
        for name in lab.staging:
            lab.put(f"Router:{name}:Enable", "0")
        resting = share(lab)
    what = f"CPU of {COBOS} routers over SSH, each polled every 2 s, of a core"
    yield Figure(what, watching - resting, 5.0, "%")
    yield Figure("... and of daqpv without them", resting, 100.0, "%")


def share(lab: RunLab) -> float:
    """CPU time of daqpv, of a core [%]."""
    time.sleep(SETTLING)
    cpu, start = lab.cpu, time.monotonic()
    time.sleep(WATCHING)
    return 100 * (lab.cpu - cpu) / (time.monotonic() - start)


MEASURES: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "run": run,
    "sort": sort,
    "list": list_,
    "routers": routers,
}


def measure() -> Iterator[Figure]:
    """Yield all figures."""
    for each in MEASURES.values():
        yield from each()


def main() -> int:
    """Print the figures that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs")
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(MEASURES)}")
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(MEASURES):
        parser.error(f"no benchmark {min(unknown)!r}; there are: {[*MEASURES]}")
    figures: list[Figure] = []
    for name in wanted.names or MEASURES:
        figures += MEASURES[name]()
    print_figures(figures)
    return int(any(figure.value > figure.limit for figure in figures))


if __name__ == "__main__":
    sys.exit(main())

"""Measures the store: writing, reading, and their effect on the PV server.

    python -m benchmarks.store write [--seconds 60] [--rate 5000]
    python -m benchmarks.store read [--events 10000000] [--settings 10000]
    python -m benchmarks.store move --to URL [--events 1000000]

`write`: a process serves PVs and adds events to its store (SQLite) at a steady rate;
another gets and puts a PV of it, one after the other, and measures each.
`read`: `daqpv log`, the last hour of one device out of many events, and `daqpv serve`
until it is ready, on the same store with many settings; each as a process, three times.
`move`: export from SQLite and import into an empty database, with the memory of each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psutil

from benchmarks.figure import Figure, quantile

DEVICES = 100
TICK = 0.01  # [s] between two lots of events
WARMING = 2.0  # [s] in which latencies are not noted
FILE = """\
experiment: bench
prefix: "BENCH:"
store: "sqlite:///bench.db"
ecc:
  CoBo0: {url: "http://127.0.0.1:1/"}
"""


def print_figures(figures: Sequence[Figure]) -> None:
    for what, value, limit, unit in figures:
        verdict = "reached" if value <= limit else "MISSED"
        print(f"{what:<60} {value:8.3g} {unit:<2} (<= {limit:g}) {verdict}", flush=True)


# -- write -----------------------------------------------------------------------------


def serve(file: Path, rate: float, seconds: float) -> None:
    """`daqpv serve`, and a steady rate of events."""
    from daqpv.app import App  # noqa: PLC0415 (in its own process only)
    from daqpv.cli.common import (  # noqa: PLC0415
        load_or_exit,
        run_until_signal,
        settle,
    )
    from daqpv.cli.serve.persistence import keep  # noqa: PLC0415
    from daqpv.core import Event, EventSeverity  # noqa: PLC0415

    experiment, kinds = load_or_exit(file)
    with ExitStack() as stack:
        keeping = keep(experiment, kinds, "main", stack)
        events, store, saved = keeping.events, keeping.store, keeping.saved
        assert store is not None
        app = App(
            experiment,
            kinds,
            events,
            name="main",
            follow=True,
            saved=saved,
            durable=keeping.durable,
            store=store,
        )

        async def flood() -> None:
            start, added = time.monotonic(), 0
            while (elapsed := time.monotonic() - start) < seconds:
                while added < elapsed * rate:
                    added += 1
                    event = Event(
                        time=time.time(),
                        severity=EventSeverity.INFORMATION,
                        name="bench",
                        text=f"CoBo{added % DEVICES} is at {added}, and well",
                        device=f"ECC:CoBo{added % DEVICES}",
                        fields={"number": added},
                    )
                    store.add(event)
                await asyncio.sleep(TICK)
            print(f"added: {added}", flush=True)

        async def both() -> None:
            ready = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(app.run(lambda _: ready.set()))
                await ready.wait()
                settle()
                print("ready:", flush=True)
                await flood()

        run_until_signal(both())


def write(rate: float, seconds: float) -> list[Figure]:
    import benchmarks.lab  # noqa: F401, PLC0415 (sets the environment)

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(FILE)
        command = [sys.executable, "-m", "benchmarks.store", "serve"]
        options = ["--rate", str(rate), "--seconds", str(seconds + WARMING)]
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        with subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready:\n"
            gets, puts = latencies(seconds)
            added = int(process.stdout.readline().split()[1])
            cpu = psutil.Process(process.pid).cpu_times()
            process.terminate()
            process.wait()
        with closing(sqlite3.connect(Path(folder, "bench.db"))) as store:
            [[kept, first, last]] = store.execute(
                "SELECT count(*), min(time), max(time) FROM event WHERE name = 'bench'"
            )
    took = (last - first) / 1e6
    used = 100 * (cpu.user + cpu.system) / took
    print(
        f"{added} events added, {kept} kept in {took:.1f} s: {kept / took:.0f} /s; CPU "
        f"of the process {used:.0f} %; {spread('gets', gets)}; {spread('puts', puts)}"
    )
    return [
        Figure("events that were lost", added - kept, 0, ""),
        Figure("time for one event [us]", 1e6 * took / kept, 1e6 / rate * 1.02, "us"),
        Figure("longest get meanwhile", 1e3 * max(gets), 20, "ms"),
        Figure("longest put with callback meanwhile", 1e3 * max(puts), 20, "ms"),
    ]


def spread(what: str, values: Sequence[float]) -> str:
    """Number and quantiles of durations [s], in words."""
    middle, most = (1e3 * quantile(values, share) for share in (0.5, 0.99))
    return f"{len(values)} {what}, p50 {middle:.2g} ms, p99 {most:.2g} ms"


def latencies(seconds: float) -> tuple[list[float], list[float]]:
    """Durations of gets and puts [s], one after the other."""
    from daqpv.links.ca import pv as ca  # noqa: PLC0415 (after the environment)

    name = "BENCH:ECC:CoBo0:PollPeriod"
    ca.put(name, "5", timeout=30)
    gets: list[float] = []
    puts: list[float] = []
    begin = time.monotonic()
    while (now := time.monotonic()) < begin + seconds:
        ca.get(name)
        middle = time.monotonic()
        ca.put(name, f"{5 + len(puts) % 10}", timeout=30)
        end = time.monotonic()
        if now > begin + WARMING:
            gets.append(middle - now)
            puts.append(end - middle)
        time.sleep(TICK)
    return gets, puts


# -- read ------------------------------------------------------------------------------


def fill(path: Path, events: int, settings: int = 0) -> None:
    """Make a store with `events` events, 100 a second until now, and settings."""
    from daqpv.store.tables.engine import make_engine  # noqa: PLC0415 - slow
    from daqpv.store.tables.migrate import prepare  # noqa: PLC0415

    engine = make_engine(f"sqlite:///{path}", writes=True)
    prepare(engine)
    engine.dispose()
    begin = round((time.time() - events / 100) * 1e6)
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("INSERT INTO experiment (id, name) VALUES (1, 'bench')")
        store.execute(
            "WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO event (id, experiment_id, time, severity, name, device, "
            "process, function, text, fields, who, count) "
            "SELECT i, 1, ? + i * 10000, (i % 53 = 0) + (i % 997 = 0), 'state', "
            "'ECC:CoBo' || (i * 7919 % ?), 'main@daq', 'daqpv.ecc.ecc.change', "
            "'CoBo is at ' || i || ', and well', '{\"number\": ' || i || '}', "
            "CASE WHEN i % 10 THEN '' ELSE 'operator@control-room' END, 1 FROM n",
            (events, begin, DEVICES),
        )
        rows = ((f"ECC:CoBo{n % 500}", f"field{n}") for n in range(settings))
        store.executemany("INSERT INTO setting VALUES (1, ?, ?, 1.5, 1.5, 0, '')", rows)


def read(events: int, settings: int) -> list[Figure]:
    import benchmarks.lab  # noqa: F401, PLC0415 (sets the environment)

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(FILE)
        start = time.monotonic()
        fill(Path(folder, "bench.db"), events, settings)
        size = Path(folder, "bench.db").stat().st_size / 1e9
        print(
            f"{events} events made in {time.monotonic() - start:.0f} s, {size:.1f} GB"
        )
        log = ["log", "bench.yaml", "--since", "1h", "--device", "CoBo3", "-n", "all"]
        logs = sorted(run(folder, *log) for _ in range(3))
        starts = sorted(until_ready(folder) for _ in range(3))
    return [
        Figure("log: the last hour of one device", logs[1], 1.0, "s"),
        Figure("start until it is ready", starts[1], 1.5, "s"),
    ]


def run(folder: str, *arguments: str) -> float:
    """The duration of a daqpv command [s]."""
    before, start = os.times(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "daqpv", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    took, after = time.monotonic() - start, os.times()
    used = sum(after[2:4]) - sum(before[2:4])  # of children, user and system
    lines = len(done.stdout.splitlines())
    print(f"{lines} lines in {took:.2f} s, {used:.2f} s of it CPU time")
    return took


def until_ready(folder: str) -> float:
    """The time of `daqpv serve` until clients can connect [s]."""
    start = time.monotonic()
    command = [sys.executable, "-m", "daqpv", "serve", "bench.yaml"]
    with subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready:"):
                break
        took = time.monotonic() - start
        process.terminate()
        process.communicate()
    return took


# -- move ------------------------------------------------------------------------------


def move(events: int, url: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(FILE)
        new = FILE.replace("sqlite:///bench.db", url)
        Path(folder, "new.yaml").write_text(new)
        fill(Path(folder, "bench.db"), events)
        took, most = 0.0, 0.0
        for action, file in (("export", "bench.yaml"), ("import", "new.yaml")):
            seconds, memory = watched(folder, "db", action, file, "bench.zip")
            print(f"{action} of {events} events: {seconds:.1f} s, {memory:.0f} MB")
            took, most = took + seconds, max(most, memory)
    return [
        Figure("export and import", took, 60, "s"),
        Figure("memory of either", most, 200, "MB"),
    ]


def watched(folder: str, *arguments: str) -> tuple[float, float]:
    """The duration of a daqpv command [s], and its greatest memory [MB]."""
    start, most = time.monotonic(), 0
    command = [sys.executable, "-m", "daqpv", *arguments]
    with subprocess.Popen(command, cwd=folder) as process:
        while process.poll() is None:
            try:
                most = max(most, psutil.Process(process.pid).memory_info().rss)
            except psutil.Error:
                break
            time.sleep(0.05)
        if process.wait():
            raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    return time.monotonic() - start, most / 1e6


def main() -> int:
    """Run the benchmark that the command line names; 1 if a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="what", required=True)
    for name in ("write", "serve"):
        one = commands.add_parser(name)
        one.add_argument("--seconds", type=float, default=60.0)
        one.add_argument("--rate", type=float, default=5000.0, help="events a second")
    one = commands.add_parser("read")
    one.add_argument("--events", type=int, default=10_000_000)
    one.add_argument("--settings", type=int, default=10_000)
    one = commands.add_parser("move")
    one.add_argument("--events", type=int, default=1_000_000)
    one.add_argument("--to", required=True, help="URL of an empty database")
    wanted = parser.parse_args()
    if wanted.what == "serve":
        serve(Path("bench.yaml"), wanted.rate, wanted.seconds)
        return 0
    print(f"load of this computer: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    match wanted.what:
        case "write":
            figures = write(wanted.rate, wanted.seconds)
        case "read":
            figures = read(wanted.events, wanted.settings)
        case _:
            figures = move(wanted.events, wanted.to)
    print_figures(figures)
    print(f"load at the end: {os.getloadavg()[0]:.1f}")
    return int(any(figure.value > figure.limit for figure in figures))


if __name__ == "__main__":
    sys.exit(main())

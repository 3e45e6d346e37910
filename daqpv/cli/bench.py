"""``daqpv bench``: measures a PV server, ours or another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import click

from daqpv.bench.figure import Figure
from daqpv.bench.ioc import FASTEST, group_of
from daqpv.bench.ioc import serve as serve_pvs
from daqpv.bench.measure import MEASURES, measure
from daqpv.bench.target import Target, pid_of
from daqpv.bench.wire import host_and_port
from daqpv.cli.collector import building
from daqpv.cli.common import EXIT_FAILED, fail, run_until_signal
from daqpv.errors import DaqError

_WIDTH = 160  # characters, if stdout is no terminal

PREFIX = click.option(
    "--prefix", default="B:", show_default=True, help="Of all PV names."
)
COUNT = click.IntRange(0, 1_000_000)


@click.group()
def bench() -> None:
    """Measure a PV server: `ioc` serves the PVs, `client` measures them.

    \b
    In one terminal:       daqpv bench ioc
    In another:            daqpv bench client

    The client measures any server that has these PVs under its prefix: a C IOC,
    pythonSoftIOC, caproto, ours. benchmarks/pv_server.py measures all four.
    """


@bench.command()
@PREFIX
@click.option("--n", type=COUNT, default=10_000, show_default=True, help="d0 to d<n-1>")
@click.option("--m", type=COUNT, default=1000, show_default=True, help="m0 to m<m-1>")
@click.option(
    "--rate",
    type=click.FloatRange(0, FASTEST),
    default=10.0,
    show_default=True,
    help="Steps of the counters per second [Hz]; also the PV rate.",
)
@click.option("--mix", is_flag=True, help="Not all doubles: see below.")
def ioc(*, prefix: str, n: int, m: int, rate: float, mix: bool) -> None:
    """Serve the PVs to measure, with the server of `daqpv serve`, until a signal.

    \b
        daqpv bench ioc --prefix B: --n 10000

    \b
        d0 ... d<n-1>   doubles to write, with alarm limits
        m0 ... m<m-1>   counters, all stepped in one turn of the event loop
        rate            how often they step [Hz], to write
        e, l, s         an enum of 3 states, a whole number, a text, to write
        w               1,000,000 doubles, to write
        slow            a put takes 5 s, asynchronously: no other client waits
        block           a put blocks the event loop for 100 ms: all clients wait

    With --mix, every second d and m is not a double but in turn a whole number, an
    enum, a bit, a text, like the PVs of an experiment.

    Prints "ready: N PVs under PREFIX, CA port X" when clients can connect. To see the
    effect of a blocked event loop:

    \b
        camonitor B:m0                                     (ten updates a second)
        while true; do caput -c B:block 1; done            (in another terminal)
    """
    with building():
        group = group_of(prefix, n, m, mix=mix)

    def ready(port: int) -> None:
        click.echo(f"ready: {len(group.pvdb)} PVs under {prefix}, CA port {port}")

    run_until_signal(serve_pvs(group, rate, ready))


@bench.command()
@PREFIX
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME=HOST[:PORT]",
    help="A server, and its name in the table; may be given several times. Else the "
    "first of EPICS_CA_ADDR_LIST, or this computer.",
)
@click.option("--n", type=COUNT, default=10_000, show_default=True, help="How many d.")
@click.option("--m", type=COUNT, default=1000, show_default=True, help="How many m.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(MEASURES)),
    help="Only this measurement; may be given several times.",
)
@click.option("--runs", type=click.IntRange(1, 99), default=1, show_default=True)
def client(
    *,
    prefix: str,
    servers: Sequence[str],
    n: int,
    m: int,
    only: Sequence[str],
    runs: int,
) -> None:
    """Measure servers that serve what `daqpv bench ioc` does, and print a table.

    \b
        daqpv bench client --only gets --only latency
        daqpv bench client --server ours=127.0.0.1 --server C=127.0.0.1:5070

    The first server is compared with the goals of daqpv, the others with the first.
    Gets, puts and events use raw sockets, since a client library in Python takes more
    time than a fast server; connecting uses libca. Delays are measured from time
    stamps, so the server must run on this computer; CPU and memory are those of its
    process. All figures take about two minutes for each server and run.

    The rows of a server that has ended say so. Without a PV `rate`, or SCAN fields that
    can be set to such rates, the rows at other rates say why they are empty.
    """
    from rich.console import Console  # noqa: PLC0415 - ioc is to start quickly

    from daqpv.bench.table import median, table  # noqa: PLC0415 - as well

    targets = [_target(text, prefix, n, m) for text in servers or [_default()]]
    results: dict[str, list[Figure]] = {}
    console = Console(stderr=True)
    for target in targets:
        results[target.name] = []
        for name in only or MEASURES:
            console.print(f"{target.name}: {name} ...", style="dim")
            figures = [measure(target, name) for _ in range(runs)]
            results[target.name] += map(median, zip(*figures, strict=True))
    out = Console()
    if not out.is_terminal:
        out = Console(width=_WIDTH)
    out.print(table(results, own=targets[0].name))
    load = os.getloadavg()[0]
    out.print(f"load of this computer: {load:.1f}, cores: {os.cpu_count()}")


def _default() -> str:
    first = os.environ.get("EPICS_CA_ADDR_LIST", "").split()[:1]
    return f"server={first[0] if first else '127.0.0.1'}"


def _target(text: str, prefix: str, n: int, m: int) -> Target:
    """The server that an option names.

    Exits if it is no address, or if no server answers there.
    """
    name, sign, address = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text}: write NAME=HOST[:PORT]")
    try:
        target = Target(name, *host_and_port(address), prefix, n, m)
        return replace(target, pid=pid_of(target.host, target.tcp_port()))
    except ValueError as error:
        raise click.BadParameter(f"{text}: {error}") from None
    except (DaqError, OSError) as error:
        fail(f"{text}: {error}", EXIT_FAILED)

"""``daqpv doctor``: examines the instruments of a file, and says what to do."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import aclosing
from pathlib import Path

import click

from daqpv.app.examining import APART, GRACE, Examinations, Examined, Subject, subjects
from daqpv.cli.common import (
    EXIT_CONFIG,
    EXIT_FAILED,
    FILE,
    SECONDS,
    complain,
    fail,
    load_or_exit,
    printing,
)
from daqpv.cli.doctor.formats import Printer, printer
from daqpv.cli.waiting import sign_of_life
from daqpv.errors import ConfigError, ServeError
from daqpv.links.examine.own_clock import own_clock

TIMEOUT = 10.0  # [s]
_BLOCKED = GRACE + 5.0  # [s] after the deadline: a driver blocks the event loop

COMPUTER = "this computer"


@click.command()
@FILE
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--timeout",
    type=SECONDS,
    default=TIMEOUT,
    show_default=True,
    metavar="S",
    help="Deadline of each instrument [s].",
)
@click.option(
    "--direct", is_flag=True, help="Connect, even if a daqpv serve has the instrument."
)
@click.option("--json", "as_json", is_flag=True, help="An object per line.")
def doctor(
    file: Path, names: tuple[str, ...], *, timeout: float, direct: bool, as_json: bool
) -> None:
    """Examine the instruments of FILE, or those named, without serving them.

    \b
        daqpv doctor lab.yaml
        daqpv doctor lab.yaml vacuum gas --timeout 30
        daqpv doctor lab.yaml --json | jq 'select(.good | not)'

    Of each instrument: the name or the serial port of its connection, the connection
    itself, one exchange, whether all channels got a value, its clock. What fails comes
    with its cure. Nothing is written to an instrument but what its settings send at the
    start of each connection (init).

    Many instruments take one client only. One that a daqpv serve has is examined
    through its PVs, without a second connection; --direct connects all the same.

    Exit code: 0 all is good, 1 there is a problem, 2 FILE is wrong. A warning is no
    problem.
    """
    experiment, kinds = load_or_exit(file)
    for fault in experiment.faults:
        complain(str(fault))
    try:
        chosen = subjects(experiment, kinds, names)
        examinations = Examinations(
            experiment, kinds, timeout=timeout, is_direct=direct
        )
    except ConfigError as error:
        fail(error, EXIT_CONFIG)
    except ServeError as error:
        fail(error, EXIT_FAILED)
    show = printer(as_json=as_json, names=[COMPUTER, *(one.name for one in chosen)])
    longest = timeout + len(chosen) * APART + _BLOCKED
    guard = threading.Timer(longest, _cut_short)
    guard.daemon = True
    guard.start()
    with printing():
        code = asyncio.run(_examine(examinations, chosen, show))
        if not chosen:
            click.echo(f"{file} has no instruments to examine.", err=True)
    guard.cancel()
    if code or experiment.faults:
        sys.exit(code or EXIT_FAILED)


async def _examine(
    examinations: Examinations, chosen: list[Subject], show: Printer
) -> int:
    """Examine and print; return the exit code."""
    computer = Examined("", COMPUTER, [own_clock()])
    show(computer)
    code, waited = 0, [one.name for one in chosen]
    stuck = False
    with sign_of_life(lambda: f"Examining {', '.join(waited)}"):
        async with aclosing(examinations.run(chosen)) as found:
            async for examined in found:
                waited.remove(examined.name)
                show(examined)
                code = max(code, _code(examined))
                stuck = stuck or examined.is_stuck
            if stuck:  # the event loop would wait for it
                sys.stdout.flush()
                os._exit(EXIT_FAILED)
    return code


def _code(examined: Examined) -> int:
    if examined.good:
        return 0
    wrong = {one.step for one in examined.findings if not one.good}
    return EXIT_CONFIG if "settings" in wrong else EXIT_FAILED


def _cut_short() -> None:
    words = "The code of a driver does not return, and blocks all others; cut short."
    said = threading.Thread(target=click.echo, args=[words], kwargs={"err": True})
    said.daemon = True  # it may block if the output is not read
    said.start()
    said.join(0.1)
    os._exit(EXIT_FAILED)

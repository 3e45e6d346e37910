"""``daqpv serve``: run the IOCs of an experiment."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import click

from daqpv import __version__
from daqpv.app import App
from daqpv.cli.common import (
    EXIT_CONFIG,
    EXIT_SERVE,
    FILE,
    fail,
    load_or_exit,
    run_until_signal,
)
from daqpv.config import Experiment
from daqpv.core import Event, Events, EventSeverity
from daqpv.errors import ConfigError, ServeError
from daqpv.links.console import Console
from daqpv.links.log_file import LogFile
from daqpv.links.remote import follower


@click.command()
@FILE
@click.option(
    "--only",
    multiple=True,
    metavar="SECTION[.NAME]",
    help="Serve these devices alone: 'ecc', or 'ecc.CoBo0'. May be given several "
    "times; other processes serve the rest.",
)
@click.option(
    "--name",
    default="main",
    show_default=True,
    help="Name of this process in $(P)IOC:<name>:",
)
@click.option("--quiet", is_flag=True, help="Print no events, only the ready line.")
def serve(file: Path, only: tuple[str, ...], name: str, *, quiet: bool) -> None:
    """Serve the PVs of FILE until SIGINT (Ctrl-C) or SIGTERM.

    Prints "ready: N PVs under PREFIX, CA port X" when clients can connect, and then
    what happens. Nothing is commanded by starting or ending: ECC servers stay in the
    state in which they are.

    \b
        daqpv serve e20009.yaml
        daqpv serve e20009.yaml --only ecc.CoBo0 --only ecc.CoBo1 --name left

    \b
    In another terminal, with any EPICS client:
        caget AT:ECC:CoBo0:State
        caput -c -w 600 AT:ECC:CoBo0:Target Ready
        camonitor AT:ECC:CoBo0:State AT:ECC:CoBo0:Message

    Exit code: 0 after a signal, 2 if FILE is wrong, 3 if the server cannot start, 4 if
    another process serves the same PVs.
    """
    experiment, kinds = load_or_exit(file)
    events = Events()
    with ExitStack() as stack:
        console = stack.enter_context(Console())
        if not quiet:
            events.add(console)
        log = open_log(experiment, events, stack)
        try:
            app = App(
                experiment,
                kinds,
                events,
                only=only,
                name=name,
                follow=follower(events),
            )
        except ConfigError as error:
            fail(error, EXIT_CONFIG)
        except ServeError as error:
            fail(error, EXIT_SERVE)

        def ready(port: int) -> None:
            count = len(app.infos())
            what = f"{count} PVs under {experiment.prefix}, CA port {port}"
            console.say(f"ready: {what}")
            _note(log, "start", f"daqpv {__version__} serves {what}")
            stack.callback(_note, log, "end", "daqpv ends")

        run_until_signal(app.run(ready))


def _note(log: LogFile, name: str, text: str) -> None:
    """Write down what the process does; the terminal shows it anyhow."""
    severity = EventSeverity.INFORMATION
    log(Event(time=time.time(), severity=severity, name=name, text=text))


def open_log(experiment: Experiment, events: Events, stack: ExitStack) -> LogFile:
    """Send `events` to the experiment's log file; exit if it cannot be opened."""
    path = experiment.log.file or Path(f"{experiment.experiment}.log")
    try:
        log = stack.enter_context(LogFile(path))
    except OSError as error:
        fail(f"{path}: the log cannot be written: {error.strerror}", EXIT_CONFIG)
    events.add(log)
    return log

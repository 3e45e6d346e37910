"""``daqpv serve``: runs a process that serves the PVs of an experiment."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import click

from daqpv import __version__
from daqpv.app import App
from daqpv.cli.collector import building
from daqpv.cli.common import (
    EXIT_CONFIG,
    EXIT_SERVE,
    FILE,
    fail,
    load_or_exit,
    run_until_signal,
    settle,
)
from daqpv.cli.serve.persistence import keep
from daqpv.core import Event
from daqpv.core.threads import Crew
from daqpv.errors import ConfigError, ServeError
from daqpv.links.files.console import Console

START, END = "start", "end"  # names of events


@click.command()
@FILE
@click.option(
    "--only",
    multiple=True,
    metavar="SECTION[.NAME]",
    help="Serve only these devices: 'ecc', or 'ecc.CoBo0'. May be given several "
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
    """Serve the PVs of FILE until SIGINT (Ctrl-C), SIGTERM or SIGHUP.

    Prints "ready: N PVs under PREFIX, CA port X" when clients can connect, and then the
    events. Its start and its end command no device: ECC servers keep their state.

    \b
        daqpv serve e20009.yaml
        daqpv serve e20009.yaml --only ecc.CoBo0 --only ecc.CoBo1 --name left

    \b
    In another terminal, with any EPICS client:
        caget AT:ECC:CoBo0:State
        caput -c -w 600 AT:ECC:CoBo0:Target Ready
        camonitor -S AT:ECC:CoBo0:State AT:ECC:CoBo0:Message

    Exit code: 0 after a signal, 2 if FILE is invalid, 3 if the server cannot start, 4
    if another process serves the same PVs.
    """
    experiment, kinds = load_or_exit(file)
    with ExitStack() as stack:
        console = stack.enter_context(Console())

        def tell(event: Event) -> None:
            if not quiet and not _is_own(event):
                console(event)

        keeping = keep(experiment, kinds, name, stack, tell)
        events = keeping.events
        try:
            with building():
                app = App(
                    experiment,
                    kinds,
                    events,
                    only=only,
                    name=name,
                    follow=True,
                    saved=keeping.saved,
                    durable=keeping.durable,
                    store=keeping.store,
                    pulse=keeping.pulse,
                )
        except ConfigError as error:
            fail(error, EXIT_CONFIG)
        except ServeError as error:
            fail(error, EXIT_SERVE)
        keeping.claim(app)
        os.environ |= app.client_environ

        def ready(port: int) -> None:
            settle()
            count = app.server.record_count
            what = f"{count} PVs under {experiment.prefix}, CA port {port}"
            console.say(f"ready: {what}")
            events.report(START, f"daqpv {__version__} serves {what}")
            stack.callback(lambda: events.report(END, "daqpv ends"))
            Crew("structlog").submit(keeping.program_log.follow_structlog)

        run_until_signal(app.run(ready))


def _is_own(event: Event) -> bool:
    """Whether the terminal has it already."""
    return event.name in (START, END)

"""``daqpv serve``: run the IOCs of an experiment."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import click

from daqpv import __version__
from daqpv.app import App, Remote
from daqpv.cli.common import (
    EXIT_CONFIG,
    EXIT_SERVE,
    FILE,
    fail,
    load_or_exit,
    run_until_signal,
    settle,
)
from daqpv.cli.places import log_path, spool_path, store_url
from daqpv.config import Experiment
from daqpv.config.model import NAME
from daqpv.core import (
    Device,
    Event,
    Events,
    EventSeverity,
    SavedSettings,
    SettingsPlace,
)
from daqpv.errors import ConfigError, ServeError, StoreError
from daqpv.links.console import Console
from daqpv.links.log_file import LogFile
from daqpv.links.program_log import ProgramLog
from daqpv.links.settings_file import SettingsFile
from daqpv.store.sql_store import SqlStore

START, END = "start", "end"  # names of events


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
    with ExitStack() as stack:
        console = stack.enter_context(Console())
        events = open_events(experiment, name, stack)
        store = open_store(experiment, name, events, stack)
        if not quiet:
            events.add(lambda event: None if _is_own(event) else console(event))
        stack.callback(events.close)  # while all who keep them are still open
        try:
            app = App(
                experiment,
                kinds,
                events,
                only=only,
                name=name,
                follow=_follower(events),
                saved=open_settings(experiment, events, stack, store),
                store=store,
            )
        except ConfigError as error:
            fail(error, EXIT_CONFIG)
        except ServeError as error:
            fail(error, EXIT_SERVE)

        def ready(port: int) -> None:
            settle()
            count = len(app.infos())
            what = f"{count} PVs under {experiment.prefix}, CA port {port}"
            console.say(f"ready: {what}")
            _note(events, START, f"daqpv {__version__} serves {what}")
            stack.callback(_note, events, END, "daqpv ends")

        run_until_signal(app.run(ready))


def _note(events: Events, name: str, text: str) -> None:
    """Tell what the process does."""
    severity = EventSeverity.INFORMATION
    function = f"{__name__}.serve"
    now = time.time()
    events.emit(
        Event(time=now, severity=severity, name=name, text=text, function=function)
    )


def _is_own(event: Event) -> bool:
    """Whether the terminal shows it anyhow."""
    return event.name in (START, END)


def _follower(events: Events) -> Remote:
    """What follows the ECC servers of other processes; if there are any, by libca."""

    @cache
    def by_client() -> Remote:
        from daqpv.links.remote import follower  # noqa: PLC0415 - 0.08 s, seldom

        return follower(events)

    def follow(name: str, prefix: str, settings: Any) -> Device[Any]:
        return by_client()(name, prefix, settings)

    return follow


def open_events(experiment: Experiment, name: str, stack: ExitStack) -> Events:
    """What happens in the process `name`, with what it logs, on its way to the file.

    Exits if the file cannot be opened.
    """
    process = f"{name}@{socket.gethostname()}"
    events = Events(process=process, prefix=experiment.prefix)
    path = log_path(experiment)
    try:
        events.add(stack.enter_context(LogFile(path)))
    except OSError as error:
        fail(f"{path}: the log cannot be written: {error.strerror}", EXIT_CONFIG)
    stack.enter_context(ProgramLog(events))
    return events


def open_store(
    experiment: Experiment, name: str, events: Events, stack: ExitStack
) -> SqlStore | None:
    """Keep `events` in the experiment's store; None if it wants none.

    Exits if the store cannot be used as it is; one that is away is no reason.
    """
    if experiment.store.url == "none" or not NAME.fullmatch(name):  # App refuses it
        return None
    store = SqlStore(
        store_url(experiment),
        experiment=experiment.experiment,
        process=f"{name}@{socket.gethostname()}",
        spool=spool_path(experiment) / name,
        spool_limit=experiment.store.spool_limit,
        events=events,
    )
    try:
        store.open()
    except StoreError as error:
        fail(error, EXIT_CONFIG)
    stack.callback(events.close)  # with what the store says at its end
    stack.callback(store.close)
    events.add(store.add)
    return store


def open_settings(
    experiment: Experiment,
    events: Events,
    stack: ExitStack,
    store: SettingsPlace | None = None,
) -> SavedSettings:
    """What operators have chosen, and what keeps it: the store, and a copy on disk.

    Without a store, the file is all that there is.
    """
    name = experiment.experiment
    if store is None:
        places, path = [], Path(f"{name}.settings.json")
    else:
        spool = experiment.store.spool or Path(f"{name}.spool")
        places, path = [store], spool / "settings.json"
    places.append(stack.enter_context(SettingsFile(path, events)))
    return SavedSettings(places, events, prefix=experiment.prefix)

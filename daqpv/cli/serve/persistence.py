"""Opens what a process keeps: events, records, settings, states, pulse, claims."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from daqpv.app import App
from daqpv.cli.common import EXIT_CONFIG, EXIT_SERVED, fail
from daqpv.cli.default_paths import (
    log_path,
    pulse_path,
    refuse_leftovers,
    settings_path,
    spool_path,
    store_url,
)
from daqpv.config import AnyKind, Experiment
from daqpv.config.model import NAME
from daqpv.core import Durable, Event, Events, Place, Places, SavedSettings
from daqpv.errors import AlreadyServedError, StoreError
from daqpv.links.files.claims import Claims
from daqpv.links.files.log_file import LogFile
from daqpv.links.files.pulse_file import PulseFile
from daqpv.links.files.settings_file import SettingsFile
from daqpv.links.program_log import ProgramLog
from daqpv.store.tables.own import schema_of
from daqpv.store.writing.sql_store import SqlStore


@dataclass(frozen=True, slots=True)
class Persistence:
    """The data that a process keeps, and where.

    Attributes:
        events: the events, on their way to the log file and the store.
        program_log: makes events of the log of the program and its libraries.
        store: None if the experiment has none.
        saved: operators' choices.
        durable: the states of devices.
        claims: the devices that this process serves, and no other process may.
        pulse: the last time at which the process was running.
    """

    events: Events
    program_log: ProgramLog
    store: SqlStore | None
    saved: SavedSettings
    durable: Durable
    pulse: PulseFile
    claims: Claims

    def claim(self, app: App) -> None:
        """Claim what `app` serves; exits if another process of this computer has it.

        Events until then are in the log file: the other process has the store.
        """
        try:
            self.claims.take(app.samples)
        except AlreadyServedError as error:
            if self.store is not None:
                self.store.give_up()
            fail(error, EXIT_SERVED)


def keep(
    experiment: Experiment,
    kinds: Iterable[AnyKind],
    name: str,
    stack: ExitStack,
    tell: Callable[[Event], None] | None = None,
) -> Persistence:
    """Open all that the process `name` keeps; `stack` closes it in order.

    `tell` gets all events from the first. Exits if the log file cannot be written or
    the store cannot be used; not if the store does not answer.
    """
    process = f"{name}@{socket.gethostname()}"
    events = Events(process=process, prefix=experiment.prefix)
    path = log_path(experiment)
    try:
        events.add(stack.enter_context(LogFile(path)))
    except OSError as error:
        fail(f"{path}: the log cannot be written: {error.strerror}", EXIT_CONFIG)
    if tell is not None:
        events.add(tell)
    program_log = stack.enter_context(ProgramLog(events))
    store = _store(experiment, kinds, name, events, stack)
    stack.callback(events.close)  # while log file and store are still open
    places = _places(experiment, events, stack, store)
    saved = SavedSettings(places, events, prefix=experiment.prefix)
    durable = Durable(places, events, prefix=experiment.prefix)
    claims = stack.enter_context(Claims(spool_path(experiment), experiment.prefix))
    pulse = stack.enter_context(PulseFile(pulse_path(experiment)))
    return Persistence(events, program_log, store, saved, durable, pulse, claims)


def _store(
    experiment: Experiment,
    kinds: Iterable[AnyKind],
    name: str,
    events: Events,
    stack: ExitStack,
) -> SqlStore | None:
    """Keep `events` in the experiment's store."""
    if experiment.store.url == "none" or not NAME.fullmatch(name):  # App refuses it
        return None
    try:
        store = SqlStore(
            store_url(experiment),
            experiment=experiment.experiment,
            process=events.process,
            spool=spool_path(experiment) / name,
            spool_limit=experiment.store.spool_limit,
            events=events,
            schema=schema_of(kinds),
        )
        refuse_leftovers(experiment)
        store.open()
    except StoreError as error:
        fail(error, EXIT_CONFIG)
    stack.callback(events.close)  # with the last events of the store
    stack.callback(store.close)
    events.add(store.add)
    return store


def _places(
    experiment: Experiment,
    events: Events,
    stack: ExitStack,
    store: Place | None,
) -> Places:
    """Where settings and states are kept: the store, and a copy on disk.

    Without a store, they are kept in the file only.
    """
    file = stack.enter_context(SettingsFile(settings_path(experiment), events))
    return Places([file] if store is None else [store, file], events)

"""``daqpv runs edit``: corrects the record of a run that has ended."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from pathlib import Path

import click

from daqpv.cli.common import (
    EXIT_FAILED,
    FILE,
    fail,
    load_fixed_or_exit,
    load_or_exit,
)
from daqpv.cli.default_paths import store_url
from daqpv.cli.run.options import CLASSES, NUMBER, errors_reported
from daqpv.cli.run.store import observables
from daqpv.config import Experiment
from daqpv.core import Names, Origin
from daqpv.errors import RefusedError
from daqpv.runs import RunChange
from daqpv.runs.record.fields import in_order
from daqpv.runs.record.records import WRITTEN
from daqpv.store.reading.reader import reader
from daqpv.store.reading.run_edit import Edit
from daqpv.store.reading.run_edit import edit as edit_in_store
from daqpv.store.tables.engine import make_engine, translated

Command = Callable[..., None]

_FIRST = ("title", "kind", "comment", "operator")


def _settings(
    ctx: click.Context, param: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """Texts by name, of NAME=VALUE."""
    for one in given:
        if "=" not in one:
            raise click.BadParameter(f"{one!r}; wanted is NAME=VALUE")
    return {name.strip(): text for name, _, text in (o.partition("=") for o in given)}


def _facts(command: Command) -> Command:
    """Options for all facts of a run that operators write."""
    for fact in reversed(in_order(WRITTEN, lambda fact: fact.public_name, _FIRST)):
        has_choices = fact.pv is not None and fact.pv.choices is not None
        command = click.option(
            f"--{fact.public_name}",
            fact.name,
            type=CLASSES if has_choices else str,
            metavar=None if has_choices else "TEXT",
        )(command)
    return command


@click.command()
@FILE
@NUMBER
@_facts
@click.option(
    "--set",
    "values",
    multiple=True,
    callback=_settings,
    metavar="NAME=VALUE",
    help="An observable; an empty VALUE clears it. May be given several times.",
)
def edit(
    file: Path, number: int, *, values: dict[str, str], **given: str | None
) -> None:
    """Correct the record of run NUMBER of FILE's experiment.

    \b
        daqpv runs edit e20009.yaml 12 --class Junk --comment "no beam"
        daqpv runs edit e20009.yaml 12 --set pressure=300.5 --set target=CH2

    The old values are kept, with the user who changed them: daqpv runs show. An open
    run cannot be edited here: put to its PVs.
    """
    fields = {name: text for name, text in given.items() if text is not None}
    if not fields and not values:
        raise click.UsageError("Nothing to change: --title, --class, --set ...")
    experiment = load_or_exit(file)[0] if values else load_fixed_or_exit(file)
    changed = _edited(
        experiment,
        Edit(
            number=number,
            by=_who(),
            fields=fields,
            values=values,
            observables=observables(experiment),
        ),
    )
    what = ", ".join(one.field for one in changed) or "nothing: it was so already"
    click.echo(f"Run {number}: changed {what}")


def _edited(experiment: Experiment, wanted: Edit) -> list[RunChange]:
    """The changes that were made; exits if they are refused."""
    with errors_reported():
        url = store_url(experiment)
        with reader(url):  # it answers, and its tables are ours
            pass
        engine = make_engine(url, writes=True, makes=False)
        try:
            with translated(url), engine.begin() as connection:
                return edit_in_store(connection, experiment.experiment, wanted)
        except RefusedError as error:
            pv = Names(experiment.prefix).of("Run", "", "Title")
            fail(f"{error}: caput {pv} ..., and so with the others.", EXIT_FAILED)
        finally:
            engine.dispose()


def _who() -> Origin:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return Origin(user, socket.gethostname())

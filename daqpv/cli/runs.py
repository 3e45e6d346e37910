"""``daqpv runs``: the runs of an experiment, read from its store."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from daqpv.cli.common import (
    EXIT_FAILED,
    FILE,
    fail,
    load_fixed_or_exit,
    load_or_exit,
    printing,
)
from daqpv.cli.moments import moment
from daqpv.cli.places import store_url
from daqpv.cli.run_export import TEXTS, Runs, write_xlsx
from daqpv.cli.run_page import RunPage
from daqpv.cli.run_table import table
from daqpv.config import Experiment
from daqpv.core import Origin
from daqpv.errors import DaqError, RefusedError, sentence
from daqpv.runs import RunClass
from daqpv.store import runs as store
from daqpv.store.engine import make_engine, translated
from daqpv.store.portable import new_file
from daqpv.store.reader import reader

_PAGE = 100  # characters of a page that nobody looks at
_CLASSES = click.Choice([one.label for one in RunClass], case_sensitive=False)
_FORMATS = click.Choice([*TEXTS, "xlsx"])
_NUMBER = click.argument("number", type=int)


@click.group()
def runs() -> None:
    """Look at the runs of an experiment, correct what is written of them, export them.

    \b
        daqpv runs list e20009.yaml --class Production --since 2d
        daqpv runs show e20009.yaml 12
        daqpv runs edit e20009.yaml 12 --class Junk --comment "no beam"
        daqpv runs export e20009.yaml runs.csv

    They read the store, whether daqpv runs or not. Times are UTC.
    """


@runs.command("list")
@FILE
@click.option("--class", "kind", type=_CLASSES, help="Of this class.")
@click.option("--since", callback=moment, metavar="TIME", help="Not begun before.")
@click.option("--text", metavar="TEXT", help="In title, comment, operator or note.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="The last N.")
def list_(
    file: Path,
    *,
    kind: str | None,
    since: float | None,
    text: str | None,
    limit: int | None,
) -> None:
    """List the runs of FILE's experiment, the newest last.

    \b
        daqpv runs list e20009.yaml
        daqpv runs list e20009.yaml --class production --since 2d

    TIME is a time ago (30min, 1h, 2d) or a moment in UTC (14:00, 2026-11-20,
    "2026-11-20 14:00"). TEXT knows no upper and lower case. On a terminal each run
    has one line, in which long texts are cut; a pipe gets them whole.
    """
    conditions = store.chosen(kind=kind or "", since=since, text=text or "")
    experiment = load_fixed_or_exit(file)
    with _reading(experiment) as connection:
        name = experiment.experiment
        found = list(store.runs(connection, name, *conditions, newest=limit))
    if limit is not None:
        found.reverse()
    if not found:
        click.echo("No run fits." if conditions else "No run yet.", err=True)
        return
    with printing():
        click.echo("\n".join(table(found, _width())))


@runs.command()
@FILE
@_NUMBER
@click.option("--document", metavar="NAME", help="Print a text: SERVER/NAME.")
def show(file: Path, number: int, *, document: str | None) -> None:
    """Show all that is kept of run NUMBER of FILE's experiment.

    \b
        daqpv runs show e20009.yaml 12
        daqpv runs show e20009.yaml 12 --document CoBo0/configure-e20009.xcfg
    """
    experiment, _ = load_or_exit(file)
    with _reading(experiment) as connection:
        name = experiment.experiment
        observed = {v.name: v for v in store.values(connection, name, [number])}
        page = RunPage(
            run=store.one_run(connection, name, number),
            values=[observed[name] for name in _order(experiment, observed)],
            pvs=list(store.pvs(connection, name, number)),
            changes=list(store.changes(connection, name, number)),
            files=list(store.files(connection, name, number)),
            documents=list(store.documents(connection, name, number)),
        )
    with printing():
        if document is None:
            for line in page.lines(_width() or _PAGE):
                click.echo(line)
            return
        texts = {f"{one.server}/{one.name}": one.text for one in page.documents}
        if document not in texts:
            there = ", ".join(texts) or "none"
            fail(f"Run {number} has no document {document}: {there}", EXIT_FAILED)
        click.echo(texts[document], nl=False)


@runs.command()
@FILE
@_NUMBER
@click.option("--title", metavar="TEXT")
@click.option("--class", "kind", type=_CLASSES)
@click.option("--comment", metavar="TEXT")
@click.option("--operator", metavar="TEXT")
def edit(file: Path, number: int, **given: str | None) -> None:
    """Change what is written of run NUMBER of FILE's experiment.

    \b
        daqpv runs edit e20009.yaml 12 --class Junk --comment "no beam"

    What was written before is kept, with who changed it: daqpv runs show. Of a run that
    is open it is refused: its PVs are the way.
    """
    fields = {name: text for name, text in given.items() if text is not None}
    if not fields:
        raise click.UsageError("Nothing to change: --title, --class, --comment ...")
    experiment = load_fixed_or_exit(file)
    with _told():
        url = store_url(experiment)
        with reader(url):  # it is there, and its tables are ours
            pass
        engine = make_engine(url, writes=True)
        try:
            with translated(url), engine.begin() as connection:
                changed = store.edit(
                    connection, experiment.experiment, number, fields, _who()
                )
        except RefusedError as error:
            pv = f"{experiment.prefix}Run:Title"
            fail(f"{error}: caput {pv} ..., and so with the others.", EXIT_FAILED)
        finally:
            engine.dispose()
    what = ", ".join(one.field for one in changed) or "nothing: it was so already"
    click.echo(f"Run {number}: changed {what}")


@runs.command()
@FILE
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=_FORMATS, help="Default: as OUT ends, else csv.")
def export(file: Path, out: Path | None, *, form: str | None) -> None:
    """Write the runs of FILE's experiment to OUT, a new file, or print them.

    csv, xlsx: a row for each run, with its observables in the order of FILE; those that
    FILE does not have any more come last. json: an array of objects, with all that is
    known of each observable. Times are UTC.

    \b
        daqpv runs export e20009.yaml > runs.csv
        daqpv runs export e20009.yaml runs.xlsx
    """
    ending = "" if out is None else out.suffix.lstrip(".").lower()
    form = form or (ending if ending in _FORMATS.choices else "csv")
    if form == "xlsx" and out is None:
        raise click.UsageError("xlsx is no text: it wants a file OUT.")
    experiment, _ = load_or_exit(file)
    with _reading(experiment) as connection:
        name = experiment.experiment
        observables = _observables(experiment)
        values: dict[int, dict[str, Any]] = {}
        if form == "json":
            for one in store.values(connection, name):
                values.setdefault(one.number, {})[one.name] = one
        else:
            for number, observable, value in store.values_alone(connection, name):
                values.setdefault(number, {})[observable] = value
        found = Runs(
            runs=list(store.runs(connection, name)),
            values=values,
            names=_order(experiment, {*observables}.union(*values.values())),
        )
    if out is None:
        with printing():
            TEXTS[form](found, sys.stdout)
        return
    with _told(), new_file(out) as part:
        if form == "xlsx":
            write_xlsx(found, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as text:
                TEXTS[form](found, text)
    click.echo(f"{out}: {len(found.runs):,} runs")


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong, and exit."""
    try:
        yield
    except DaqError as error:
        fail(sentence(str(error)), EXIT_FAILED)


@contextmanager
def _reading(experiment: Experiment) -> Iterator[Connection]:
    """The store as of one moment; exit if there is none."""
    with _told():
        url = store_url(experiment)
        with (
            reader(url, snapshot=True) as engine,
            translated(url),
            engine.connect() as connection,
        ):
            yield connection


def _observables(experiment: Experiment) -> list[str]:
    """The names of the observables, in the order of the file."""
    settings = experiment.sections.get("run", {}).get("")
    return list(getattr(settings, "observables", ()))


def _order(experiment: Experiment, names: Collection[str]) -> list[str]:
    """`names` as the file has them; last those that it does not have any more."""
    order = _observables(experiment)
    known = [name for name in order if name in names]
    return known + sorted(set(names).difference(order))


def _width() -> int | None:
    """Of the terminal [characters]; None: nobody looks at one."""
    if not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def _who() -> Origin:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return Origin(user, socket.gethostname())

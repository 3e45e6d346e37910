"""``daqpv runs export``: writes the runs for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from daqpv.cli.common import FILE, load_or_exit, printing
from daqpv.cli.run.formats import TEXTS, Runs, write_xlsx
from daqpv.cli.run.options import errors_reported
from daqpv.cli.run.store import in_order, observables, reading
from daqpv.config import Experiment
from daqpv.store.portable.portable_file import new_file
from daqpv.store.reading import runs as store

_STDOUT = Path("-")
_FORMATS = click.Choice([*TEXTS, "xlsx"])


@click.command()
@FILE
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format", "form", type=_FORMATS, help="Default: the suffix of OUT, or csv."
)
def export(file: Path, out: Path | None, *, form: str | None) -> None:
    """Write the runs of FILE's experiment to OUT, a new file, or print them.

    csv, xlsx: a row for each run, with its observables in the order of FILE; those that
    FILE does not have any more come last. json: an array of objects, with value, units
    and statistics of each observable. Times are UTC.

    \b
        daqpv runs export e20009.yaml > runs.csv
        daqpv runs export e20009.yaml runs.xlsx
    """
    if out == _STDOUT:
        out = None
    form = form or _form_of(out)
    if form == "xlsx" and out is None:
        raise click.UsageError("xlsx is not a text format: it needs a file OUT.")
    found = _read(load_or_exit(file)[0], whole=form == "json")
    if out is None:
        with printing():
            TEXTS[form](found, sys.stdout)
        return
    with errors_reported(), new_file(out) as part:
        if form == "xlsx":
            write_xlsx(found, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as text:
                TEXTS[form](found, text)
    click.echo(f"{out}: {len(found.runs):,} runs")


def _form_of(out: Path | None) -> str:
    """The format by the suffix of `out`."""
    ending = "" if out is None else out.suffix.lstrip(".").lower()
    if ending and ending not in _FORMATS.choices:
        choices = ", ".join(f".{form}" for form in _FORMATS.choices)
        raise click.UsageError(
            f"{out}: .{ending} is no format. OUT ends in {choices}, or say --format."
        )
    return ending or "csv"


def _read(experiment: Experiment, *, whole: bool) -> Runs:
    """All runs, with their observables: each whole, or its value alone."""
    values: dict[int, dict[str, Any]] = {}
    with reading(experiment) as connection:
        name = experiment.experiment
        if whole:
            for one in store.values(connection, name):
                values.setdefault(one.number, {})[one.name] = one
        else:
            for number, observable, value in store.values_alone(connection, name):
                values.setdefault(number, {})[observable] = value
        runs = store.runs(connection, name)
    names = {*observables(experiment)}.union(*values.values())
    return Runs(runs=runs, values=values, names=in_order(experiment, names))

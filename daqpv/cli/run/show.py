"""``daqpv runs show``: prints the whole record of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from daqpv.cli.common import EXIT_FAILED, FILE, fail, load_or_exit, printing
from daqpv.cli.run.options import NUMBER, terminal_width
from daqpv.cli.run.page import RunPage
from daqpv.cli.run.store import in_order, reading
from daqpv.core.lines import plain
from daqpv.store.reading import runs as store

_PAGE = 100  # characters of a page that is not for a terminal


@click.command()
@FILE
@NUMBER
@click.option("--document", metavar="NAME", help="Print a text: SERVER/NAME.")
def show(file: Path, number: int, *, document: str | None) -> None:
    """Show the whole record of run NUMBER of FILE's experiment.

    \b
        daqpv runs show e20009.yaml 12
        daqpv runs show e20009.yaml 12 --document CoBo0/configure-e20009.xcfg
    """
    experiment, _ = load_or_exit(file)
    with reading(experiment) as connection:
        name = experiment.experiment
        observed = {v.name: v for v in store.values(connection, name, number=number)}
        page = RunPage(
            run=store.one_run(connection, name, number),
            values=[observed[name] for name in in_order(experiment, observed)],
            pvs=list(store.pvs(connection, name, number)),
            changes=list(store.changes(connection, name, number)),
            files=list(store.files(connection, name, number)),
            documents=list(store.documents(connection, name, number)),
        )
    with printing():
        if document is None:
            for line in page.lines(terminal_width() or _PAGE):
                click.echo(line)
            return
        texts = {f"{one.server}/{one.name}": one.text for one in page.documents}
        if document not in texts:
            there = ", ".join(texts) or "none"
            fail(f"Run {number} has no document {document}: {there}", EXIT_FAILED)
        text = texts[document]
        click.echo(plain(text) if sys.stdout.isatty() else text, nl=False)

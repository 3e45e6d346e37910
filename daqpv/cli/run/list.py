"""``daqpv runs list``: prints a line for each run.

It imports little, for it is used often: the import of SQLAlchemy in the other commands
takes longer than the whole command.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from daqpv.cli.common import COUNT, FILE, load_fixed_or_exit, printing
from daqpv.cli.db.not_in_store import not_in_store
from daqpv.cli.default_paths import store_url
from daqpv.cli.run.options import CLASSES, errors_reported, terminal_width
from daqpv.cli.run.table import table
from daqpv.cli.time_options import moment
from daqpv.core.records.plain import clean
from daqpv.store.reading.quick import quick_reader
from daqpv.store.reading.run_list import ALL, Choice, runs


@click.command("list")
@FILE
@click.option("--class", "kind", type=CLASSES, help="Runs of this class.")
@click.option(
    "--since", callback=moment, metavar="TIME", help="Runs begun after this time."
)
@click.option("--text", metavar="TEXT", help="In title, comment, operator or note.")
@click.option("-n", "--limit", type=COUNT, metavar="N", help="The last N runs.")
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

    TIME is a time ago (30min, 1h, 2d) or a time in UTC (14:00, 2026-11-20,
    "2026-11-20 14:00"). TEXT is case-insensitive. On a terminal each run has one line,
    in which long texts are cut; a pipe gets them whole.
    """
    choice = Choice(kind=kind or "", since=since, text=clean(text or ""), newest=limit)
    experiment = load_fixed_or_exit(file)
    with errors_reported(), quick_reader(store_url(experiment)) as execute:
        found = runs(execute, experiment.experiment, choice)
    if text := not_in_store(experiment):
        click.echo(text, err=True)
    if not found:
        is_all = replace(choice, newest=None) == ALL
        click.echo("No run yet." if is_all else "No run matches.", err=True)
        return
    with printing():
        click.echo("\n".join(table(found, terminal_width())))

"""``daqpv runs``: the group of commands on the runs in the store."""

from __future__ import annotations

import click

from daqpv.cli.lazy import Command, LazyGroup

_COMMANDS = {
    "list": Command("run.list", "list_", "List the runs, the newest last."),
    "show": Command("run.show", "show", "Show the whole record of a run."),
    "edit": Command("run.edit", "edit", "Correct the record of a run."),
    "export": Command(
        "run.export", "export", "Write the runs to a file, or print them."
    ),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def runs() -> None:
    """List and show the runs of an experiment, correct their records, export them.

    \b
        daqpv runs list e20009.yaml --class Production --since 2d
        daqpv runs show e20009.yaml 12
        daqpv runs edit e20009.yaml 12 --class Junk --comment "no beam"
        daqpv runs export e20009.yaml runs.csv

    They read the store, even if daqpv does not run. Times are UTC.
    """

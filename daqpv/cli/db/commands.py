"""``daqpv db``: the group of commands on the store."""

from __future__ import annotations

import click

from daqpv.cli.db.export import export, import_
from daqpv.cli.db.retry import retry
from daqpv.cli.db.tables import status, upgrade


@click.group()
def db() -> None:
    """Manage the store: show its state, upgrade it, export it to a file, import it.

    \b
        daqpv db status e20009.yaml
        daqpv db upgrade e20009.yaml
        daqpv db retry e20009.yaml
        daqpv db export e20009.yaml e20009.zip
        daqpv db import e20009.yaml e20009.zip
    """


db.add_command(export)
db.add_command(import_)
db.add_command(retry)
db.add_command(status)
db.add_command(upgrade)

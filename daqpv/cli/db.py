"""``daqpv db``: the store, from outside of the IOCs."""

from __future__ import annotations

import click

from daqpv.cli.db_export import export, import_


@click.group()
def db() -> None:
    """Look after the store: bring it to a file, and back.

    \b
        daqpv db export e20009.yaml e20009.zip
        daqpv db import e20009.yaml e20009.zip
    """


db.add_command(export)
db.add_command(import_)

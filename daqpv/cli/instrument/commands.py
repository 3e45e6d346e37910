"""``daqpv instrument``: the group of commands on instruments."""

from __future__ import annotations

import click

from daqpv.cli.lazy import Command, LazyGroup

_COMMANDS = {
    "list": Command("instrument.list", "list_", "List the models that daqpv knows."),
    "show": Command(
        "instrument.show", "show", "Show a model: channels, wiring, dangers."
    ),
    "try": Command(
        "instrument.trial", "try_", "Read an instrument of FILE, and show its bytes."
    ),
    "guess": Command(
        "instrument.guess", "guess", "Write the settings of a text file with columns."
    ),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def instrument() -> None:
    """Find, show and try instruments before they are served.

    \b
        daqpv instrument list
        daqpv instrument show pfeiffer-tpg362
        daqpv instrument try lab.yaml gauges --once
        daqpv instrument guess logger.csv

    The way to an instrument of a known model: `list` finds it, `show` says how it is
    connected and what is dangerous. Name it in the experiment file:

    \b
        instruments:
          gauges:
            model: pfeiffer-tpg362
            connection: tcp://192.168.41.70:8000

    `try` reads it and shows each byte; then check and serve the file. Without a known
    model, the file says what is asked and how answers are read; `try` is the same.
    """

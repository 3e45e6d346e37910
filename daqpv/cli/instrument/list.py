"""``daqpv instrument list``: a line for each model."""

from __future__ import annotations

from pathlib import Path

import click

from daqpv.cli.common import printing
from daqpv.cli.instrument.catalogue import (
    BESIDE,
    all_descriptions,
    confirmed,
    number_of_channels,
    schemes,
)
from daqpv.cli.instrument.tables import show_table
from daqpv.instruments.descriptions import Description


@click.command("list")
@BESIDE
@click.argument("words", nargs=-1)
def list_(file: Path | None, words: tuple[str, ...]) -> None:
    """List the models of instruments that daqpv has a description of.

    \b
        daqpv instrument list
        daqpv instrument list gauge pfeiffer
        daqpv instrument list --file lab.yaml

    With WORDS only those that have all of these words in name, title or vendor.
    `model: NAME` in the experiment file takes all of a description; your own keys add
    to it. A description of your own is a file descriptions/NAME.yaml beside the
    experiment file, with the same keys as an instrument there.

    "Confirmed" means that somebody has used it with a true instrument. All others are
    made from manuals and tested with simulators only.
    """
    found = [one for one in all_descriptions(file) if _has(one, words)]
    if not found:
        click.echo("No model has these words.", err=True)
        return
    rows = [
        (
            one.name,
            one.facts.title,
            one.facts.vendor,
            schemes(one),
            str(number_of_channels(one)),
            confirmed(one) or "no",
        )
        for one in found
    ]
    with printing():
        show_table(("Model", "Title", "Vendor", "Link", "Channels", "Confirmed"), rows)


def _has(one: Description, words: tuple[str, ...]) -> bool:
    facts = one.facts
    text = " ".join((one.name, *facts.models, facts.title, facts.vendor)).casefold()
    return all(word.casefold() in text for word in words)

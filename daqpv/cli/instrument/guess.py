"""``daqpv instrument guess``: proposes the settings of a text file."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import click

from daqpv.cli.common import EXIT_CONFIG, EXIT_FAILED, fail, printing
from daqpv.config.model import NAME
from daqpv.core.lines import plain
from daqpv.instruments.textfiles.guess import Guess
from daqpv.instruments.textfiles.guess import guess as proposed

_MOST = 2**18  # bytes of the file that are looked at
_OLD = "cp1252"  # the encoding of loggers that do not write UTF-8


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Of the instrument.")
@click.option(
    "--as",
    "pattern",
    metavar="PATTERN",
    help='The files to follow, "/data/log_*.csv" [DATA].',
)
def guess(data: Path, name: str | None, pattern: str | None) -> None:
    """Write the settings of an instrument that writes text files like DATA.

    \b
        daqpv instrument guess log_2026-11-29.csv --as "/data/log_*.csv"
        daqpv instrument guess log.csv >> lab.yaml

    It looks at the first lines of DATA: separator, lines of a head, time, names and
    units of columns. The settings are printed to stdout, with comments on all that is
    not clear; the first lines as they are read so, to stderr. Compare them with the
    file, give the channels their names and limits, then check and try them:

    \b
        daqpv check lab.yaml
        daqpv instrument try lab.yaml NAME --once

    Exit code: 0, or 1 if DATA has no columns that can be read.
    """
    found = _proposal(data)
    if name is not None and not NAME.fullmatch(name):
        fail(f"--name: {name!r} is no name: letters, digits, _ and -", EXIT_CONFIG)
    with printing():
        if not found.channels:
            fail("\n".join(found.doubts) or f"{data}: no columns found", EXIT_FAILED)
        section = found.section(name or _name_of(data), pattern or str(data.absolute()))
        click.echo(plain(section) if sys.stdout.isatty() else section, nl=False)
        click.echo(plain(found.table()), err=True)


def _proposal(data: Path) -> Guess:
    """The settings for the beginning of a file; exits if it cannot be read."""
    try:
        with data.open("rb") as file:
            content = file.read(_MOST)
            is_cut = bool(file.read(1))
    except OSError as error:
        fail(f"{data}: {error.strerror}", EXIT_CONFIG)
    if is_cut:
        content = content[: content.rfind(b"\n") + 1]
    try:
        return proposed(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        found = proposed(content.decode(_OLD, "replace"))
        return replace(found, columns={**found.columns, "encoding": _OLD})


def _name_of(data: Path) -> str:
    """A name that an instrument may have, from that of its file."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", data.stem).strip("_")[:24]
    return name if NAME.fullmatch(name) else f"log_{name}"[:24]

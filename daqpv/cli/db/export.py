"""``daqpv db export`` and ``import``: records of an experiment to and from a file."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from daqpv.cli.common import EXIT_FAILED, FILE, fail, load_or_exit
from daqpv.cli.default_paths import store_url
from daqpv.cli.waiting import sign_of_life
from daqpv.core.job import Job, running
from daqpv.errors import StoreError
from daqpv.store.portable import portable_file as portable
from daqpv.store.portable.exporting import export as write_export
from daqpv.store.portable.importing import import_ as read_export
from daqpv.store.tables.own import schema_of


@click.command()
@FILE
@click.argument("out", type=click.Path(path_type=Path))
def export(file: Path, out: Path) -> None:
    """Write the records of FILE's experiment to OUT, a new zip file.

    It has events, settings and runs as of one moment; daqpv may run meanwhile. In the
    zip file, each table is a file of JSON lines, and manifest.json describes them. OUT
    appears when it is complete, and is never overwritten.

    \b
        daqpv db export e20009.yaml e20009.zip
    """
    experiment, kinds = load_or_exit(file)
    with _errors_reported(), _job("Export") as job:
        url, schema = store_url(experiment), schema_of(kinds)
        manifest = write_export(url, experiment.experiment, out, job, schema)
    click.echo(f"{out}: {_sum(manifest)}")


@click.command("import")
@FILE
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
def import_(file: Path, source: Path) -> None:
    """Import the records of IN, an export, into the store of FILE.

    The store may be new, or have other experiments; it must have no records of this
    one. Either all records of IN are imported, or none.

    \b
        daqpv db import e20009.yaml e20009.zip

    To move to another database: end daqpv, export, change `store` in FILE, import.
    """
    experiment, kinds = load_or_exit(file)
    with _errors_reported(), _job("Import") as job:
        url, schema = store_url(experiment), schema_of(kinds)
        manifest = read_export(url, experiment.experiment, source, job, schema)
    click.echo(f"{source}: {_sum(manifest)}")


def _sum(manifest: portable.Manifest) -> str:
    """The number of rows of each table that has any."""
    counts = [
        f"{entry.rows:,} of {name}"
        for name, entry in manifest.tables.items()
        if entry.rows
    ]
    return f"rows: {', '.join(counts)}"


@contextmanager
def _errors_reported() -> Iterator[None]:
    """Print errors and exit; a signal ends the work without half a file or import."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        yield
    except StoreError as error:
        fail(error, EXIT_FAILED)


@contextmanager
def _job(what: str) -> Iterator[Job]:
    """A job whose progress is printed to a terminal."""
    with running(Job(what)) as job, sign_of_life(lambda: f"{what}: {job.progress}"):
        yield job

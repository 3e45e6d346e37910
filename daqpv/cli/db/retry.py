"""``daqpv db retry``: writes records to the store that it refused, or that wait."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from daqpv.cli.common import EXIT_FAILED, FILE, fail, load_or_exit
from daqpv.cli.default_paths import spool_path, store_url
from daqpv.errors import StoreError
from daqpv.store.tables.own import schema_of
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.url import shown
from daqpv.store.writing import refused
from daqpv.store.writing.retry import Retried, retry_refused, retry_spool


@click.command()
@FILE
@click.argument("paths", type=click.Path(path_type=Path), metavar="[PATH]...", nargs=-1)
def retry(file: Path, paths: tuple[Path, ...]) -> None:
    """Write the records that the store of FILE has refused to it again.

    A PATH is a file refused.jsonl, or the spool folder of a process that does not run
    any more. Without PATH: all refused records of the experiment on this computer.

    \b
        daqpv db retry e20009.yaml
        daqpv db retry e20009.yaml /data/spool/main

    Accepted records leave the file; records that are refused again stay, with the
    reason. daqpv may be running. Exit code: 0 if no record is left, else 1.
    """
    experiment, kinds = load_or_exit(file)
    left = False
    try:
        url, schema = store_url(experiment), schema_of(kinds)
        found = [*map(Path.absolute, paths)] or [
            *refused.counts(spool_path(experiment))
        ]
        if not found:
            click.echo(f"Nothing is refused by {shown(url)}")
        for path in found:
            for part, done in _retry(url, experiment.experiment, path, schema):
                click.echo(f"{part}: {_result_of(done)}")
                left = left or bool(done.refused)
    except (StoreError, OSError) as error:
        fail(str(error), EXIT_FAILED)
    if left:
        fail(f"Records are still refused: {refused.CURE}", EXIT_FAILED)


def _retry(
    url: str, experiment: str, path: Path, schema: Schema
) -> list[tuple[Path, Retried]]:
    """Write the records in a file, or those in the folder of a process."""
    process = f"retry@{socket.gethostname()}"
    if not path.is_dir():
        return [(path, retry_refused(url, experiment, path, process, schema))]
    done = [
        (one, retry_refused(url, experiment, one, process, schema))
        for one in refused.files(path)
    ]
    if any(path.glob("[0-9]*.spool")):
        done.append((path, retry_spool(url, experiment, path, schema)))
    if not done:
        raise StoreError(f"{path}: no records wait there")
    return done


def _result_of(done: Retried) -> str:
    taken = done.offered - done.refused
    text = f"{taken} of {done.offered} records are in the store"
    return (
        f"{text}; {done.refused} are refused: {done.reason}" if done.refused else text
    )

"""``daqpv db status`` and ``upgrade``: show and upgrade the tables of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from daqpv.cli.common import EXIT_FAILED, FILE, fail, load_or_exit
from daqpv.cli.default_paths import refuse_leftovers, spool_path, store_url
from daqpv.errors import StoreError
from daqpv.store.tables import migrate
from daqpv.store.tables.dump import backup as make_backup
from daqpv.store.tables.engine import make_engine, translated
from daqpv.store.tables.own import schema_of
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.sqlite_file import SCHEME, path_in, refuse_taken_away
from daqpv.store.tables.state import refuse_unusable, state_of
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import Versions, is_older, newest, refuse_others
from daqpv.store.writing import refused
from daqpv.store.writing.spool import waiting

_LONG = 3600  # [s] that a statement may take: an index on millions of rows


@click.command()
@FILE
def status(file: Path) -> None:
    """Show the store of FILE: its place, its tables, and the records that wait for it.

    \b
        daqpv db status e20009.yaml

    Exit code: 0 if it can be used, 1 if it does not answer or its tables have another
    version, 2 if FILE is invalid.
    """
    experiment, kinds = load_or_exit(file)
    folder = spool_path(experiment)
    problem: StoreError | None = None
    try:
        url = store_url(experiment)
        click.echo(f"store   {shown(url)}")
        refuse_leftovers(experiment)
        if url.startswith(SCHEME):
            refuse_taken_away(path_in(url))
        schema = schema_of(kinds)
        state = state_of(url, schema)
        refuse_unusable(state, url, schema)
        for line in _versions(state.versions, schema):
            click.echo(f"        {line}")
    except StoreError as error:
        problem = error
    click.echo(f"spool   {folder}")
    for process, size in waiting(folder).items():
        click.echo(f"        {process}: {size / 1e6:.3f} MB wait for daqpv serve")
    for path, count in refused.counts(folder).items():
        click.echo(f"        {path}: {count} records are refused: {refused.CURE}")
    if problem is not None:
        fail(problem, EXIT_FAILED)


@click.command()
@FILE
@click.option("--backup/--no-backup", default=True, help="Make a backup first [yes].")
def upgrade(file: Path, *, backup: bool) -> None:
    """Upgrade the tables of FILE's store to the version of this daqpv.

    \b
        daqpv db upgrade e20009.yaml

    End all daqpv processes that use the store before. A backup is made first: of an
    SQLite file beside it, of a server's database in this folder, by pg_dump or
    mariadb-dump.
    """
    experiment, kinds = load_or_exit(file)
    try:
        url, schema = store_url(experiment), schema_of(kinds)
        found = state_of(url, schema).versions
        if found.own is None or not is_older(found, schema):
            refuse_others(found, schema, shown(url))
            click.echo(f"{shown(url)}: {_formatted(found.own)}; nothing to do")
            return
        if backup:
            click.echo(f"Backup: {make_backup(url, Path.cwd())}")
        _upgrade(url, schema)
    except (StoreError, OSError) as error:
        fail(str(error), EXIT_FAILED)
    click.echo(f"{shown(url)}: {_formatted(newest())}, they were of {found.own}")
    for branch in schema.branches.values():
        before = found.of.get(branch.label, "not there")
        if before != branch.newest:
            click.echo(f"{branch.label}: {_formatted(branch.newest)}, was {before}")


def _formatted(version: str | None) -> str:
    return f"tables of version {version}" if version else "no tables yet"


def _versions(found: Versions, schema: Schema) -> Iterator[str]:
    """A line for daqpv's own tables, and for those of each other distribution."""
    yield _formatted(found.own)
    for label, branch in schema.branches.items():
        names = ", ".join(schema.tables_of(branch))
        yield f"{label}: {_formatted(found.of.get(label))} ({names})"


def _upgrade(url: str, schema: Schema) -> None:
    engine = make_engine(url, writes=True, makes=False, answer=_LONG)
    try:
        with translated(url):
            migrate.upgrade(engine, schema)
    finally:
        engine.dispose()

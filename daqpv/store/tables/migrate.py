"""Makes the tables of a store, and upgrades them to another version.

The scripts of Alembic are in ``db/versions``, one file per version: ``0001_...``. An
empty store gets its tables from the models at once, and a test checks that the
scripts make the same: so the start of an IOC does not import Alembic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from daqpv.core.records.table import Branch
from daqpv.errors import StoreError
from daqpv.store.tables import version
from daqpv.store.tables.encoding import poor_encoding
from daqpv.store.tables.models import METADATA, metadata_of
from daqpv.store.tables.own import OWN
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import NO_TABLES, Versions, versions_of

if TYPE_CHECKING:
    from alembic.config import Config

_LOCKS = {  # one process at a time makes tables; SQLite's BEGIN IMMEDIATE does it there
    "postgresql": "SELECT pg_advisory_xact_lock(3141592653)",
    "mysql": "SELECT GET_LOCK('daqpv tables', 10)",
    "mariadb": "SELECT GET_LOCK('daqpv tables', 10)",
}
_UNLOCKS = {
    "mysql": "SELECT RELEASE_LOCK('daqpv tables')",
    "mariadb": "SELECT RELEASE_LOCK('daqpv tables')",
}

_NOTHING = """
revision = "{revision}"
down_revision = None
branch_labels = ("{label}",)


def upgrade() -> None:
    pass
"""


def versions_in(connection: Connection) -> Versions:
    """The versions of a store's tables."""
    if not inspect(connection).has_table("alembic_version"):
        return NO_TABLES
    rows = connection.scalars(text("SELECT version_num FROM alembic_version"))
    return versions_of(rows)


def prepare(engine: Engine, schema: Schema = OWN) -> None:
    """Make the tables of an empty store, and of a branch that is new to the store.

    Args:
        engine: one that writes.
        schema: of the store.

    Raises:
        StoreError: some tables are of another version, or there are none and the
            database would refuse some texts.
    """
    store = shown(str(engine.url))
    with engine.connect() as connection:
        found = versions_in(connection)
        poor = "" if found.own else poor_encoding(connection)
    if poor:
        raise StoreError(f"{store}: {poor}")
    version.refuse_others(found, schema, store)
    if found.own is None or schema.branches.keys() - found.of.keys():
        _make(engine, schema)


def _make(engine: Engine, schema: Schema) -> None:
    """Make the tables, unless another process has just made them."""
    with _alone(engine) as connection:
        found = versions_in(connection)
        version.refuse_others(found, schema, shown(str(engine.url)))
        if found.own is None:
            METADATA.create_all(connection)
            _stamp(connection, version.newest())
        for branch in _new_branches(schema, found):
            _make_branch(connection, schema, branch)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that locks the making of tables until its commit."""
    dialect = engine.dialect.name
    with engine.connect() as connection:
        try:
            if dialect in _LOCKS:
                connection.execute(text(_LOCKS[dialect]))
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            if dialect in _UNLOCKS:
                connection.execute(text(_UNLOCKS[dialect]))


def _new_branches(schema: Schema, found: Versions) -> list[Branch]:
    return [one for label, one in schema.branches.items() if label not in found.of]


def _make_branch(connection: Connection, schema: Schema, branch: Branch) -> None:
    metadata = metadata_of(schema)
    wanted = [metadata.tables[name] for name in schema.tables_of(branch)]
    metadata.create_all(connection, wanted)
    _stamp(connection, branch.newest)


def _stamp(connection: Connection, number: str) -> None:
    """Write the version as Alembic does."""
    connection.execute(
        text(
            "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) "
            "NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(
        text("INSERT INTO alembic_version (version_num) VALUES (:version)"),
        {"version": number},
    )


def upgrade(engine: Engine, schema: Schema = OWN) -> None:
    """Bring the tables to our versions by Alembic's scripts. Make a backup before.

    Args:
        engine: one that writes.
        schema: of the store.
    """
    from alembic import command  # noqa: PLC0415 - slow, seldom wanted

    with engine.begin() as connection, TemporaryDirectory() as folder:
        found = versions_in(connection)
        config = _config(schema, found, Path(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")
        for branch in _new_branches(schema, found):
            if branch.scripts is None:
                _make_branch(connection, schema, branch)


def _config(schema: Schema, found: Versions, folder: Path) -> Config:
    """Alembic's set-up. Branches without scripts here get one in `folder`."""
    from alembic.config import Config  # noqa: PLC0415

    scripts = {one.label: one.scripts for one in schema.branches.values()}
    for label, revision in found.of.items():
        if scripts.get(label) is None:  # its distribution is not installed here
            text = _NOTHING.format(revision=revision, label=label)
            folder.joinpath(f"{revision}.py").write_text(text)
    places = [version.SCRIPTS / "versions", *filter(None, scripts.values()), folder]
    config = Config()
    for option, value in {
        "script_location": str(version.SCRIPTS),
        "path_separator": "newline",
        "version_locations": "\n".join(map(str, places)),
    }.items():
        config.set_main_option(option, value.replace("%", "%%"))
    return config

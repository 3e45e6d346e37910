"""The tables of a store: made, and upgraded to another version.

The scripts of Alembic stand in ``db/versions``, one file per version: ``0001_...``. An
empty store gets its tables from the models at once, and a test holds that this is what
the scripts make: so the start of an IOC imports no Alembic.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

from daqpv.errors import StoreError
from daqpv.store.tables import version
from daqpv.store.tables.encoding import poor_encoding
from daqpv.store.tables.models import Base
from daqpv.store.tables.url import shown

_LOCKS = {  # one process at a time makes tables; SQLite's BEGIN IMMEDIATE does it there
    "postgresql": "SELECT pg_advisory_xact_lock(3141592653)",
    "mysql": "SELECT GET_LOCK('daqpv tables', 10)",
    "mariadb": "SELECT GET_LOCK('daqpv tables', 10)",
}
_UNLOCKS = {
    "mysql": "SELECT RELEASE_LOCK('daqpv tables')",
    "mariadb": "SELECT RELEASE_LOCK('daqpv tables')",
}


def version_of(connection: Connection) -> str | None:
    """The version of a store's tables; None if it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def prepare(engine: Engine) -> None:
    """Make the tables of an empty store; leave a good one as it is.

    Args:
        engine: one that writes.

    Raises:
        StoreError: the tables are of another version, or there are none and the
            database would refuse some texts.
    """
    with engine.connect() as connection:
        found = version_of(connection)
        poor = "" if found else poor_encoding(connection)
    if poor:
        raise StoreError(f"{shown(str(engine.url))}: {poor}")
    if found is None:
        found = _make(engine)
    version.refuse_other(found, shown(str(engine.url)))


def _make(engine: Engine) -> str:
    """Make all tables, unless somebody else does it right now; return the version."""
    dialect = engine.dialect.name
    with engine.begin() as connection:
        if dialect in _LOCKS:
            connection.execute(text(_LOCKS[dialect]))
        if found := version_of(connection):
            return found
        Base.metadata.create_all(connection)
        _stamp(connection, version.newest())
        if dialect in _UNLOCKS:
            connection.execute(text(_UNLOCKS[dialect]))
    return version.newest()


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


def upgrade(engine: Engine) -> None:
    """Bring the tables to our version by Alembic's scripts. Make a backup before.

    Args:
        engine: one that writes.
    """
    from alembic import command  # noqa: PLC0415 - slow, seldom wanted
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(version.SCRIPTS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

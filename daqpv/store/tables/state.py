"""The state of a store's tables, read without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, inspect

from daqpv.errors import StoreError
from daqpv.store.reading.reader import read_only_url
from daqpv.store.tables.encoding import poor_encoding
from daqpv.store.tables.engine import make_engine, translated
from daqpv.store.tables.migrate import version_of
from daqpv.store.tables.models import Base
from daqpv.store.tables.sqlite_file import SCHEME, is_there, path_in
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import newest, refuse_other


@dataclass(frozen=True, slots=True)
class TableState:
    """What a store has.

    Attributes:
        version: of its tables; None if it has none.
        missing: tables and columns of our version that it lacks.
        poor: what is wrong with its encoding, and the cure; "" if nothing is.
    """

    version: str | None
    missing: tuple[str, ...] = ()
    poor: str = ""


def state_of(url: str) -> TableState:
    """Look at the tables; a SQLite file is not made by that, nor written.

    Raises:
        StoreError: the store is away.
    """
    if url.startswith(SCHEME) and not is_there(path_in(url)):
        return TableState(None)
    engine = make_engine(read_only_url(url))
    try:
        with translated(url), engine.connect() as connection:
            version = version_of(connection)
            missing = _missing(connection) if version == newest() else ()
            return TableState(version, missing, poor_encoding(connection))
    finally:
        engine.dispose()


def refuse_unusable(state: TableState, url: str) -> None:
    """Refuse a store whose tables or encoding are not what daqpv needs.

    Raises:
        StoreError: it is so; it says what to do.
    """
    if state.version is not None:
        refuse_other(state.version, shown(url))
    if state.missing:
        raise StoreError(
            f"{shown(url)}: missing: {', '.join(state.missing)}. Put a backup back, or "
            "name another store"
        )
    if state.poor:
        raise StoreError(f"{shown(url)}: {state.poor}")


def _missing(connection: Connection) -> tuple[str, ...]:
    found, missing = inspect(connection), []
    for name, table in Base.metadata.tables.items():
        if not found.has_table(name):
            missing.append(f"table {name}")
            continue
        there = {column["name"] for column in found.get_columns(name)}
        columns = [column.name for column in table.c]
        missing += [f"column {name}.{one}" for one in columns if one not in there]
    return tuple(missing)

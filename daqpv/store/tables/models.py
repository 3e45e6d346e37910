"""Makes the SQLAlchemy tables of a store from their declarations.

Times are UTC [us since 1970]: exact, and the same in every engine. Free texts have
no limit but the engine's 16 MB; texts that a PV or a name limits have that limit.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.types import TypeEngine

from daqpv.core.records import table as declared
from daqpv.core.records.table import SqlType
from daqpv.store.tables.own import OWN
from daqpv.store.tables.schema import Schema

_LONG = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")  # their TEXT is 64 kB


class _JsonText(TypeDecorator[Any]):
    """JSON as plain text: in a column of type JSON, SQLite makes 3 of 3.0."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers INTEGER only
_TYPES: dict[SqlType, TypeEngine[Any]] = {
    SqlType.INTEGER: Integer(),
    SqlType.BIG: BigInteger(),
    SqlType.SMALL: SmallInteger(),
    SqlType.REAL: Double(),
    SqlType.TEXT: _LONG,
    SqlType.JSON: JSON().with_variant(_JsonText(), "sqlite"),
}
_MARIADB: dict[str, Any] = {
    f"{engine}_{key}": value  # not the defaults of the database
    for engine in ("mysql", "mariadb")
    for key, value in {
        "charset": "utf8mb4",
        "collate": "utf8mb4_bin",
        "engine": "InnoDB",
    }.items()
}


@cache
def metadata_of(schema: Schema) -> MetaData:
    """All tables of `schema`, and those that every store has."""
    metadata = MetaData()
    Table(
        "experiment",  # one file of settings; a store may hold several
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(60), nullable=False, unique=True),
        **_MARIADB,
    )
    # How far a writer has come: it counts with every transaction, in the same one.
    # After an unclear result a writer offers its entries again; the count says
    # whether they are there already.
    Table(
        "journal",
        metadata,
        Column("writer", String(32), primary_key=True),  # one start of one process
        Column("process", String(120), nullable=False),  # name@host
        Column("last", BigInteger, nullable=False),  # number of the last record
        Column("time", BigInteger, nullable=False),
        # null: written before version 0004, by a process that several experiments have
        Column("experiment_id", ForeignKey("experiment.id")),
        **_MARIADB,
    )
    for one in schema.tables.values():
        _add(metadata, one)
    return metadata


def _add(metadata: MetaData, one: declared.Table) -> None:
    has_key = bool(one.key)
    number = [] if has_key else [Column("id", _NUMBER, primary_key=True)]
    owner: Column[int] = Column(
        "experiment_id",
        ForeignKey("experiment.id"),
        primary_key=has_key,
        nullable=False,
    )
    columns = (
        Column(
            column.name,
            String(column.length) if column.length else _TYPES[column.type],
            primary_key=column.name in one.key,
            nullable=column.nullable,
            autoincrement=False,
        )
        for column in one.columns
    )
    indexes = (
        Index(name, "experiment_id", *names) for name, names in one.indexes.items()
    )
    Table(one.name, metadata, *number, owner, *columns, *indexes, **_MARIADB)


METADATA = metadata_of(OWN)
EXPERIMENT, JOURNAL, EVENT, RUN, RUN_VALUE = (
    METADATA.tables[name]
    for name in ("experiment", "journal", "event", "run", "run_value")
)

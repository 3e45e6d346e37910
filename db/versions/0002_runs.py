"""The tables of runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0002"
down_revision = "0001"

LONG = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MARIADB = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
}


def _run(*, key: bool = True) -> list[sa.Column]:
    """The columns that say of which run of which experiment a row is."""
    experiment = sa.ForeignKey("experiment.id")
    options = {"nullable": False, "primary_key": key}
    return [
        sa.Column("experiment_id", sa.Integer, experiment, **options),
        sa.Column("number", sa.Integer, autoincrement=False, **options),
    ]


def _text(name: str, length: int | None = None, *, key: bool = False) -> sa.Column:
    kind = LONG if length is None else sa.String(length)
    return sa.Column(name, kind, nullable=False, primary_key=key)


def _big(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _small(name: str) -> sa.Column:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def _json(name: str) -> sa.Column:
    return sa.Column(name, sa.JSON, nullable=False)


def _real(name: str) -> sa.Column:
    return sa.Column(name, sa.Double, nullable=True)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "run",
        *_run(),
        _text("entry", 20),
        _big("start"),
        _big("stop", nullable=True),
        _big("seen"),
        _big("live_time"),
        _text("kind", 60),
        _text("title"),
        _text("comment"),
        _text("operator", 120),
        _text("config"),
        _text("note"),
        _big("data"),
        **MARIADB,
    )
    op.create_table(
        "run_change",
        sa.Column("id", NUMBER, primary_key=True),
        *_run(key=False),
        _big("time"),
        _text("field", 60),
        _text("old"),
        _text("new"),
        _text("who", 120),
        **MARIADB,
    )
    op.create_index("ix_run_change", "run_change", ["experiment_id", "number"])
    op.create_table(
        "run_value",
        *_run(),
        _text("name", 60, key=True),
        _text("type", 20),
        _text("units", 60),
        _json("value"),
        _json("start"),
        _json("stop"),
        _real("mean"),
        _real("low"),
        _real("high"),
        sa.Column("count", sa.Integer, nullable=False),
        _small("severity"),
        **MARIADB,
    )
    op.create_table(
        "run_pv",
        *_run(),
        _text("moment", 20, key=True),
        _text("pv", 120, key=True),
        _json("value"),
        _small("severity"),
        _big("time"),
        **MARIADB,
    )
    op.create_table(
        "run_file",
        *_run(),
        _text("router", 60, key=True),
        _text("path", 500, key=True),
        _big("size"),
        _big("time"),
        **MARIADB,
    )
    op.create_table(
        "run_document",
        *_run(),
        _text("server", 60, key=True),
        _text("name", 120, key=True),
        _text("text"),
        **MARIADB,
    )

"""The first tables: experiments, journal, events, settings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0001"
down_revision = None

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


def _experiment() -> sa.ForeignKey:
    return sa.ForeignKey("experiment.id")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "experiment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(60), nullable=False, unique=True),
        **MARIADB,
    )
    op.create_table(
        "journal",
        sa.Column("writer", sa.String(32), primary_key=True),
        sa.Column("process", sa.String(120), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        **MARIADB,
    )
    _event()
    op.create_table(
        "setting",
        sa.Column("experiment_id", sa.Integer, _experiment(), primary_key=True),
        sa.Column("device", sa.String(60), primary_key=True),
        sa.Column("field", sa.String(60), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("file", sa.JSON, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        **MARIADB,
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("experiment_id", sa.Integer, _experiment(), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("device", sa.String(60), nullable=False),
        sa.Column("process", sa.String(120), nullable=False),
        sa.Column("function", sa.String(200), nullable=False),
        sa.Column("text", LONG, nullable=False),
        sa.Column("fields", LONG, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        **MARIADB,
    )
    for name, columns in {
        "ix_event_time": ["experiment_id", "time"],
        "ix_event_device": ["experiment_id", "device", "severity", "time"],
        "ix_event_severity": ["experiment_id", "severity", "time"],
    }.items():
        op.create_index(name, "event", columns)

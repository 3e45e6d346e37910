"""What devices need after a restart is no longer among what operators chose."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MARIADB = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
}
FIELDS = {
    "Run": (
        *("state", "failure", "open_run", "closed_run", "unsorted", "taking", "gaps"),
        *("left", "owed", "writers"),
    ),
    "Run:Par": ("written", "run"),
}
COLUMNS = ("experiment_id", "device", "field", "value", "time")


def _value() -> sa.Column:
    """JSON; text on SQLite, which makes 3 of 3.0 in a column of type JSON."""
    kind = sa.JSON().with_variant(sa.Text(), "sqlite")
    return sa.Column("value", kind, nullable=False)


def upgrade() -> None:
    """Make the table, and move to it what belongs there."""
    experiment = sa.ForeignKey("experiment.id")
    op.create_table(
        "device_state",
        sa.Column("experiment_id", sa.Integer, experiment, primary_key=True),
        sa.Column("device", sa.String(60), primary_key=True),
        sa.Column("field", sa.String(60), primary_key=True),
        _value(),
        sa.Column("time", sa.BigInteger, nullable=False),
        **MARIADB,
    )
    setting, state = (
        sa.table(name, *map(sa.column, COLUMNS)) for name in ("setting", "device_state")
    )
    for device, fields in FIELDS.items():
        ours = sa.and_(setting.c.device == device, setting.c.field.in_(fields))
        rows = sa.select(*setting.c).where(ours)
        op.execute(sa.insert(state).from_select(COLUMNS, rows))
        op.execute(sa.delete(setting).where(ours))

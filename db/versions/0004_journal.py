"""The journal knows the experiment of each writer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

EXPERIMENT = sa.table("experiment", sa.column("id"))
EVENT = sa.table("event", sa.column("process"), sa.column("experiment_id"))
JOURNAL = sa.table("journal", sa.column("process"), sa.column("experiment_id"))


def upgrade() -> None:
    """Add the column; it stays empty where two experiments have the same process."""
    with op.batch_alter_table("journal") as batch:
        batch.add_column(
            sa.Column(
                "experiment_id",
                sa.Integer,
                sa.ForeignKey("experiment.id", name="journal_experiment_id_fkey"),
                nullable=True,
            )
        )
    connection = op.get_bind()
    experiments = connection.scalars(sa.select(EXPERIMENT.c.id)).all()
    if len(experiments) == 1:
        connection.execute(sa.update(JOURNAL).values(experiment_id=experiments[0]))
        return
    number, count = (
        sa.func.min(EVENT.c.experiment_id),
        sa.func.count(EVENT.c.experiment_id.distinct()),
    )
    owners = sa.select(EVENT.c.process, number).group_by(EVENT.c.process)
    for process, experiment in connection.execute(owners.having(count == 1)).all():
        of_process = sa.update(JOURNAL).where(JOURNAL.c.process == process)
        connection.execute(of_process.values(experiment_id=experiment))

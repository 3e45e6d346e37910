"""Sets up Alembic, with the connection from daqpv.store.tables.migrate."""

from alembic import context

from daqpv.store.tables.models import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()

"""What Alembic runs to reach the database; the connection is given by `records.database.versions`."""

from __future__ import annotations

from alembic import context

from alerts.tables import METADATA
from alerts.versions import CHAIN

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=CHAIN.version_table,
    render_as_batch=True,  # SQLite changes a column by rebuilding its table
)
with context.begin_transaction():
    context.run_migrations()

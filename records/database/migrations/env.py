"""What Alembic runs to reach the database; the connection is given by `records.database.migrate`."""

from __future__ import annotations

from alembic import context

from records.database.migrate import VERSION_TABLE
from records.database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes a column by rebuilding its table
)
with context.begin_transaction():
    context.run_migrations()

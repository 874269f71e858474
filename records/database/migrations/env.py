"""What Alembic runs to reach the database; the connection is given by `records.database.versions`."""

from __future__ import annotations

from typing import Literal

from alembic import context

from records.database.tables import METADATA, Instant
from records.database.versions import VERSION_TABLE

INSTANT = 'sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")'


def render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """An instant in a draft as the plain types behind it: a version must not change when our own type does."""
    return INSTANT if kind == "type" and isinstance(item, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_item=render,
    render_as_batch=True,  # SQLite changes a column by rebuilding its table
)
with context.begin_transaction():
    context.run_migrations()

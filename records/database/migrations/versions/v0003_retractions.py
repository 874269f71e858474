"""Events that were taken back: kept as rows, part of no history any more; and vouchers found by their id.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Create the table of retractions, and the index."""
    op.create_table(
        "retractions",
        sa.Column("table_name", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("retracted_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("table_name", "event_id", name="pk_retractions"),
    )
    op.create_index("ix_vouchers_voucher_id", "vouchers", ["voucher_id"])


def downgrade() -> None:
    """Drop them: what was taken back would be part of the histories again."""
    op.drop_index("ix_vouchers_voucher_id", "vouchers")
    op.drop_table("retractions")

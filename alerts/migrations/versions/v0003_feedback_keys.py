"""Keys under which providers send treatment feedback, so that one that is sent twice is taken once.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "feedback_keys",
        sa.Column("provider_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("feedback_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "key", name="pk_feedback_keys"),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedbacks.feedback_id"], name="fk_feedback_keys_feedback_id"),
    )


def downgrade() -> None:
    """Take it away: what is sent again afterwards is judged as new."""
    op.drop_table("feedback_keys")

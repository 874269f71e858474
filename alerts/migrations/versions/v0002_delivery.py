"""How messages are delivered: parts of text messages, the providers' portal, telephone numbers.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("messages_outbox", sa.Column("parts", sa.Integer(), nullable=True))
    op.create_table(
        "portal_messages",
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("provider_id", TEXT, nullable=False),
        sa.Column("put_at", INSTANT, nullable=False),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("message_id", name="pk_portal_messages"),
        sa.ForeignKeyConstraint(["message_id"], ["messages_outbox.message_id"], name="fk_portal_messages_message_id"),
    )
    op.create_index("ix_portal_messages_provider_id_put_at", "portal_messages", ["provider_id", "put_at"])
    op.create_table(
        "phone_numbers",
        sa.Column("patient_id", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("patient_id", "number", name="pk_phone_numbers"),
        sa.CheckConstraint("number LIKE '+%'", name=op.f("ck_phone_numbers_number_international")),
    )


def downgrade() -> None:
    """Take them away: telephone numbers, and which messages stand in the portal, are lost."""
    op.drop_table("phone_numbers")
    op.drop_table("portal_messages")
    op.drop_column("messages_outbox", "parts")

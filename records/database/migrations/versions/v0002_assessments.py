"""Assessments.

Revision 0002, after 0001. It states its types and limits itself, as 0001 does and for the same reason.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
LIMITS = {
    "at_least_moderate": (0, 1),
    "at_least_heavy": (0, 1),
    "visits": (0, None),
    "minutes": (0, None),
    "history_days": (0, None),
}


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "assessments",
        sa.Column("patient_id", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("event_time", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("model_version", TEXT, nullable=False),
        sa.Column("features_version", TEXT, nullable=False),
        sa.Column("rules_version", TEXT, nullable=False),
        sa.Column("suggested", TEXT, nullable=True),
        sa.Column("at_least_moderate", sa.Double(), nullable=True),
        sa.Column("at_least_heavy", sa.Double(), nullable=True),
        sa.Column("members", TEXT, nullable=True),
        sa.Column("visits", sa.Double(), nullable=True),
        sa.Column("minutes", sa.Double(), nullable=True),
        sa.Column("history_days", sa.Integer(), nullable=True),
        sa.Column("unit", TEXT, nullable=True),
        sa.Column("language", TEXT, nullable=True),
        *_checks(),
        sa.PrimaryKeyConstraint("event_id", name="pk_assessments"),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patient_id"], name="fk_assessments_patient_id"),
    )
    order = ["patient_id", "event_time", "event_id"]
    op.create_index(f"ix_assessments_{'_'.join(order)}", "assessments", order)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("assessments")


def _checks() -> list[sa.CheckConstraint]:
    limits = [
        (column, rule, sign, limit)
        for column, (least, most) in LIMITS.items()
        for rule, sign, limit in (("at_least", ">=", least), ("at_most", "<=", most))
        if limit is not None
    ]
    return [
        sa.CheckConstraint(f"{column} {sign} {limit}", name=op.f(f"ck_assessments_{column}_{rule}"))
        for column, rule, sign, limit in limits
    ]

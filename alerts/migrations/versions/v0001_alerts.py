"""Definitions, alerts, feedback, messages and the audit.

Revision 0001, the first. It states its types and limits itself instead of asking `alerts.tables`: that module moves on,
and this version must stay what the databases in use were made by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
MESSAGE_STATES = ("queued", "sending", "sent", "delivered", "not_sent", "failed", "dead", "withdrawn")
TABLES = (
    "voucher_definitions",
    "alerts",
    "feedbacks",
    "feedback_events",
    "messages_outbox",
    "message_receipts",
    "alert_runs",
    "alert_audit",
)
APPEND_ONLY = {
    "sqlite": tuple(
        f"CREATE TRIGGER alert_audit_no_{change} BEFORE {change} ON alert_audit"
        " BEGIN SELECT RAISE(ABORT, 'alert_audit is append-only'); END"
        for change in ("update", "delete")
    ),
    "postgresql": (
        """CREATE FUNCTION alert_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'alert_audit is append-only'; END $$""",
        """CREATE TRIGGER alert_audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON alert_audit
        FOR EACH STATEMENT EXECUTE FUNCTION alert_audit_refuse()""",
    ),
}


def upgrade() -> None:
    """Create all tables."""
    _create_alerts()
    _create_feedback()
    _create_messages()
    _create_told()


def _create_alerts() -> None:
    _create(
        "voucher_definitions",
        _needed("definition_id"),
        _needed("kind"),
        _needed("version"),
        _needed("content"),
        _needed("loaded_at", INSTANT),
        sa.UniqueConstraint("kind", "version", name="uq_voucher_definitions_kind_version"),
        key=["definition_id"],
    )
    _create(
        "alerts",
        _needed("alert_id"),
        _needed("rule"),
        _needed("rule_version", sa.Integer()),
        _needed("subject"),
        _needed("voucher_id"),
        _needed("patient_id"),
        _optional("provider_id"),
        _needed("definition_id"),
        _needed("breached_on", sa.Date()),
        _needed("variables"),
        _needed("found_at", INSTANT),
        _needed("state"),
        _optional("ended_at", INSTANT),
        _optional("ended_why"),
        _one_of("alerts", "state", ("open", "ended", "withdrawn")),
        _one_of(
            "alerts",
            "ended_why",
            ("activated", "visited", "ended", "withdrawn", "expired", "over", "corrected"),
        ),
        _check("alerts", "ended_at_unless_open", "(state = 'open') = (ended_at IS NULL)"),
        _check("alerts", "ended_why_unless_open", "(state = 'open') = (ended_why IS NULL)"),
        _refers("alerts", "definition_id", "voucher_definitions"),
        key=["alert_id"],
    )
    _index("alerts", "voucher_id")
    is_open = sa.text("state = 'open'")
    op.create_index("ix_alerts_open", "alerts", ["breached_on"], sqlite_where=is_open, postgresql_where=is_open)


def _create_feedback() -> None:
    _create(
        "feedbacks",
        _needed("feedback_id"),
        _needed("voucher_id"),
        _needed("patient_id"),
        _needed("provider_id"),
        _needed("sent_at", INSTANT),
        _needed("ends_care", sa.Boolean()),
        _needed("state"),
        _optional("cancelled_at", INSTANT),
        _optional("cancelled_by"),
        _optional("cancel_reason"),
        _optional("corrects"),
        _one_of("feedbacks", "state", ("active", "cancelled")),
        _one_of("feedbacks", "cancelled_by", ("provider", "officer")),
        _check("feedbacks", "cancelled_at_if_cancelled", "(state = 'active') = (cancelled_at IS NULL)"),
        _check("feedbacks", "cancelled_by_if_cancelled", "(state = 'active') = (cancelled_by IS NULL)"),
        sa.ForeignKeyConstraint(["corrects"], ["feedbacks.feedback_id"], name="fk_feedbacks_corrects"),
        key=["feedback_id"],
    )
    _index("feedbacks", "voucher_id")
    _index("feedbacks", "provider_id", "sent_at")
    _create(
        "feedback_events",
        _needed("table_name"),
        _needed("event_id"),
        _needed("feedback_id"),
        _refers("feedback_events", "feedback_id", "feedbacks"),
        key=["table_name", "event_id"],
    )
    _index("feedback_events", "feedback_id")


def _create_messages() -> None:
    _create(
        "messages_outbox",
        _needed("message_id"),
        _needed("alert_id"),
        _needed("recipient"),
        _needed("occurrence", sa.Integer()),
        _needed("channel"),
        _optional("language"),
        _needed("variables"),
        _needed("idempotency_key"),
        _needed("state"),
        _optional("reason"),
        _optional("not_before", INSTANT),
        _needed("attempts", sa.Integer()),
        _optional("next_attempt_at", INSTANT),
        _optional("claimed_by"),
        _optional("claimed_until", INSTANT),
        _optional("gateway_id"),
        _needed("created_at", INSTANT),
        _needed("updated_at", INSTANT),
        sa.UniqueConstraint("idempotency_key", name="uq_messages_outbox_idempotency_key"),
        _one_of("messages_outbox", "recipient", ("client", "provider")),
        _one_of("messages_outbox", "channel", ("sms", "portal")),
        _one_of("messages_outbox", "language", ("fi", "sv", "en")),
        _one_of("messages_outbox", "state", MESSAGE_STATES),
        _refers("messages_outbox", "alert_id", "alerts"),
        key=["message_id"],
    )
    _index("messages_outbox", "alert_id", "state")
    _index("messages_outbox", "state", "next_attempt_at")
    _create(
        "message_receipts",
        _number(),
        _needed("message_id"),
        _optional("gateway_id"),
        _needed("state"),
        _needed("received_at", INSTANT),
        _one_of("message_receipts", "state", MESSAGE_STATES),
        _refers("message_receipts", "message_id", "messages_outbox"),
        key=["number"],
    )
    _index("message_receipts", "message_id")


def _create_told() -> None:
    counts = ("vouchers", "opened", "ended", "withdrawn", "queued")
    _create(
        "alert_runs",
        _number(),
        _needed("now", INSTANT),
        *(_needed(name, sa.Integer()) for name in counts),
        key=["number"],
    )
    _create(
        "alert_audit",
        _number(),
        _needed("at", INSTANT),
        _needed("role"),
        _optional("who"),
        _needed("action"),
        *(_optional(f"{what}_id") for what in ("voucher", "feedback", "alert", "message")),
        _optional("why"),
        key=["number"],
    )
    _index("alert_audit", "voucher_id")
    _index("alert_audit", "feedback_id")
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Drop all tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION alert_audit_refuse()")


def _create(table: str, *parts: Any, key: Sequence[str]) -> None:
    op.create_table(table, *parts, sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _number() -> sa.Column[Any]:
    return sa.Column("number", sa.Integer(), nullable=False, autoincrement=True)


def _needed(name: str, kind: sa.types.TypeEngine[Any] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(name: str, kind: sa.types.TypeEngine[Any] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{column}"], name=f"fk_{table}_{column}")


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _one_of(table: str, column: str, values: Sequence[str]) -> sa.CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return _check(table, f"{column}_one_of", f"{column} IN ({allowed})")

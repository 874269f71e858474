"""What alerts keep in the database beside the record history: definitions, alerts, feedback, messages, the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.types import TypeEngine

from alerts.schema import (
    ALERT_STATES,
    CANCELLERS,
    CHANNELS,
    ENDINGS,
    FEEDBACK_STATES,
    LANGUAGES,
    MESSAGE_STATES,
    RECIPIENTS,
)
from records.database.tables import METADATA as RECORDS
from records.database.tables import TEXT, Instant

IS_OPEN = text("state = 'open'")
METADATA = MetaData(naming_convention=RECORDS.naming_convention)


def _needed(name: str, kind: TypeEngine[Any] = TEXT, **more: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **more)


def _optional(name: str, kind: TypeEngine[Any] | None = None) -> Column[Any]:
    return Column(name, TEXT if kind is None else kind, nullable=True)


def _key(name: str) -> Column[Any]:
    return Column(name, TEXT, primary_key=True)


def _of(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, TEXT, ForeignKey(target), nullable=nullable)


def _number() -> Column[Any]:
    return Column("number", Integer, primary_key=True, autoincrement=True)


def _one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_one_of")


voucher_definitions = Table(
    "voucher_definitions",
    METADATA,
    _key("definition_id"),  # kind and version: ordinary-2020
    _needed("kind"),
    _needed("version"),
    _needed("content"),  # the checked definition as JSON, keys sorted; never changed under its id
    _needed("loaded_at", Instant()),
    UniqueConstraint("kind", "version", name="uq_voucher_definitions_kind_version"),
)

alerts = Table(
    "alerts",
    METADATA,
    _key("alert_id"),
    _needed("rule"),
    _needed("rule_version", Integer()),
    _needed("subject"),
    _needed("voucher_id"),
    _needed("patient_id"),
    _optional("provider_id"),
    _of("definition_id", "voucher_definitions.definition_id"),
    _needed("breached_on", Date()),
    _needed("variables"),
    _needed("found_at", Instant()),
    _needed("state"),
    _optional("ended_at", Instant()),
    _optional("ended_why"),
    _one_of("state", ALERT_STATES),
    _one_of("ended_why", ENDINGS),
    CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_at_unless_open"),
    CheckConstraint("(state = 'open') = (ended_why IS NULL)", name="ended_why_unless_open"),
    Index(None, "voucher_id"),
    Index("ix_alerts_open", "breached_on", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
)
"""One row is one alert; the columns are those of `alerts.schema.ALERTS`."""

feedbacks = Table(
    "feedbacks",
    METADATA,
    _key("feedback_id"),
    _needed("voucher_id"),
    _needed("patient_id"),
    _needed("provider_id"),
    _needed("sent_at", Instant()),
    _needed("ends_care", Boolean()),
    _needed("state"),
    _optional("cancelled_at", Instant()),
    _optional("cancelled_by"),
    _optional("cancel_reason"),
    _of("corrects", "feedbacks.feedback_id", nullable=True),
    _one_of("state", FEEDBACK_STATES),
    _one_of("cancelled_by", CANCELLERS),
    CheckConstraint("(state = 'active') = (cancelled_at IS NULL)", name="cancelled_at_if_cancelled"),
    CheckConstraint("(state = 'active') = (cancelled_by IS NULL)", name="cancelled_by_if_cancelled"),
    Index(None, "voucher_id"),
    Index(None, "provider_id", "sent_at"),
)
"""One row is one treatment feedback of a provider. Who cancelled it stands in the audit, here only in which role."""

feedback_events = Table(
    "feedback_events",
    METADATA,
    Column("table_name", TEXT, primary_key=True),
    Column("event_id", TEXT, primary_key=True),
    _of("feedback_id", "feedbacks.feedback_id"),
    Index(None, "feedback_id"),
)
"""One row is one event of the record history that was made from a feedback."""

feedback_keys = Table(
    "feedback_keys",
    METADATA,
    Column("provider_id", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),  # hashed: providers choose it
    _needed("fingerprint"),
    _of("feedback_id", "feedbacks.feedback_id"),
)
"""One row is one key under which a provider has sent a feedback: what is sent again under it is the same feedback."""

messages_outbox = Table(
    "messages_outbox",
    METADATA,
    _key("message_id"),
    _of("alert_id", "alerts.alert_id"),
    _needed("recipient"),
    _needed("occurrence", Integer()),
    _needed("channel"),
    _optional("language"),
    _needed("variables"),
    _needed("idempotency_key"),
    _needed("state"),
    _optional("reason"),
    _optional("not_before", Instant()),
    _needed("attempts", Integer()),
    _optional("next_attempt_at", Instant()),
    _optional("claimed_by"),
    _optional("claimed_until", Instant()),
    _optional("gateway_id"),
    _needed("created_at", Instant()),
    _needed("updated_at", Instant()),
    _optional("parts", Integer()),  # how many text messages it took
    UniqueConstraint("idempotency_key", name="uq_messages_outbox_idempotency_key"),
    _one_of("recipient", RECIPIENTS),
    _one_of("channel", CHANNELS),
    _one_of("language", LANGUAGES),
    _one_of("state", MESSAGE_STATES),
    Index(None, "alert_id", "state"),
    Index(None, "state", "next_attempt_at"),
)
"""One row is one message to one recipient about one occurrence of one alert; its text is never kept."""

message_receipts = Table(
    "message_receipts",
    METADATA,
    _number(),
    _of("message_id", "messages_outbox.message_id"),
    _optional("gateway_id"),
    _needed("state"),
    _needed("received_at", Instant()),
    _one_of("state", MESSAGE_STATES),
    Index(None, "message_id"),
)
"""One row is what the gateway said about one message."""

portal_messages = Table(
    "portal_messages",
    METADATA,
    Column("message_id", TEXT, ForeignKey("messages_outbox.message_id"), primary_key=True),
    _needed("provider_id"),
    _needed("put_at", Instant()),
    _optional("read_at", Instant()),
    Index(None, "provider_id", "put_at"),
)
"""One row is one message in the portal of one provider; its text is made when the provider reads it."""

phone_numbers = Table(
    "phone_numbers",
    METADATA,
    Column("patient_id", TEXT, primary_key=True),
    Column("number", TEXT, primary_key=True),
    CheckConstraint("number LIKE '+%'", name="number_international"),
)
"""One row is one telephone number (E.164) of one person. No part of the record history: it refers to nothing and may
stand in a database of its own, which only sending reads."""

alert_runs = Table(
    "alert_runs",
    METADATA,
    _number(),
    _needed("now", Instant()),
    _needed("vouchers", Integer()),
    _needed("opened", Integer()),
    _needed("ended", Integer()),
    _needed("withdrawn", Integer()),
    _needed("queued", Integer()),
)
"""One row is one run of the rules; `number` is their order."""

alert_audit = Table(
    "alert_audit",
    METADATA,
    _number(),
    _needed("at", Instant()),
    _needed("role"),  # provider, officer, system
    _optional("who"),  # the pseudonymous user, or the provider; null for the system
    _needed("action"),
    _optional("voucher_id"),
    _optional("feedback_id"),
    _optional("alert_id"),
    _optional("message_id"),
    _optional("why"),
    Index(None, "voucher_id"),
    Index(None, "feedback_id"),
)
"""One row is one thing that somebody did. Rows are added and never changed: the database refuses it."""

APPEND_ONLY: dict[str, tuple[str, ...]] = {
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
"""What makes the audit append-only, by kind of database."""

for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(alert_audit, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

"""Patients and the tables of their events.

Revision 0001, the first. It states its types and limits itself instead of asking `records.schema`: that module moves
on, and this version must stay what the databases in use were made by.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")

PROFESSIONS = ("dentist", "specialist", "hygienist", "assistant", "other")
URGENCIES = ("emergency", "urgent", "routine")
FINDINGS = ("decayed", "missing", "filled", "dmft", "cpi", "bop", "ppd", "plaque", "teeth")
EVENTS = (
    "contacts",
    "appointments",
    "visits",
    "procedures",
    "diagnoses",
    "findings",
    "answers",
    "charges",
    "vouchers",
    "decisions",
    "messages",
)


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "patients",
        _needed("patient_id"),
        _optional("birth_date", sa.Date()),
        _needed("sex"),
        _optional("language"),
        _optional("municipality"),
        _optional("district"),
        _needed("special_needs", sa.Boolean()),
        _optional("sms_consent", sa.Boolean()),
        _needed("non_disclosure", sa.Boolean()),
        _optional("left_at", INSTANT),
        sa.PrimaryKeyConstraint("patient_id", name="pk_patients"),
        _one_of("patients", "sex", ("female", "male", "other", "unknown")),
    )
    _create_care()
    _create_coded()
    _create_measured()
    _create_vouchers()
    _create_decided()


def _create_care() -> None:
    _create_events(
        "contacts",
        _needed("channel"),
        _needed("urgency"),
        _needed("service"),
        _one_of("contacts", "channel", ("phone", "callback", "web", "walk_in", "professional", "other")),
        _one_of("contacts", "urgency", URGENCIES),
        _one_of("contacts", "service", ("examination", "treatment", "emergency", "advice", "other")),
    )
    _create_events(
        "appointments",
        _needed("appointment_id"),
        _needed("state"),
        _needed("starts_at", INSTANT),
        _optional("minutes", sa.Integer()),
        _needed("profession"),
        _one_of("appointments", "state", ("booked", "cancelled", "late_cancelled", "no_show", "fulfilled")),
        *_between("appointments", "minutes", 0, 1440),
        _one_of("appointments", "profession", PROFESSIONS),
    )
    _create_events(
        "visits",
        _optional("minutes", sa.Integer()),
        _needed("profession"),
        _needed("urgency"),
        _needed("mode"),
        _optional("unit"),
        _needed("producer"),
        *_between("visits", "minutes", 0, 1440),
        _one_of("visits", "profession", PROFESSIONS),
        _one_of("visits", "urgency", URGENCIES),
        _one_of("visits", "mode", ("office", "remote", "home")),
        _one_of("visits", "producer", ("own", "voucher", "purchased")),
    )


def _create_coded() -> None:
    _create_events(
        "procedures",
        _optional("visit_id"),
        _needed("code"),
        _needed("code_system"),
        _optional("tooth", sa.SmallInteger()),
        _optional("surfaces"),
        _one_of("procedures", "code_system", ("thl", "snomed", "cdt", "local")),
        *_between("procedures", "tooth", 11, 85),
    )
    _create_events(
        "diagnoses",
        _optional("visit_id"),
        _needed("code"),
        _optional("tooth", sa.SmallInteger()),
        *_between("diagnoses", "tooth", 11, 85),
    )


def _create_measured() -> None:
    _create_events(
        "findings",
        _optional("visit_id"),
        _needed("kind"),
        _needed("value", sa.Integer()),
        _one_of("findings", "kind", FINDINGS),
        *_between("findings", "value", 0, 100),
    )
    _create_events("answers", _optional("contact_id"), _needed("question"), _needed("value", sa.Double()))
    _create_events(
        "charges",
        _needed("category"),
        _needed("cents", sa.BigInteger()),
        _optional("units", sa.Integer()),
        _one_of("charges", "category", ("dental", "medical", "hospital", "mental", "drugs", "other")),
        *_between("charges", "cents", 0, None),
        *_between("charges", "units", 0, None),
    )


def _create_vouchers() -> None:
    _create_events(
        "vouchers",
        _needed("voucher_id"),
        _needed("definition_id"),
        _needed("state"),
        _optional("valid_until", sa.Date()),
        _optional("provider_id"),
        _one_of("vouchers", "state", ("granted", "activated", "ended", "withdrawn")),
    )
    _create_events(
        "messages",
        _needed("message_id"),
        _optional("voucher_id"),
        _needed("kind"),
        _needed("recipient"),
        _needed("channel"),
        _needed("state"),
        _optional("reason"),
        _one_of("messages", "recipient", ("client", "provider")),
        _one_of("messages", "channel", ("sms", "portal")),
        _one_of("messages", "state", ("queued", "sent", "not_sent", "delivered", "failed", "withdrawn")),
    )


def _create_decided() -> None:
    _create_events(
        "decisions",
        _needed("assessment_id"),
        _optional("suggested"),
        _needed("decided"),
        _needed("outcome"),
        _optional("reason_code"),
        _one_of("decisions", "outcome", ("accepted", "overridden")),
    )


def downgrade() -> None:
    """Drop all tables."""
    for table in (*reversed(EVENTS), "patients"):
        op.drop_table(table)


def _create_events(table: str, *more: Any) -> None:
    op.create_table(
        table,
        _needed("patient_id"),
        _needed("event_id"),
        _needed("event_time", INSTANT),
        _needed("recorded_at", INSTANT),
        _needed("source"),
        *more,
        sa.PrimaryKeyConstraint("event_id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patient_id"], name=f"fk_{table}_patient_id"),
    )
    order = ["patient_id", "event_time", "event_id"]
    op.create_index(f"ix_{table}_{'_'.join(order)}", table, order)


def _needed(name: str, kind: sa.types.TypeEngine[Any] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(name: str, kind: sa.types.TypeEngine[Any] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=op.f(f"ck_{table}_{column}_one_of"))


def _between(table: str, column: str, least: int, most: int | None) -> list[sa.CheckConstraint]:
    checks = [sa.CheckConstraint(f"{column} >= {least}", name=op.f(f"ck_{table}_{column}_at_least"))]
    if most is not None:
        checks.append(sa.CheckConstraint(f"{column} <= {most}", name=op.f(f"ck_{table}_{column}_at_most")))
    return checks

"""What the database knows at a moment: vouchers, the alerts found so far, the last run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal, select, true

from alerts import tables
from alerts.bulk import fetch
from alerts.known import EVENTS, VISITS, as_of
from alerts.schema import ALERTS
from alerts.vouchers import Vouchers
from records.database.tables import DATABASE_TABLES, not_retracted

STORED = pa.schema(
    [
        ALERTS.field(name)
        for name in (
            *("alert_id", "subject", "voucher_id", "patient_id", "provider_id", "definition_id", "variables"),
            *("state", "ended_at", "ended_why"),
        )
    ]
)
"""What is read of the alerts found so far."""


@dataclass(frozen=True)
class LastRun:
    """The last run of the rules; number 0 before the first one."""

    number: int
    now: datetime | None


def read_vouchers(
    connection: Connection, now: datetime, patient_id: str | None = None, done: Callable[[int], object] = lambda _: None
) -> Vouchers:
    """Vouchers as known at a moment; events that were taken back never were.

    Args:
        connection: a connection in a transaction.
        now: the moment.
        patient_id: only this patient's.
        done: told, now and then, of how many more events were read.
    """
    vouchers, visits = DATABASE_TABLES["vouchers"], DATABASE_TABLES["visits"]
    made, feedbacks = tables.feedback_events, tables.feedbacks
    of_feedback = and_(made.c.table_name == visits.name, made.c.event_id == visits.c.event_id)
    changes = select(*(vouchers.c[name] for name in EVENTS.names)).where(_known(vouchers, now, patient_id))
    visited = (
        select(visits.c.patient_id, visits.c.event_time, feedbacks.c.voucher_id)
        .outerjoin_from(visits, made, of_feedback)
        .outerjoin(feedbacks, feedbacks.c.feedback_id == made.c.feedback_id)
        .where(visits.c.producer == "voucher", _known(visits, now, patient_id))
    )
    return as_of(fetch(connection, changes, EVENTS, done), fetch(connection, visited, VISITS, done), now)


def stored_alerts(
    connection: Connection, voucher_id: str | None = None, done: Callable[[int], object] = lambda _: None
) -> pa.Table:
    """All alerts found so far, or one voucher's, as `STORED`."""
    query = select(*(tables.alerts.c[name] for name in STORED.names))
    if voucher_id is not None:
        query = query.where(tables.alerts.c.voucher_id == voucher_id)
    return fetch(connection, query, STORED, done)


def last_run(connection: Connection) -> LastRun:
    """The last run of the rules."""
    runs = tables.alert_runs
    found = connection.execute(select(runs.c.number, runs.c.now).order_by(runs.c.number.desc()).limit(1)).first()
    return LastRun(found.number, found.now) if found else LastRun(0, None)


def last_audit(connection: Connection) -> int:
    """The number of the last row of the audit; 0 when there is none."""
    return connection.scalar(select(func.coalesce(func.max(tables.alert_audit.c.number), 0))) or 0


def audited_vouchers(connection: Connection, after: int) -> set[str]:
    """Vouchers of which the audit has rows after a number."""
    audit = tables.alert_audit
    query = select(audit.c.voucher_id).where(audit.c.number > after, audit.c.voucher_id.is_not(None)).distinct()
    return set(connection.scalars(query))


def _known(table: Table, now: datetime, patient_id: str | None) -> ColumnElement[bool]:
    moment: Any = literal(now, table.c.event_time.type)
    whose = true() if patient_id is None else table.c.patient_id == patient_id
    return and_(table.c.event_time < moment, table.c.recorded_at < moment, not_retracted(table), whose)

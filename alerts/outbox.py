"""Messages that wait to be sent, written in the same transaction as the alerts that ask for them.

So there is never an alert without its message, nor a message without its alert. A message is one recipient's about one
occurrence of one alert; its idempotency key is made of these three and of nothing that names a person. Every change of
a message's state is also an event of the record history (table `messages`), written in the transaction that makes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from alerts import tables
from alerts.calendar import Window, next_permitted
from records.database.tables import DATABASE_TABLES, EPOCH, MICROSECOND

ROWS_AT_ONCE = 2_000
"""Bound by how many values SQLite takes in one statement."""

CHANNEL = {"client": "sms", "provider": "portal"}
SUPERSEDED = "superseded"
"""Why a message was withdrawn that a reminder has taken the place of."""

SOURCE = "alerts"
"""Where the record history's events about messages come from."""


class SendingTimes(Protocol):
    """What the outbox asks of a voucher definition."""

    @property
    def window(self) -> Window:
        """When its text messages may go."""


@dataclass(frozen=True)
class Queued:
    """What became of messages that were asked for.

    Attributes:
        queued: messages that wait now and did not before, also such as had been withdrawn unsent.
        known: messages that were there already.
    """

    queued: int = 0
    known: int = 0


def queue(connection: Connection, due: pa.Table, definitions: Mapping[str, SendingTimes], now: datetime) -> Queued:
    """Write down messages to be sent; what is there already stays as it is.

    Call it in the transaction that writes the alerts. A text message waits until its definition lets it go; a message
    in the portal disturbs nobody and waits for nothing. One that was withdrawn unsent is queued again. A reminder takes
    the place of an earlier message about the same alert that was not sent yet: nobody gets both at once.

    Args:
        connection: a connection in a transaction.
        due: what alerts ask for, see `alerts.schema.DUE`.
        definitions: voucher definitions by their id.
        now: the moment.
    """
    opening = {name: next_permitted(one.window, now) for name, one in definitions.items()}
    queued = 0
    for rows in due.to_batches(max_chunksize=ROWS_AT_ONCE):
        made = [_message(row, opening[row["definition_id"]], now) for row in rows.to_pylist()]
        new = _insert(connection, made)
        tell(connection, new, now)
        _supersede(connection, [row["alert_id"] for row in made if row["occurrence"]], now)
        queued += len(new)
    return Queued(queued, due.num_rows - queued)


def withdraw(connection: Connection, alert_ids: Sequence[str], why: str, now: datetime) -> int:
    """Withdraw the messages of alerts that were not sent yet; none of these will go out, even if it was just claimed.

    What is on its way at this moment cannot be called back: it is not counted and keeps its state.

    Args:
        connection: a connection in a transaction, best the one that ends the alerts.
        alert_ids: the alerts.
        why: the reason, as a code.
        now: the moment.

    Returns:
        How many messages were withdrawn.
    """
    alert_id = tables.messages_outbox.c.alert_id
    return sum(_withdraw(connection, alert_id.in_(some), why, now) for some in _some(alert_ids))


def _supersede(connection: Connection, alert_ids: Sequence[str], now: datetime) -> None:
    """Withdraw what was not sent of alerts that a later message waits about."""
    outbox, later = tables.messages_outbox, tables.messages_outbox.alias()
    a_later_one = exists().where(
        later.c.alert_id == outbox.c.alert_id,
        later.c.recipient == outbox.c.recipient,
        later.c.occurrence > outbox.c.occurrence,
        later.c.state == "queued",
    )
    if alert_ids:
        _withdraw(connection, and_(outbox.c.alert_id.in_(alert_ids), a_later_one), SUPERSEDED, now)


def _withdraw(connection: Connection, which: ColumnElement[bool], why: str, now: datetime) -> int:
    outbox = tables.messages_outbox
    statement = (
        update(outbox)
        .where(which, outbox.c.state == "queued")
        .values(state="withdrawn", reason=why, next_attempt_at=None, claimed_by=None, claimed_until=None)
        .values(updated_at=now)
        .returning(outbox.c.message_id)
    )
    found = list(connection.scalars(statement))
    tell(connection, found, now)
    return len(found)


def tell(connection: Connection, message_ids: Sequence[str], now: datetime) -> None:
    """Write the present state of messages into the record history; the same state at the same moment once only.

    For the history a message that was given up has failed, and one on its way is still queued and told of when it has
    arrived.
    """
    outbox, alerts, messages = tables.messages_outbox, tables.alerts, DATABASE_TABLES["messages"]
    state = case((outbox.c.state == "dead", "failed"), else_=outbox.c.state)
    moment = str((now - EPOCH) // MICROSECOND)
    event_id = outbox.c.message_id + literal("-") + state + literal(f"-{moment}")
    columns = {
        "patient_id": alerts.c.patient_id,
        "event_id": event_id,
        "event_time": literal(now, messages.c.event_time.type),
        "recorded_at": literal(now, messages.c.recorded_at.type),
        "source": literal(SOURCE),
        "message_id": outbox.c.message_id,
        "voucher_id": alerts.c.voucher_id,
        "kind": alerts.c.rule,
        "recipient": outbox.c.recipient,
        "channel": outbox.c.channel,
        "state": state,
        "reason": outbox.c.reason,
    }
    for some in _some(message_ids):
        rows = (
            select(*(column.label(name) for name, column in columns.items()))
            .join_from(outbox, alerts, outbox.c.alert_id == alerts.c.alert_id)
            .where(outbox.c.message_id.in_(some), outbox.c.state != "sending")
        )
        connection.execute(insert(connection, messages).from_select(list(columns), rows).on_conflict_do_nothing())


def insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that may say what to do about a conflict."""
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def key_of(alert_id: str, recipient: str, occurrence: int) -> str:
    """The idempotency key of a message: the same for the same message, and unreadable."""
    return hashlib.sha256(f"{alert_id}\n{recipient}\n{occurrence}".encode()).hexdigest()[:32]


def _message(row: Mapping[str, Any], opening: datetime, now: datetime) -> dict[str, Any]:
    key = key_of(row["alert_id"], row["recipient"], row["occurrence"])
    channel = CHANNEL[row["recipient"]]
    first = opening if channel == "sms" else now
    return {name: row[name] for name in ("alert_id", "recipient", "occurrence", "variables")} | {
        "message_id": key,
        "channel": channel,
        "idempotency_key": key,
        "state": "queued",
        "not_before": first,
        "attempts": 0,
        "next_attempt_at": first,
        "created_at": now,
        "updated_at": now,
    }


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> list[str]:
    """Insert messages, or bring withdrawn ones back; tells which of them wait now and did not before."""
    outbox = tables.messages_outbox
    statement = insert(connection, outbox)
    again = ("variables", "state", "reason", "not_before", "next_attempt_at", "updated_at")
    statement = statement.on_conflict_do_update(
        index_elements=["message_id"],
        set_={name: statement.excluded[name] for name in again},
        where=outbox.c.state == "withdrawn",
    )
    return list(connection.scalars(statement.returning(outbox.c.message_id), rows)) if rows else []


def _some(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), ROWS_AT_ONCE):
        yield items[start : start + ROWS_AT_ONCE]

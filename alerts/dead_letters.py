"""Messages that a person has to look at, because nothing more is done about them: the dead-letter list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from alerts.audit import Actor, Deed, audit
from alerts.outbox import tell
from alerts.tables import alerts, messages_outbox

STATES = ("dead", "failed")


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up (`dead`), or that a gateway accepted and could not deliver (`failed`)."""

    message_id: str
    definition_id: str
    rule: str
    state: str
    reason: str
    attempts: int
    since: datetime


def dead_letters(connection: Connection, at_most: int = 1_000) -> list[DeadLetter]:
    """The list, the oldest first; it names no person."""
    outbox = messages_outbox
    statement = (
        select(outbox.c.message_id, alerts.c.definition_id, alerts.c.rule, outbox.c.state, outbox.c.reason)
        .add_columns(outbox.c.attempts, outbox.c.updated_at)
        .join_from(outbox, alerts, outbox.c.alert_id == alerts.c.alert_id)
        .where(outbox.c.state.in_(STATES))
        .order_by(outbox.c.updated_at, outbox.c.message_id)
        .limit(at_most)
    )
    return [DeadLetter(*row) for row in connection.execute(statement)]


def send_again(connection: Connection, message_ids: Sequence[str], who: str, why: str, now: datetime) -> int:
    """Let messages of the list be sent again: a person has decided so, and it stands in the audit.

    A message that a gateway has reported as not delivered gets a new key, because under the old one the gateway would
    take it for done. One that was given up keeps its key, because it may have arrived after all.

    Args:
        connection: a connection in a transaction.
        message_ids: the messages; those that are not on the list are left alone.
        who: the pseudonymous officer.
        why: the reason.
        now: the moment.

    Returns:
        How many are queued now.
    """
    outbox = messages_outbox
    listed = outbox.c.message_id.in_(message_ids), outbox.c.state.in_(STATES)
    rows = connection.execute(
        select(outbox.c.message_id, outbox.c.state, outbox.c.idempotency_key).where(*listed).with_for_update()
    ).all()
    for row in rows:
        key = _next(row.idempotency_key) if row.state == "failed" else row.idempotency_key
        fresh = {"state": "queued", "reason": None, "attempts": 0, "next_attempt_at": now, "gateway_id": None}
        change = update(outbox).where(outbox.c.message_id == row.message_id)
        connection.execute(change.values(idempotency_key=key, updated_at=now, **fresh))
    deeds = [Deed("send_again", message_id=row.message_id, why=why) for row in rows]
    audit(connection, deeds, Actor("officer", who), now)
    tell(connection, [row.message_id for row in rows], now)
    return len(rows)


def _next(key: str) -> str:
    """The key of another attempt at the same message: `key`, `key-2`, `key-3`."""
    first, _, number = key.partition("-")
    return f"{first}-{int(number or 1) + 1}"

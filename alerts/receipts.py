"""What a gateway reports later: that a message was delivered, or that it could not be.

A receipt may come twice, in any order, and before the dispatcher has written down that the message was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert, or_, select, update

from alerts.outbox import tell
from alerts.tables import message_receipts, messages_outbox

NOT_DELIVERED = "not_delivered"
"""Why a message has failed that a gateway accepted."""

_BEFORE = {"delivered": ("sending", "sent", "failed", "dead"), "failed": ("sending", "sent", "dead")}
"""States that a receipt may end. Delivered is delivered, whatever is said afterwards."""


@dataclass(frozen=True)
class Receipt:
    """What a gateway says of one message, which it names by our key or by its own id.

    Attributes:
        state: what became of the message.
        key: the idempotency key that it was sent with.
        gateway_id: the gateway's own name for it.
    """

    state: Literal["delivered", "failed"]
    key: str | None = None
    gateway_id: str | None = None


def receive(connection: Connection, receipt: Receipt, now: datetime) -> bool:
    """Take note of a receipt.

    Args:
        connection: a connection in a transaction.
        receipt: what the gateway says.
        now: the moment.

    Returns:
        False if no message is named so.
    """
    outbox = messages_outbox
    named = [outbox.c[name] == value for name, value in _names(receipt).items()]
    message_id = connection.scalar(select(outbox.c.message_id).where(or_(*named)).with_for_update()) if named else None
    if message_id is None:
        return False
    _note(connection, message_id, receipt, now)
    reason = NOT_DELIVERED if receipt.state == "failed" else None
    change = (
        update(outbox)
        .where(outbox.c.message_id == message_id, outbox.c.state.in_(_BEFORE[receipt.state]))
        .values(state=receipt.state, reason=reason, updated_at=now, next_attempt_at=None)
        .values(claimed_by=None, claimed_until=None)
    )
    if connection.execute(change).rowcount:
        tell(connection, [message_id], now)
    return True


def _names(receipt: Receipt) -> dict[str, str]:
    named = {"idempotency_key": receipt.key, "gateway_id": receipt.gateway_id}
    return {name: value for name, value in named.items() if value is not None}


def _note(connection: Connection, message_id: str, receipt: Receipt, now: datetime) -> None:
    """Keep the receipt, once for each state."""
    row = {"message_id": message_id, "gateway_id": receipt.gateway_id, "state": receipt.state, "received_at": now}
    same = select(message_receipts.c.number).where(
        message_receipts.c.message_id == message_id, message_receipts.c.state == receipt.state
    )
    if connection.scalar(same) is None:
        connection.execute(insert(message_receipts), row)

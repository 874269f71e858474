"""Messages in the providers' portal: each provider sees its own, and its text is made when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alerts.tables import alerts, messages_outbox, portal_messages
from alerts.verdict import MessageDefinition, text_of


@dataclass(frozen=True)
class PortalMessage:
    """One message as its provider reads it.

    Attributes:
        subject: what its alert is called in the voucher definition.
        current: whether its alert is still open; one that is over stays to be read.
    """

    message_id: str
    voucher_id: str
    subject: str
    put_at: datetime
    read_at: datetime | None
    current: bool
    text: str


def put(connection: Connection, message_id: str, provider_id: str, now: datetime) -> None:
    """Put a message into a provider's portal, in the transaction that settles it."""
    row = {"message_id": message_id, "provider_id": provider_id, "put_at": now}
    connection.execute(insert(portal_messages), row)


def read(
    connection: Connection,
    provider_id: str,
    definitions: Mapping[str, MessageDefinition],
    language: str,
    at_most: int = 100,
) -> list[PortalMessage]:
    """The latest messages of one provider, the newest first.

    Args:
        connection: a connection.
        provider_id: whose portal it is.
        definitions: voucher definitions by their id, old versions too.
        language: fi, sv or en.
        at_most: so many of them.
    """
    statement = (
        select(
            *(portal_messages.c[name] for name in ("message_id", "put_at", "read_at")),
            *(messages_outbox.c[name] for name in ("recipient", "variables")),
            *(alerts.c[name] for name in ("voucher_id", "subject", "definition_id", "state")),
        )
        .join_from(portal_messages, messages_outbox, portal_messages.c.message_id == messages_outbox.c.message_id)
        .join(alerts, messages_outbox.c.alert_id == alerts.c.alert_id)
        .where(portal_messages.c.provider_id == provider_id)
        .order_by(portal_messages.c.put_at.desc(), portal_messages.c.message_id)
        .limit(at_most)
    )
    return [
        PortalMessage(
            message_id=row.message_id,
            voucher_id=row.voucher_id,
            subject=row.subject,
            put_at=row.put_at,
            read_at=row.read_at,
            current=row.state == "open",
            text=text_of(definitions[row.definition_id], row.subject, row.recipient, row.variables, language),
        )
        for row in connection.execute(statement)
    ]


def mark_read(connection: Connection, provider_id: str, message_id: str, now: datetime) -> bool:
    """Note when a provider first read a message; False if this provider has no such message."""
    its_own = portal_messages.c.message_id == message_id, portal_messages.c.provider_id == provider_id
    if connection.scalar(select(portal_messages.c.message_id).where(*its_own)) is None:
        return False
    connection.execute(update(portal_messages).where(*its_own, portal_messages.c.read_at.is_(None)).values(read_at=now))
    return True

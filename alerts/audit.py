"""Who did what, when and why: rows that are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from alerts.tables import alert_audit


@dataclass(frozen=True)
class Actor:
    """Who does something.

    Attributes:
        role: `provider`, `officer` or `system`.
        who: the user, as a pseudonym; None for the system.
    """

    role: str
    who: str | None = None


SYSTEM = Actor("system")


@dataclass(frozen=True)
class Deed:
    """What is done, and to what."""

    action: str
    voucher_id: str | None = None
    feedback_id: str | None = None
    alert_id: str | None = None
    message_id: str | None = None
    why: str | None = None


def audit(connection: Connection, deeds: Iterable[Deed], actor: Actor, now: datetime) -> None:
    """Write down deeds, in the transaction that does them."""
    rows = [{"at": now, "role": actor.role, "who": actor.who, **vars(deed)} for deed in deeds]
    if rows:
        connection.execute(alert_audit.insert(), rows)

"""Databases with alerts whose messages are to be sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, insert, select

from alerts import tables
from alerts.calendar import Window
from alerts.outbox import Queued, queue
from alerts.schema import DUE
from alerts.versions import migrate
from records.database.connection import engine
from records.database.tables import DATABASE_TABLES
from tests.rows import patient

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""A Monday at noon in Helsinki."""
MINUTE = timedelta(minutes=1)
ALWAYS = Window(frozenset(range(1, 8)), time(0), time(0), holidays=True)
WILLING = {"sms_consent": True, "language": "fi"}


@dataclass(frozen=True)
class Definition:
    """A voucher definition as far as messages ask it."""

    window: Window = ALWAYS
    minimum_age: int | None = 18
    texts: dict[str, str] = field(
        default_factory=lambda: {
            "fi": "Palvelusetelisi odottaa. Voimassa {valid_until} asti.",
            "sv": "Din servicesedel väntar. Den gäller till {valid_until}.",
            "en": "Your voucher is waiting. It is valid until {valid_until}.",
        }
    )

    def template(self, subject: str, recipient: str, language: str) -> str:
        return self.texts[language]

    def values(self, language: str) -> dict[str, str]:
        return {"voucher": "ordinary"}


DEFINITIONS = {"ordinary-2020": Definition()}


def seeded(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 - how long to wait is no secret


def prepared(url: str) -> Engine:
    """A migrated database with a definition in it."""
    migrate(url)
    reached = engine(url)
    with reached.begin() as connection:
        row = {"definition_id": "ordinary-2020", "kind": "ordinary", "version": "2020", "content": "{}"}
        connection.execute(insert(tables.voucher_definitions), row | {"loaded_at": NOW})
    return reached


def add_alerts(connection: Connection, names: Sequence[str], numbers: int = 1, **more: Any) -> None:
    """One patient, with consent and telephone numbers, and one open alert for each name."""
    for place, name in enumerate(names):
        person = {"municipality": None, "district": None, "left_at": None} | patient(name) | WILLING | more
        connection.execute(insert(DATABASE_TABLES["patients"]), person)
        for number in range(numbers):
            row = {"patient_id": name, "number": f"+35840{number}{place:06}"}
            connection.execute(insert(tables.phone_numbers), row)
        connection.execute(insert(tables.alerts), alert(name))


def alert(name: str) -> dict[str, Any]:
    return {
        "alert_id": f"alert-{name}",
        "rule": "not_activated",
        "rule_version": 1,
        "subject": "not_activated",
        "voucher_id": f"voucher-{name}",
        "patient_id": name,
        "provider_id": "provider",
        "definition_id": "ordinary-2020",
        "breached_on": date(2026, 3, 1),
        "variables": json.dumps({"valid_until": "2027-01-31"}),
        "found_at": NOW,
        "state": "open",
    }


def due(names: Sequence[str], recipient: str = "client", occurrence: int = 0) -> pa.Table:
    """What alerts of these names ask for."""
    more = {"recipient": recipient, "occurrence": occurrence}
    rows = [{key: (alert(name) | more)[key] for key in DUE.names} for name in names]
    return pa.Table.from_pylist(rows, schema=DUE)


def queued(
    reached: Engine, names: Sequence[str], now: datetime = NOW, recipient: str = "client", **more: Any
) -> Queued:
    """Alerts for these names, new, and their messages in the outbox."""
    with reached.begin() as connection:
        add_alerts(connection, names, **more)
        return queue(connection, due(names, recipient), DEFINITIONS, now)


def outbox(reached: Engine) -> dict[str, Any]:
    """All messages by their alert, without its prefix."""
    with reached.connect() as connection:
        rows = connection.execute(select(tables.messages_outbox)).all()
    return {row.alert_id.removeprefix("alert-"): row for row in rows}


def told(reached: Engine) -> list[tuple[str, str, str | None]]:
    """Whose message changed into what state and why, as the record history has it, in order."""
    table = DATABASE_TABLES["messages"]
    columns = table.c.patient_id, table.c.state, table.c.reason
    with reached.connect() as connection:
        rows = connection.execute(select(*columns).order_by(table.c.event_time, table.c.patient_id, table.c.event_id))
        return [tuple(row) for row in rows]

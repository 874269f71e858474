"""A few vouchers that are watched, as the routes of vouchers show them: made once, and copied for who changes them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert, select

from alerts import tables
from alerts.defined import store_definitions, stored_definitions
from alerts.definitions import read_definitions
from alerts.dispatch import Dispatcher
from alerts.feedback import Feedback, VisitMade, submit
from alerts.gateways import Delivery, Outcome, Outgoing, Result
from alerts.phones import DatabasePhoneBook
from alerts.run import run
from alerts.versions import migrate
from records.clock import instant
from records.database.connection import engine
from records.database.tables import DATABASE_TABLES
from serving.access import ROLES
from serving.api import create_app
from serving.house import House
from serving.keys import demo_key
from serving.release import Release
from serving.storage.tables import AUDIT
from serving.tenants import DEMO_ISSUER
from serving.tokens import signed
from tests.alerts.mail import seeded
from tests.alerts.worlds import add, change, world
from tests.serving.asker import KNOWN, NOW, URL, Asker

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"
FRIDAY = datetime(2026, 11, 20, 10, tzinfo=UTC)
OVERDUE = ("k-interval", "k-known", "k-other")
"""The overdue vouchers, the longest overdue first: by 74, 54 and 10 days at `NOW`."""


class Served:
    """The API over some vouchers.

    Attributes:
        house: what it holds; the vouchers' database is copied anew for each test, the audit goes on.
        now: the moment, to be set at will.
        app: the application.
    """

    def __init__(self, release: Release, house: House, template: Path) -> None:
        self.release, self.house, self.now = release, house, NOW
        self._template, self._file = template, Path(house.vouchers.url.database)
        self.app, self._first = create_app(release, house, lambda: self.now), 0

    def begin(self) -> None:
        """Put everything back."""
        self.house.vouchers.dispose()
        for file in self._file.parent.glob(f"{self._file.name}-*"):
            file.unlink()
        shutil.copy(self._template, self._file)
        with self.house.ledger.database.transaction() as connection:
            for name in ("decisions", "assessments"):
                connection.execute(DATABASE_TABLES[name].delete())
        self.now, self._first = NOW, len(self._lines())

    def asked_by(self, role: str, house: House | None = None, **claims: Any) -> Asker:
        """Somebody who asks: Anna, with the scopes of a role, of provider `p` unless claimed otherwise."""
        app = self.app if house is None else create_app(self.release, house, lambda: self.now)
        said = {"sub": "anna", "scope": " ".join(ROLES[role]), "provider": "p"} | claims
        key = demo_key(self.house.settings.keys)
        return Asker(app, {"Authorization": f"Bearer {signed(key, DEMO_ISSUER, URL, self.now, claims=said)}"})

    def deeds(self) -> list[tuple[str, str | None, str]]:
        """Role, user and deed in the alerts' audit, in order."""
        rows = tables.alert_audit
        with self.house.vouchers.connect() as connection:
            found = connection.execute(select(rows).order_by(rows.c.number)).all()
        return [(row.role, row.who, row.action) for row in found]

    def lines(self) -> list[str]:
        """What this test has written into the service's audit."""
        return self._lines()[self._first :]

    def _lines(self) -> list[str]:
        with self.house.ledger.database.snapshot() as connection:
            return list(connection.scalars(select(AUDIT.c.line).order_by(AUDIT.c.number)))


def faults(given: httpx.Response) -> list[tuple[int, str, str]]:
    """Status, place and sentence of each fault of a refusal."""
    return [(given.status_code, fault["where"], fault["what"]) for fault in given.json()["errors"]]


@dataclass
class Refusing:
    """A gateway that refuses every message."""

    delivery: Delivery = Delivery.ONCE

    def send(self, message: Outgoing) -> Outcome:
        return Outcome(Result.REFUSED, message.key)

    def close(self) -> None: ...


def vouchers() -> list[dict[str, object]]:
    """Provider `p` has a voucher whose visit is overdue and one in use, `q` one in use; two were not activated."""
    ordinary = {"definition_id": "ordinary-2020"}
    return [
        change("granted", "2026-06-01T10:00", voucher="k-interval", **ordinary),
        change("activated", "2026-06-11T10:00", voucher="k-interval", **ordinary),
        change("granted", "2026-07-31T10:00", voucher="k-known", patient_id=KNOWN, **ordinary),
        change("granted", "2026-09-13T10:00", voucher="k-other", patient_id="b", **ordinary),
        change("granted", "2026-11-01T10:00", voucher="k-used", patient_id="c", **ordinary),
        change("activated", "2026-11-02T10:00", voucher="k-used", patient_id="c", **ordinary),
        change("granted", "2026-11-01T10:00", voucher="k-q", patient_id="d", **ordinary),
        change("activated", "2026-11-02T10:00", voucher="k-q", patient_id="d", **ordinary, provider_id="q"),
    ]


def build(file: Path) -> None:
    """The database: the rules were run on Friday, and every text message was refused."""
    url = f"sqlite:///{file}"
    migrate(url)
    reached = engine(url)
    with reached.begin() as connection:
        store_definitions(connection, read_definitions([EXAMPLES]), instant("2020-01-01"))
        add(connection, world(vouchers()))
        willing = {"sms_consent": True, "birth_date": datetime(1971, 5, 17, tzinfo=UTC).date()}
        connection.execute(DATABASE_TABLES["patients"].update().values(**willing))
        numbers = [{"patient_id": one, "number": f"+35840123456{at}"} for at, one in enumerate(("a", "b", KNOWN))]
        connection.execute(insert(tables.phone_numbers), numbers)
        definitions = stored_definitions(connection)
    run(reached, FRIDAY)
    Dispatcher(reached, definitions, DatabasePhoneBook(reached), lambda: FRIDAY, Refusing(), seeded()).until_empty()
    reached.dispose()


def report_care(house: House, minutes_ago: int = 60, provider: str = "p", voucher: str = "k-used") -> str:
    """A feedback of a provider, sent at `NOW`; visits at different minutes are different visits."""
    visit = VisitMade(at=NOW - timedelta(minutes=minutes_ago), minutes=30, profession="dentist")
    sent = Feedback(voucher_id=voucher, visits=[visit], ends_care=False)
    return submit(house.vouchers, sent, provider_id=provider, who="u", now=NOW)


def message(house: House, state: str, channel: str = "sms") -> str:
    """A message in some state."""
    outbox = tables.messages_outbox.c
    with house.vouchers.connect() as connection:
        found = select(outbox.message_id).where(outbox.state == state, outbox.channel == channel)
        return str(connection.scalars(found.order_by(outbox.message_id)).first())


def to_ask(house: House, path: str) -> tuple[str, object]:
    """The address of a route of vouchers with names that are there, and what to post to it."""
    visit = {"at": (NOW - timedelta(minutes=17)).isoformat(), "minutes": 20, "profession": "hygienist"}
    bodies = {
        "/v1/treatment-feedback": {"voucher_id": "k-used", "visits": [visit], "ends_care": False},
        "/v1/vouchers/dead-letters/send-again": {"messages": [message(house, "dead")], "reason": "again"},
        "/v1/receipts": {"state": "delivered", "key": message(house, "dead")},
    }
    address = path
    if "{message_id}" in path:
        address = path.replace("{message_id}", message(house, "sent", "portal"))
    if "{feedback_id}" in path:
        address = path.replace("{feedback_id}", report_care(house, 100 + len(path)))
    return address, bodies.get(path, {"reason": "a mistake"})

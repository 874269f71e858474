"""A few vouchers that are watched, as the routes of vouchers show them: made once, and copied for who changes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from serving.house import House
from tests.alerts.mail import seeded
from tests.alerts.worlds import add, change, world
from tests.serving.asker import KNOWN, NOW

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"
FRIDAY = datetime(2026, 11, 20, 10, tzinfo=UTC)
OVERDUE = ("k-interval", "k-known", "k-other")
"""The overdue vouchers, the longest overdue first: by 74, 53 and 10 days at `NOW`."""


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

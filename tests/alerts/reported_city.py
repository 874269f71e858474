"""A small city with alerts, messages sent and not sent, and feedback in force and cancelled: what the report counts."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Engine, delete, insert, select

from alerts import tables
from alerts.city import simulate_city
from alerts.defined import store_definitions, stored_definitions
from alerts.definitions import read_definitions
from alerts.disclosure import LIMIT
from alerts.dispatch import Dispatcher
from alerts.feedback import Feedback, VisitMade, cancel, submit
from alerts.gateway_demo import DemoGateway
from alerts.gateways import HttpGateway
from alerts.phones import DatabasePhoneBook
from alerts.reading import read_vouchers
from alerts.report import Report, make_report
from alerts.run import run
from records.clock import instant
from records.database import Database
from records.history import History
from tests.alerts.mail import prepared, seeded

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"
UNTIL = date(2026, 3, 1)
NOW = instant("2026-03-02T12:00")
VOUCHERS = 500


def build(url: str) -> None:
    """Make the city in a new database."""
    reached = prepared(url)
    with Database.open(url) as database:
        city = simulate_city(VOUCHERS, UNTIL)
        database.write(History.from_rows({name: rows.to_pylist() for name, rows in city.items()}))
    with reached.begin() as connection:
        connection.execute(delete(tables.voucher_definitions))
        store_definitions(connection, read_definitions([EXAMPLES]), NOW)
    run(reached, NOW - timedelta(days=3))
    run(reached, NOW)
    report_care(reached)
    send_all(reached)
    reached.dispose()


def report_care(reached: Engine) -> None:
    """Feedback on vouchers in use: most stays in force, every fourth is cancelled the same day."""
    with reached.connect() as connection:
        vouchers = read_vouchers(connection, NOW)
    used = pa.table({"voucher": vouchers.voucher_id, "provider": vouchers.provider_id}).filter(
        pa.array((vouchers.activated < 2**60) & (vouchers.closed >= 2**60))
    )
    sent = 0
    for row in used.to_pylist()[:40]:
        visit = VisitMade(at=NOW - timedelta(hours=2), minutes=30, profession="dentist")
        feedback = Feedback(voucher_id=row["voucher"], visits=[visit], ends_care=False)
        try:
            made = submit(reached, feedback, provider_id=row["provider"], who="u", now=NOW)
        except ValueError:  # its validity is over
            continue
        sent += 1
        if sent % 4 == 0:
            cancel(reached, made, provider_id=row["provider"], who="u", now=NOW)
    assert sent > 4 * LIMIT


def send_all(reached: Engine) -> None:
    with reached.begin() as connection:
        definitions = stored_definitions(connection)
        people = connection.scalars(select(tables.alerts.c.patient_id).distinct().order_by("patient_id")).all()
        numbers = [{"patient_id": one, "number": f"+35840{place:07}"} for place, one in enumerate(people) if place % 9]
        connection.execute(insert(tables.phone_numbers), numbers)
    with DemoGateway() as demo:
        gateway = HttpGateway(demo.url)
        Dispatcher(reached, definitions, DatabasePhoneBook(reached), lambda: NOW, gateway, seeded()).until_empty()
        gateway.close()


def reported(reached: Engine) -> Report:
    """The city's report."""
    with reached.connect() as connection:
        return make_report(connection, stored_definitions(connection), NOW)

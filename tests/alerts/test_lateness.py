"""Who is overdue, as officers see it: the open alerts that say so, with their days and why."""

from __future__ import annotations

from sqlalchemy import Engine

from alerts.overdue import lateness
from alerts.rules import rules
from alerts.run import run
from records.clock import instant
from tests.alerts.worlds import change, keep, world

VOUCHERS = [
    change("granted", "2026-06-01T10:00", voucher="late"),
    change("granted", "2026-06-03T10:00", voucher="later", patient_id="b"),
    change("granted", "2026-06-01T10:00", voucher="used", patient_id="c"),
    change("activated", "2026-06-02T10:00", voucher="used", patient_id="c"),
    change("granted", "2026-05-30T10:00", voucher="slow", patient_id="d"),
    change("activated", "2026-06-05T10:00", voucher="slow", patient_id="d"),
    change("granted", "2026-06-01T10:00", voucher="gone", patient_id="e"),
    change("withdrawn", "2026-06-05T12:00", voucher="gone", patient_id="e"),
]
RUN = instant("2026-06-06T08:00")


def test_the_longest_overdue_come_first_with_their_days_and_why(database: Engine) -> None:
    """A limit of two days ends with 3 June for who was granted on the 1st; an interval of three with the 5th."""
    keep(database, world(VOUCHERS))
    run(database, RUN)
    with database.connect() as connection:
        found = lateness(connection, RUN)
    assert [(row.voucher_id, row.rule, row.days) for row in found.rows if row.voucher_id != "used"] == [
        ("late", "not_activated", 3), ("later", "not_activated", 1)]  # fmt: skip
    [used] = [row for row in found.rows if row.voucher_id == "used"]
    assert (used.rule, used.days, used.patient_id, used.provider_id) == ("visit_interval", 1, "c", "p")
    assert found.rows[0].why["en"] == "The voucher was granted on 1 June 2026 and was not activated within 2 days."
    assert found.run_at == RUN
    assert found.rules == {name: rules()[name].version for name in ("not_activated", "visit_interval")}


def test_days_go_on_at_midnight_in_finland_also_without_a_run(database: Engine) -> None:
    keep(database, world(VOUCHERS[:1]))
    run(database, RUN)
    for moment, days in (("2026-06-06T23:59:59.999999", 3), ("2026-06-07T00:00", 4)):
        with database.connect() as connection:
            assert [row.days for row in lateness(connection, instant(moment)).rows] == [days]


def test_before_the_first_run_nobody_is_known_to_be_late(database: Engine) -> None:
    keep(database, world(VOUCHERS))
    with database.connect() as connection:
        found = lateness(connection, RUN)
    assert (found.run_at, found.rows) == (None, [])

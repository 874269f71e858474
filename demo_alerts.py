"""The demo of the alerts: a week of a simulated city of vouchers, with a gateway on this machine that sends nothing.

`python demo_alerts.py` shows the week day by day and ends; `--check` ends with status 1 if anything is off. The week is
that of Midsummer 2026, whose Friday and Saturday are holidays. No client, provider or telephone number is real.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, func, select

from alerts import tables
from alerts.city import simulate_city
from alerts.consent import normalised
from alerts.defined import store_definitions, stored_definitions
from alerts.definitions import read_definitions
from alerts.dispatch import Dispatcher
from alerts.feedback import Feedback, FeedbackError, TooLateError, VisitMade, cancel, cancel_as_officer, submit
from alerts.gateway_demo import DemoGateway
from alerts.gateways import HttpGateway
from alerts.phones import DatabasePhoneBook
from alerts.portal import read
from alerts.report import as_json, make_report
from alerts.report_page import as_html
from alerts.run import Outcome, run
from alerts.transactions import snapshot, writing
from alerts.versions import migrate
from records.clock import instant, start_of_day
from records.database import Database
from records.database.connection import engine
from records.database.tables import DATABASE_TABLES
from records.history import History

HOME = Path(__file__).parent
FOLDER = HOME / "var" / "demo-alerts"
EXAMPLES = HOME / "alerts" / "examples"
VOUCHERS = 1_200
MONDAY = date(2026, 6, 15)
DAYS = 7
SHOWN = 3
"""How many of the gateway's messages are printed."""


class DemoError(RuntimeError):
    """Something that the demo promises did not happen."""


@dataclass
class Week:
    """What the days of the week share.

    Attributes:
        database: the database, at the newest version of its schema.
        gateway: where text messages go.
        demo: the same, as what it received.
        settled: what became of the messages so far.
    """

    database: Engine
    gateway: HttpGateway
    demo: DemoGateway
    settled: Counter[str] = field(default_factory=Counter)

    def send(self, now: datetime) -> Counter[str]:
        """Send what is due at a moment."""
        with snapshot(self.database) as connection:
            definitions = stored_definitions(connection)
        book = DatabasePhoneBook(self.database)
        counts = Dispatcher(self.database, definitions, book, lambda: now, self.gateway).until_empty()
        self.settled += counts
        return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="status 1 if anything is off")
    parser.add_argument("--port", type=int, default=0, help="port of the gateway (default: any that is free)")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        with _week(options.port) as week:
            _show(week)
            if options.check:
                _check(week)
                print("Checked: all is well.")
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    print(f"Done in {time.monotonic() - started:.0f} s.")
    return 0


@contextmanager
def _week(port: int) -> Iterator[Week]:
    """A new database with the city in it, and the gateway; both are let go of whatever happens."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        demo = DemoGateway(port)
    except OSError as error:
        raise DemoError(f"port {port} is in use; choose another with --port") from error
    with demo, closing(HttpGateway(demo.url)) as gateway:
        url = f"sqlite:///{FOLDER / 'tarve.db'}"
        print(f"== A city of {VOUCHERS:,} vouchers, and a gateway at {demo.url}", flush=True)
        _define(url)
        database = engine(url)
        try:
            yield Week(database, gateway, demo)
        finally:
            database.dispose()


def _define(url: str) -> None:
    """The voucher definitions, from YAML."""
    migrate(url)
    reached = engine(url)
    with writing(reached) as connection:
        new = store_definitions(connection, read_definitions([EXAMPLES]), start_of_day(MONDAY))
    reached.dispose()
    print(f"{len(new)} voucher definitions: {', '.join(new)}")


def _show(week: Week) -> None:
    city = simulate_city(VOUCHERS, MONDAY + timedelta(days=DAYS - 1))
    _write(week, _recorded(city, None, MONDAY))
    _give_numbers(week, city["patients"])
    feedback_id = ""
    for number in range(DAYS):
        day = MONDAY + timedelta(days=number)
        _morning(week, day)
        if number == 1:
            _mistake(week, day)
        if number == 2:
            feedback_id = _late_mistake(week, day)
        if number == 3:
            _refusal(week, day, feedback_id)
        _write(week, _recorded(city, day, day + timedelta(days=1)))
    _messages(week)
    _report(week)


def _at(day: date, hour: str) -> datetime:
    return instant(f"{day.isoformat()}T{hour}")


def _recorded(city: dict[str, pa.Table], since: date | None, until: date) -> dict[str, pa.Table]:
    """What was recorded between the beginnings of two days; the clients are there from the first."""
    found = {}
    for name, rows in city.items():
        if name == "patients":
            found[name] = rows if since is None else rows.slice(0, 0)
            continue
        known = pc.less(rows["recorded_at"], pa.scalar(start_of_day(until)))
        if since is not None:
            known = pc.and_(known, pc.greater_equal(rows["recorded_at"], pa.scalar(start_of_day(since))))
        found[name] = rows.filter(known)
    return found


def _write(week: Week, rows: dict[str, pa.Table]) -> None:
    with Database.open(str(week.database.url)) as database:
        database.write(History.from_rows({name: table.to_pylist() for name, table in rows.items()}))
    states = Counter(rows["vouchers"]["state"].to_pylist())
    told = ", ".join(f"{states[state]:,} {state}" for state in ("granted", "activated", "ended", "withdrawn"))
    print(f"  vouchers: {told}; {rows['visits'].num_rows:,} visits", flush=True)


def _give_numbers(week: Week, patients: pa.Table) -> None:
    """Made-up telephone numbers: most clients have one, some none and some two."""
    rows = []
    for place, patient_id in enumerate(patients["patient_id"].to_pylist()):
        many = 0 if place % 17 == 0 else 2 if place % 19 == 0 else 1
        rows += [{"patient_id": patient_id, "number": normalised(f"040 {place:06}{number}")} for number in range(many)]
    with week.database.begin() as connection:
        connection.execute(tables.phone_numbers.insert(), rows)


def _morning(week: Week, day: date) -> None:
    """The rules at eight, the messages at ten."""
    print(f"\n== {day:%A} {day.isoformat()}")
    found = run(week.database, _at(day, "08:00"))
    counts = week.send(_at(day, "10:00"))
    print(f"  alerts: {_told(found)}; messages: {found.queued:,} queued, {_words(counts)}", flush=True)


def _told(found: Outcome) -> str:
    counts = found.counts
    opened: Counter[str] = Counter()
    for (_, subject), many in counts.opened.items():
        opened[subject] += many
    subjects = ", ".join(f"{many:,} {subject}" for subject, many in sorted(opened.items()))
    return f"{counts.opened.total():,} opened ({subjects or 'none'}), {counts.closed.total():,} ended"


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{many:,} {word.replace('_', ' ')}" for word, many in sorted(counts.items())) or "none due"


def _mistake(week: Week, day: date) -> None:
    """A provider reports a visit on the wrong voucher, and takes it back the same day."""
    print("  a provider reports care on the wrong voucher at 14:00, and cancels it at 14:30:")
    feedback_id, alert_id = _report_care(week, _at(day, "14:00"))
    _require(_state(week, alert_id) != "open", "the feedback ended no alert")
    taken_back = cancel(
        week.database, feedback_id, provider_id=_provider(week, alert_id), who="u1", now=_at(day, "14:30")
    )
    _require(taken_back > 0, "no event was taken back")
    print(f"    {taken_back} events taken back; what is late again is found by the next run")


def _late_mistake(week: Week, day: date) -> str:
    print("  another one reports care at 15:00, and notices nothing")
    return _report_care(week, _at(day, "15:00"))[0]


def _refusal(week: Week, day: date, feedback_id: str) -> None:
    """The day after is too late for the provider; an officer may."""
    with week.database.connect() as connection:
        feedback = connection.execute(select(tables.feedbacks).filter_by(feedback_id=feedback_id)).one()
    print("  it notices at 09:00 the next day, and is told:")
    try:
        cancel(week.database, feedback_id, provider_id=feedback.provider_id, who="u2", now=_at(day, "09:00"))
    except TooLateError as error:
        for language in ("fi", "en"):
            print(f"    {error.sentences[language]}")
    else:
        raise DemoError("a provider cancelled a feedback of the day before")
    reason = "reported on the wrong voucher"
    many = cancel_as_officer(week.database, feedback_id, who="officer", reason=reason, now=_at(day, "09:30"))
    print(f"  an officer cancels it, with a reason: {many} events taken back")


def _report_care(week: Week, now: datetime) -> tuple[str, str]:
    """Feedback on the first overdue visit that one can be sent about; returns it and the alert."""
    alerts = tables.alerts
    overdue = select(alerts).where(alerts.c.rule == "visit_interval", alerts.c.state == "open")
    with week.database.connect() as connection:
        rows = connection.execute(overdue.order_by(alerts.c.breached_on, alerts.c.alert_id)).all()
    visit = VisitMade(at=now - timedelta(hours=2), minutes=40, profession="dentist")
    for row in rows:
        feedback = Feedback(voucher_id=row.voucher_id, visits=[visit], ends_care=False)
        try:
            return submit(week.database, feedback, provider_id=row.provider_id, who="u", now=now), row.alert_id
        except FeedbackError:
            continue  # its validity is over
    raise DemoError("there is no overdue visit to report care about")


def _state(week: Week, alert_id: str) -> str:
    with week.database.connect() as connection:
        return str(connection.scalar(select(tables.alerts.c.state).filter_by(alert_id=alert_id)))


def _provider(week: Week, alert_id: str) -> str:
    with week.database.connect() as connection:
        return str(connection.scalar(select(tables.alerts.c.provider_id).filter_by(alert_id=alert_id)))


def _messages(week: Week) -> None:
    """What arrived at the gateway and in a provider's portal."""
    print(f"\n== The gateway has {len(week.demo.received):,} text messages; the last {SHOWN}:")
    for one in week.demo.received[-SHOWN:]:
        print(f"  to {one.to[:6]}…: {one.text}")
    with snapshot(week.database) as connection:
        portal = tables.portal_messages.c.provider_id
        busiest = connection.scalar(select(portal).group_by(portal).order_by(func.count().desc(), portal).limit(1))
        told = read(connection, str(busiest), stored_definitions(connection), "fi", at_most=1)
        waiting = connection.scalar(select(func.count()).select_from(tables.messages_outbox).filter_by(state="queued"))
    for message in told:
        print(f"In the portal of {busiest}: {message.text}")
    print(f"{waiting:,} messages wait for Monday: Friday and Saturday are Midsummer, and on Sunday nothing is sent.")


def _report(week: Week) -> None:
    now = _at(MONDAY + timedelta(days=DAYS), "07:00")
    with snapshot(week.database) as connection:
        report = make_report(connection, stored_definitions(connection), now)
    (FOLDER / "report.json").write_text(as_json(report), encoding="utf-8")
    print("\n== The report")
    for language in ("fi", "sv", "en"):
        file = FOLDER / f"report-{language}.html"
        file.write_text(as_html(report, language), encoding="utf-8")
        print(f"  {file}")


def _check(week: Week) -> None:
    """Look once more at what the demo has just promised."""
    with week.database.connect() as connection:
        _check_messages(connection, week)
    again = run(week.database, _at(MONDAY + timedelta(days=DAYS - 1), "08:00"))
    _require(again.queued == 0, "running the rules twice queued messages twice")
    sent = len(week.demo.received)
    week.send(_at(MONDAY + timedelta(days=DAYS - 1), "10:00"))
    _require(len(week.demo.received) == sent, "sending twice sent messages twice")
    for language in ("fi", "sv", "en"):
        page = (FOLDER / f"report-{language}.html").read_text(encoding="utf-8")
        _require(page.count("<table") >= len(("month", "definition", "provider")), f"the report in {language} is empty")


def _check_messages(connection: Connection, week: Week) -> None:
    outbox, alerts, patients = tables.messages_outbox, tables.alerts, DATABASE_TABLES["patients"]
    rows = connection.execute(
        select(outbox.c.idempotency_key, outbox.c.state, patients.c.sms_consent, patients.c.non_disclosure)
        .join_from(outbox, alerts, outbox.c.alert_id == alerts.c.alert_id)
        .join(patients, patients.c.patient_id == alerts.c.patient_id)
        .where(outbox.c.channel == "sms")
    ).all()
    sent = [row for row in rows if row.state == "sent"]
    keys = Counter(one.key for one in week.demo.received)
    _require(len(sent) > SHOWN, "hardly a message was sent")
    _require(keys == Counter(row.idempotency_key for row in sent), "the gateway has other messages than were sent")
    _require(all(row.sms_consent and not row.non_disclosure for row in sent), "a message went without consent")
    _require(any(row.state == "not_sent" for row in rows), "no message was held back for want of consent")
    _require(any(row.state == "queued" for row in rows), "no message waits for the end of Midsummer")


def _require(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - as an assertion has it
    if not fact:
        raise DemoError(otherwise)


if __name__ == "__main__":
    for sign in (signal.SIGTERM, signal.SIGINT):  # also where a shell has started the demo in the background
        signal.signal(sign, signal.default_int_handler)
    sys.exit(main())

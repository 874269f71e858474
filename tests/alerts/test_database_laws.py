"""What holds for runs, on SQLite and on PostgreSQL, whatever the vouchers' histories are and whenever runs come."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from alerts import tables
from alerts.city import simulate_city
from alerts.definitions import read_definitions
from alerts.evaluate import evaluate
from alerts.feedback import Feedback, VisitMade, cancel, submit
from alerts.known import of_history
from alerts.run import ClockError, run
from records.clock import instant
from records.database import Database
from records.database.connection import engine
from records.history import History
from tests.alerts.worlds import (
    DEFINITIONS,
    SPAN,
    STARTS,
    add,
    change,
    comparable,
    histories,
    keep,
    moments,
    stored,
    visit,
    world,
)

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"
on_each_database = settings(max_examples=settings.default.max_examples // 25, suppress_health_check=[*HealthCheck])
starts = st.sampled_from(STARTS)
worlds = starts.flatmap(lambda start: st.tuples(histories(start), moments(start)))


def messages(database: Engine) -> dict[str, str]:
    """All messages and their states."""
    outbox = tables.messages_outbox
    with database.connect() as connection:
        return {row.message_id: row.state for row in connection.execute(select(outbox))}


@on_each_database
@given(drawn=worlds)
def test_a_run_keeps_what_the_rules_find_and_running_twice_is_running_once(
    database: Engine, drawn: tuple[History, datetime]
) -> None:
    history, now = drawn
    keep(database, history)
    run(database, now)
    once, sent = stored(database, withdrawn=True), messages(database)
    assert comparable(once).equals(comparable(evaluate(of_history(history, now), DEFINITIONS, now)))
    again = run(database, now)
    assert stored(database, withdrawn=True).equals(once)
    assert messages(database) == sent
    assert not any(counter.total() for counter in vars(again.counts).values())


@on_each_database
@given(drawn=worlds, every=st.integers(1, 4))
def test_a_day_at_a_time_is_all_at_once(database: Engine, drawn: tuple[History, datetime], every: int) -> None:
    history, now = drawn
    keep(database, history)
    run(database, now)
    at_once = comparable(stored(database))
    keep(database, history)
    for days in range(SPAN // every, -1, -1):
        run(database, now - timedelta(days=days * every))
    assert comparable(stored(database)).equals(at_once)


@on_each_database
@given(drawn=worlds, random=st.randoms(use_true_random=False))
def test_events_may_arrive_in_any_order(database: Engine, drawn: tuple[History, datetime], random: Random) -> None:
    history, now = drawn
    keep(database, history)
    run(database, now)
    at_once = comparable(stored(database))
    keep(database, History.of({}))
    rows = [(name, row) for name in ("vouchers", "visits") for row in history[name].to_pylist()]
    random.shuffle(rows)
    with database.begin() as connection:
        add(connection, History.of({"patients": history["patients"]}))
    for name, row in rows:
        with database.begin() as connection:
            add(connection, History.from_rows({name: [row]}))
        if random.random() < 0.2:
            run(database, now)
    run(database, now)
    assert comparable(stored(database)).equals(at_once)


@on_each_database
@given(drawn=worlds, back=st.integers(1, 10**13))
def test_a_clock_that_goes_back_does_nothing(database: Engine, drawn: tuple[History, datetime], back: int) -> None:
    history, now = drawn
    keep(database, History.of({}))
    run(database, now)
    with database.begin() as connection:
        add(connection, history)
    with pytest.raises(ClockError):
        run(database, now - timedelta(microseconds=back))
    assert stored(database, withdrawn=True).num_rows == 0
    assert messages(database) == {}


@st.composite
def reports(draw: st.DrawFn) -> tuple[History, Feedback, datetime]:
    """A voucher that is active, a feedback that can be sent on it, and the morning on which it is sent."""
    start = draw(starts)
    day = start + timedelta(days=draw(st.integers(5, 10)))
    active = [change("granted", f"{start}T10:00"), change("activated", f"{start + timedelta(days=1)}T10:00")]
    days = draw(st.lists(st.integers(1, (day - start).days - 1), max_size=3, unique=True))
    visits = [
        VisitMade(at=instant(f"{start + timedelta(days=one)}T12:00"), minutes=30, profession="dentist") for one in days
    ]
    ends_care = not visits or draw(st.booleans())
    feedback = Feedback(voucher_id="k", visits=visits, ends_care=ends_care)
    known = [visit(f"{start + timedelta(days=2)}T09:00")] if draw(st.booleans()) else []
    return world(active, known), feedback, instant(f"{day}T08:00")


@on_each_database
@given(drawn=reports(), runs=st.lists(st.booleans(), min_size=3, max_size=3), later=st.integers(0, 9))
def test_to_cancel_and_send_again_is_never_to_have_cancelled(
    database: Engine, drawn: tuple[History, Feedback, datetime], runs: list[bool], later: int
) -> None:
    history, feedback, morning = drawn
    by_provider = {"provider_id": "p", "who": "u"}
    end = morning + timedelta(days=later, hours=9)

    keep(database, history)
    submit(database, feedback, now=morning + timedelta(hours=3), **by_provider)
    run(database, end)
    never_cancelled = comparable(stored(database)), record(database)

    keep(database, history)
    first = submit(database, feedback, now=morning, **by_provider)
    for hour, at in enumerate(runs):
        if hour == 1:
            cancel(database, first, now=morning + timedelta(hours=hour, minutes=30), **by_provider)
        if at:
            run(database, morning + timedelta(hours=hour + 1, minutes=-1))
    submit(database, feedback, now=morning + timedelta(hours=3), **by_provider)
    run(database, end)
    alerts, records = comparable(stored(database)), record(database)
    assert alerts.equals(never_cancelled[0])
    assert records == never_cancelled[1]


def record(database: Engine) -> dict[str, list[dict[str, object]]]:
    """The patient's record history, without the ids that feedback gives to its events."""
    history = Database(database).read_patient("a")
    assert history is not None
    return {
        name: [
            {key: value for key, value in row.items() if key not in {"event_id", "visit_id"}}
            for row in rows.to_pylist()
        ]
        for name, rows in history.tables.items()
        if name != "messages"
    }


def test_the_databases_agree(lite_url: str, server_url: str) -> None:
    """The same city, the same day: the same alerts and the same messages on both, and in Arrow."""
    tables_of_city = simulate_city(400, date(2026, 10, 31), seed=3)
    definitions = read_definitions([EXAMPLES])
    now = instant("2026-10-31T12:00")
    found = []
    for url in (lite_url, server_url):
        database = engine(url)
        keep(database, History.of(tables_of_city), definitions)
        run(database, now - timedelta(days=40))
        run(database, now)
        found.append((stored(database, withdrawn=True), messages(database)))
        database.dispose()
    assert found[0][0].equals(found[1][0])
    assert found[0][1] == found[1][1] != {}
    in_arrow = evaluate(of_history(History.of(tables_of_city), now), definitions, now)
    kept = found[0][0].filter(pc.not_equal(found[0][0]["state"], "withdrawn"))
    assert comparable(kept).equals(comparable(in_arrow))

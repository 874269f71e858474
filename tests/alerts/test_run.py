"""Runs: what they queue, what several of them do at once, and what happens between their reading and their writing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

import alerts.run
from alerts import tables
from alerts.defined import store_definitions, stored_definitions
from alerts.definitions import DefinitionError
from alerts.feedback import Feedback, cancel, submit
from alerts.run import BusyError, ClockError, run
from records.clock import instant
from records.database import DatabaseError
from records.database.connection import engine
from records.database.tables import RETRACTIONS
from records.history import History
from tests.alerts.worlds import DEFINITIONS, add, change, keep, stored, tiny, visit, world

GRANTED = change("granted", "2026-06-01T10:00")
ACTIVE = [GRANTED, change("activated", "2026-06-02T10:00")]
NOW = instant("2026-06-06T12:00")


def occurrences(database: Engine) -> dict[tuple[str, str], list[int]]:
    """The messages about each subject to each recipient."""
    outbox, found = tables.messages_outbox, {}
    query = select(tables.alerts.c.subject, outbox.c.recipient, outbox.c.occurrence).join_from(outbox, tables.alerts)
    with database.connect() as connection:
        for subject, recipient, occurrence in connection.execute(query.order_by(outbox.c.occurrence)):
            found.setdefault((subject, recipient), []).append(occurrence)
    return found


def runs(database: Engine) -> int:
    with database.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.alert_runs))


def test_a_breach_tells_the_client_and_the_provider(database: Engine) -> None:
    keep(database, world(ACTIVE))
    outcome = run(database, NOW)
    assert outcome.counts.opened == {("tiny-1", "visit_interval"): 1}
    assert outcome.counts.messages.total() == outcome.queued == 2
    assert occurrences(database) == {("visit_interval", "client"): [0], ("visit_interval", "provider"): [0]}


def test_reminders_come_in_their_cycle_and_end(database: Engine) -> None:
    """The provider is reminded every second day, twice."""
    keep(database, world(ACTIVE))
    for day in range(8):
        run(database, NOW + timedelta(days=day))
    assert occurrences(database)["visit_interval", "provider"] == [0, 1, 2]
    assert occurrences(database)["visit_interval", "client"] == [0]


def test_reminders_that_were_missed_are_not_made_up_for(database: Engine) -> None:
    keep(database, world(ACTIVE))
    run(database, NOW)
    run(database, NOW + timedelta(days=7))
    assert occurrences(database)["visit_interval", "provider"] == [0, 2]


def test_a_provider_that_is_not_there_is_not_told(database: Engine) -> None:
    keep(database, world([GRANTED, change("activated", "2026-06-02T10:00", provider_id=None)]))
    run(database, NOW)
    assert occurrences(database) == {("visit_interval", "client"): [0]}


def test_what_was_over_before_it_was_found_is_kept_and_tells_nobody(database: Engine) -> None:
    keep(database, world(ACTIVE, [visit("2026-06-06T09:00")]))
    outcome = run(database, NOW)
    assert outcome.counts.past == {("tiny-1", "visit_interval"): 1}
    assert [row["ended_why"] for row in stored(database).to_pylist()] == ["visited"]
    assert occurrences(database) == {}


def test_what_is_learned_later_withdraws_an_alert_and_brings_it_back(database: Engine) -> None:
    keep(database, world([GRANTED]))
    run(database, NOW)
    late = change("activated", "2026-06-02T10:00", known="2026-06-06T13:00")
    with database.begin() as connection:
        add(connection, History.from_rows({"vouchers": [late]}))
    outcome = run(database, NOW + timedelta(hours=3))
    assert outcome.counts.withdrawn == {("tiny-1", "not_activated"): 1}
    assert outcome.unsent == 1
    (alert,) = (row for row in stored(database, withdrawn=True).to_pylist() if row["subject"] == "not_activated")
    assert (alert["state"], alert["ended_why"]) == ("withdrawn", "corrected")
    assert alert["ended_at"] == NOW + timedelta(hours=3)
    with database.begin() as connection:
        connection.execute(
            RETRACTIONS.insert(), {"table_name": "vouchers", "event_id": late["event_id"], "retracted_at": NOW}
        )
    run(database, NOW + timedelta(hours=4))
    (alert,) = (row for row in stored(database).to_pylist() if row["subject"] == "not_activated")
    assert (alert["state"], alert["ended_at"], alert["found_at"]) == ("open", None, NOW)
    assert occurrences(database)["not_activated", "client"] == [0]


def test_a_dry_run_tells_what_a_run_does_and_changes_nothing(database: Engine) -> None:
    keep(database, world(ACTIVE))
    told = run(database, NOW, dry=True)
    assert (stored(database).num_rows, occurrences(database), runs(database)) == (0, {}, 0)
    assert run(database, NOW).counts == told.counts


def test_a_later_run_has_the_last_word(database: Engine) -> None:
    keep(database, world(ACTIVE))
    run(database, NOW)
    for dry in (False, True):
        with pytest.raises(ClockError, match=r"the last run was as of 2026-06-06T09:00:00\+00:00"):
            run(database, NOW - timedelta(microseconds=1), dry=dry)
    assert runs(database) == 1


def test_runs_at_once_are_one_run(database: Engine) -> None:
    keep(database, world(ACTIVE))
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: run(database, NOW), range(4)))
    assert sum(outcome.queued for outcome in outcomes) == 2
    assert sum(outcome.counts.opened.total() for outcome in outcomes) == 1
    assert stored(database).num_rows == 1


def between(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any], times: int = 1) -> None:
    """Let something happen after a run has read and before it writes."""
    write, left = alerts.run._write, [happens] * times

    def interrupted(*given: Any) -> Any:
        if left:
            left.pop()()
        return write(*given)

    monkeypatch.setattr(alerts.run, "_write", interrupted)


def test_a_run_that_was_overtaken_begins_again(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(database, world(ACTIVE))
    other = alerts.run.run
    between(monkeypatch, lambda: other(database, NOW))
    assert run(database, NOW).counts.opened.total() == 0
    assert (stored(database).num_rows, runs(database)) == (1, 2)


def test_a_run_that_is_always_overtaken_gives_up(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(database, world(ACTIVE))
    monkeypatch.setattr(alerts.run, "_write", lambda *_: None)
    with pytest.raises(BusyError, match="nothing was written, try again"):
        run(database, NOW)


def test_a_feedback_that_is_cancelled_meanwhile_sends_nothing(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has read that the care ended; before it writes so, the feedback is cancelled."""
    keep(database, world(ACTIVE, [visit("2026-06-03T10:00")]))
    by_provider: dict[str, Any] = {"provider_id": "p", "who": "u"}
    end = submit(database, Feedback(voucher_id="k", ends_care=True), now=instant("2026-06-04T10:00"), **by_provider)
    between(monkeypatch, lambda: cancel(database, end, now=instant("2026-06-04T11:59"), **by_provider))
    outcome = run(database, instant("2026-06-04T12:00"))
    assert outcome.counts.messages.total() == outcome.queued == 0
    assert stored(database, withdrawn=True).num_rows == 0
    run(database, instant("2026-06-04T12:01"))
    assert stored(database, withdrawn=True).num_rows == 0


def test_a_run_that_fails_while_it_writes_has_written_nothing(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(database, world(ACTIVE))

    def fail(*_: Any) -> None:
        raise OSError("the power is cut")

    monkeypatch.setattr("alerts.outbox.queue", fail)
    with pytest.raises(OSError, match="the power is cut"):
        run(database, NOW)
    assert (stored(database).num_rows, runs(database)) == (0, 0)


def test_a_definition_never_changes(database: Engine) -> None:
    keep(database, world(ACTIVE))
    now = instant("2026-06-02")
    with database.begin() as connection:
        assert store_definitions(connection, DEFINITIONS, now) == []
        assert store_definitions(connection, {"tiny-3": tiny(version="3")}, now) == ["tiny-3"]
        assert stored_definitions(connection)["tiny-3"] == tiny(version="3")
        with pytest.raises(DefinitionError, match="tiny-1 is in the database with other content"):
            store_definitions(connection, {"tiny-1": tiny(example=True)}, now)


def test_a_definition_that_this_code_cannot_read_is_told_of(database: Engine) -> None:
    keep(database, world(ACTIVE))
    with database.begin() as connection:
        connection.execute(tables.voucher_definitions.update().values(content="{}"))
    with pytest.raises(DefinitionError, match=r"definition tiny-1 in the database: kind: is missing"):
        run(database, NOW)


def test_a_database_that_fails_is_told_of_without_what_it_holds(reached: Engine) -> None:
    keep(reached, world(ACTIVE))
    with reached.begin() as connection:
        connection.exec_driver_sql("DROP TABLE feedback_events")
    with pytest.raises(DatabaseError, match="is not as this code left it; nothing was written"):
        run(reached, NOW)


def test_vouchers_of_other_definitions_are_counted(database: Engine) -> None:
    keep(database, world([*ACTIVE, change("granted", "2026-06-01T10:00", "k2", definition_id="old-7")]))
    outcome = run(database, NOW)
    assert (outcome.vouchers, outcome.unwatched, outcome.examples) == (2, {"old-7": 1}, [])


def test_what_is_read_and_written_comes_in_parts(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text of all kinds goes through both ways, also when there are many parts."""
    monkeypatch.setattr("alerts.bulk.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("alerts.bulk.ROWS_OF_CSV", 2)
    strange = ['k,"1"', "k\n2", "k'3", "k\\4", "ä€5", ""]
    keep(database, world([change("granted", "2026-06-01T10:00", voucher=name) for name in strange]))
    done: list[int] = []
    run(database, NOW, progress=counting(done))
    assert set(stored(database)["voucher_id"].to_pylist()) == set(strange)
    assert run(database, NOW).counts.opened.total() == 0
    assert sum(done) >= 4 * len(strange)
    assert len(done) >= 8


def counting(done: list[int]) -> Any:
    return lambda _step: nullcontext(done.append)


def test_an_engine_that_cannot_be_reached_is_told_of() -> None:
    gone = engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseError):
        run(gone, datetime.now().astimezone())

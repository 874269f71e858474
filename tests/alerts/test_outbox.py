from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from sqlalchemy import Engine, select, update

from alerts import tables
from alerts.calendar import Window
from alerts.outbox import Queued, key_of, queue, withdraw
from tests.alerts.mail import DEFINITIONS, MINUTE, NOW, Definition, add_alerts, due, outbox, queued, told

OUTBOX = tables.messages_outbox


def test_a_message_waits_with_its_key_and_without_its_text(reached: Engine) -> None:
    assert queued(reached, ["a"]) == Queued(queued=1, known=0)
    row = outbox(reached)["a"]
    assert (row.state, row.channel, row.recipient, row.attempts) == ("queued", "sms", "client", 0)
    assert row.idempotency_key == key_of("alert-a", "client", 0)
    assert "odottaa" not in str(tuple(row))
    assert told(reached) == [("a", "queued", None)]


def test_asking_twice_is_asking_once(reached: Engine) -> None:
    queued(reached, ["a"])
    with reached.begin() as connection:
        again = queue(connection, due(["a", "a"]), DEFINITIONS, NOW + MINUTE)
    assert again == Queued(queued=0, known=2)
    assert outbox(reached)["a"].created_at == NOW
    assert told(reached) == [("a", "queued", None)]


def test_a_reminder_is_another_message_and_so_is_the_providers(reached: Engine) -> None:
    queued(reached, ["a"])
    with reached.begin() as connection:
        for asked in (due(["a"], occurrence=1), due(["a"], recipient="provider")):
            assert queue(connection, asked, DEFINITIONS, NOW).queued == 1


def test_a_reminder_takes_the_place_of_what_was_not_sent_yet(reached: Engine) -> None:
    queued(reached, ["a", "b"])
    with reached.begin() as connection:
        queue(connection, due(["a"], recipient="provider"), DEFINITIONS, NOW)
        connection.execute(update(OUTBOX).where(OUTBOX.c.alert_id == "alert-b").values(state="sent"))
        assert queue(connection, due(["a", "b"], occurrence=2), DEFINITIONS, NOW + MINUTE).queued == 2
        rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.alert_id, OUTBOX.c.recipient, OUTBOX.c.occurrence))
        found = [(row.recipient, row.occurrence, row.state, row.reason) for row in rows]
    assert found == [
        ("client", 0, "withdrawn", "superseded"),
        ("client", 2, "queued", None),
        ("provider", 0, "queued", None),
        ("client", 0, "sent", None),
        ("client", 2, "queued", None),
    ]


def test_a_text_message_waits_for_its_hours_and_the_portal_for_nothing(reached: Engine) -> None:
    definitions = {"ordinary-2020": Definition(Window(opens=time(14)))}
    queued(reached, ["a"])
    with reached.begin() as connection:
        queue(connection, due(["a"], occurrence=1), definitions, NOW)
        queue(connection, due(["a"], recipient="provider"), definitions, NOW)
        rows = {(row.channel, row.occurrence): row for row in connection.execute(tables.messages_outbox.select())}
    assert rows["sms", 1].not_before == rows["sms", 1].next_attempt_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert rows["portal", 0].not_before == NOW


def test_nothing_is_asked_for(reached: Engine) -> None:
    with reached.begin() as connection:
        assert queue(connection, due([]), {}, NOW) == Queued()
        assert withdraw(connection, [], "over", NOW) == 0


def test_messages_of_withdrawn_alerts_are_withdrawn_and_told_of(reached: Engine) -> None:
    queued(reached, ["a", "b"])
    with reached.begin() as connection:
        assert withdraw(connection, ["alert-a", "alert-nobody"], "corrected", NOW + MINUTE) == 1
        assert withdraw(connection, ["alert-a"], "corrected", NOW + MINUTE) == 0
    found = outbox(reached)
    assert (found["a"].state, found["a"].reason, found["a"].next_attempt_at) == ("withdrawn", "corrected", None)
    assert found["b"].state == "queued"
    assert told(reached)[2:] == [("a", "withdrawn", "corrected")]


@pytest.mark.parametrize("state", ["sending", "sent", "delivered", "not_sent", "failed", "dead"])
def test_what_is_on_its_way_or_settled_is_not_withdrawn_and_not_queued_again(reached: Engine, state: str) -> None:
    queued(reached, ["a"])
    with reached.begin() as connection:
        connection.execute(update(OUTBOX).values(state=state))
        assert withdraw(connection, ["alert-a"], "corrected", NOW) == 0
        assert queue(connection, due(["a"]), DEFINITIONS, NOW).queued == 0
    assert outbox(reached)["a"].state == state


def test_one_that_was_withdrawn_unsent_is_queued_again(reached: Engine) -> None:
    queued(reached, ["a"])
    with reached.begin() as connection:
        withdraw(connection, ["alert-a"], "corrected", NOW + MINUTE)
        assert queue(connection, due(["a"]), DEFINITIONS, NOW + 2 * MINUTE) == Queued(queued=1, known=0)
    row = outbox(reached)["a"]
    assert (row.state, row.reason, row.next_attempt_at) == ("queued", None, NOW + 2 * MINUTE)
    assert [state for _, state, _ in told(reached)] == ["queued", "withdrawn", "queued"]


def test_a_message_and_its_alert_are_written_together_or_not_at_all(reached: Engine) -> None:
    with reached.connect() as connection:
        add_alerts(connection, ["a"])
        assert queue(connection, due(["a"]), DEFINITIONS, NOW).queued == 1
        connection.rollback()
    assert outbox(reached) == {}
    assert told(reached) == []


def test_many_messages_are_queued_and_withdrawn_in_chunks(reached: Engine, monkeypatch) -> None:
    monkeypatch.setattr("alerts.outbox.ROWS_AT_ONCE", 3)
    names = [f"p{number}" for number in range(10)]
    assert queued(reached, names).queued == 10
    with reached.begin() as connection:
        assert withdraw(connection, [f"alert-{name}" for name in names], "over", NOW + MINUTE) == 10
    assert len(told(reached)) == 20


def test_a_key_is_of_alert_recipient_and_occurrence_and_shows_none_of_them() -> None:
    keys = {key_of(alert, who, number) for alert in "ab" for who in ("client", "provider") for number in (0, 1)}
    assert len(keys) == 8
    assert key_of("a", "client", 0) == key_of("a", "client", 0)
    assert "voucher" not in key_of("voucher-7", "client", 0)

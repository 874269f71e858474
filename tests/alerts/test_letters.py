"""What comes after sending: the portal, receipts, the dead-letter list, and the telephone numbers it takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select, update

from alerts import tables
from alerts.consent import NumberError
from alerts.dead_letters import dead_letters, send_again
from alerts.dispatch import Dispatcher
from alerts.gateway_demo import DemoGateway
from alerts.gateways import HttpGateway
from alerts.phones import DatabasePhoneBook
from alerts.portal import mark_read, read
from alerts.receipts import Receipt, receive
from tests.alerts.mail import DEFINITIONS, MINUTE, NOW, outbox, queued, seeded, told

OUTBOX = tables.messages_outbox


@pytest.fixture
def demo() -> Iterator[DemoGateway]:
    with DemoGateway() as gateway:
        yield gateway


def send(reached: Engine, demo: DemoGateway, now=NOW) -> None:
    gateway = HttpGateway(demo.url)
    book = DatabasePhoneBook(reached)
    Dispatcher(reached, DEFINITIONS, book, lambda: now, gateway, seeded()).until_empty()
    gateway.close()


def set_state(reached: Engine, state: str, reason: str | None = None) -> None:
    with reached.begin() as connection:
        connection.execute(update(OUTBOX).values(state=state, reason=reason))


def take(reached: Engine, state: str, now=NOW, **name: str) -> bool:
    with reached.begin() as connection:
        return receive(connection, Receipt(state, **name), now)


def test_a_provider_reads_its_own_messages_in_a_language(reached: Engine, demo: DemoGateway) -> None:
    queued(reached, ["a", "b"], recipient="provider")
    send(reached, demo)
    with reached.begin() as connection:
        found = read(connection, "provider", DEFINITIONS, "sv")
        assert {one.voucher_id for one in found} == {"voucher-a", "voucher-b"}
        assert found[0].text == "Din servicesedel väntar. Den gäller till 31.1.2027."
        assert (found[0].read_at, found[0].current) == (None, True)
        assert mark_read(connection, "provider", found[0].message_id, NOW + MINUTE)
        assert mark_read(connection, "provider", found[0].message_id, NOW + 2 * MINUTE)
        assert not mark_read(connection, "another", found[1].message_id, NOW)
        assert read(connection, "another", DEFINITIONS, "sv") == []
        again = {one.message_id: one.read_at for one in read(connection, "provider", DEFINITIONS, "fi")}
    assert again == {found[0].message_id: NOW + MINUTE, found[1].message_id: None}
    assert demo.received == []


def test_a_message_whose_alert_is_over_stays_readable_and_says_so(lite: Engine, demo: DemoGateway) -> None:
    queued(lite, ["a"], recipient="provider")
    send(lite, demo)
    with lite.begin() as connection:
        connection.execute(update(tables.alerts).values(state="ended", ended_at=NOW, ended_why="visited"))
        assert [one.current for one in read(connection, "provider", DEFINITIONS, "fi")] == [False]


def test_the_portal_shows_the_latest_messages_first(lite: Engine, demo: DemoGateway) -> None:
    for number in range(3):
        queued(lite, [f"p{number}"], recipient="provider")
        send(lite, demo, NOW + number * MINUTE)
    with lite.begin() as connection:
        found = read(connection, "provider", DEFINITIONS, "fi", at_most=2)
    assert [one.voucher_id for one in found] == ["voucher-p2", "voucher-p1"]


@pytest.mark.parametrize("by", ["key", "gateway_id"])
def test_a_receipt_names_a_message_by_our_key_or_by_the_gateways_id(reached: Engine, demo: DemoGateway, by) -> None:
    queued(reached, ["a"])
    send(reached, demo)
    row = outbox(reached)["a"]
    name = row.idempotency_key if by == "key" else row.gateway_id
    assert take(reached, "delivered", NOW + MINUTE, **{by: name})
    assert outbox(reached)["a"].state == "delivered"
    assert told(reached)[-1] == ("a", "delivered", None)


def test_a_receipt_for_nothing_known_is_refused(lite: Engine) -> None:
    assert not take(lite, "delivered", key="nothing")
    assert not take(lite, "delivered")


def test_a_receipt_that_comes_twice_counts_once(lite: Engine, demo: DemoGateway) -> None:
    queued(lite, ["a"])
    send(lite, demo)
    for minutes in (1, 2):
        assert take(lite, "delivered", NOW + minutes * MINUTE, gateway_id="demo-1")
    with lite.connect() as connection:
        assert len(connection.execute(select(tables.message_receipts)).all()) == 1
    assert outbox(lite)["a"].updated_at == NOW + MINUTE
    assert [state for _, state, _ in told(lite)].count("delivered") == 1


@pytest.mark.parametrize("order", [("delivered", "failed"), ("failed", "delivered")])
def test_what_was_delivered_stays_so_in_whatever_order_receipts_come(lite: Engine, demo: DemoGateway, order) -> None:
    queued(lite, ["a"])
    send(lite, demo)
    for minutes, state in enumerate(order):
        take(lite, state, NOW + minutes * MINUTE, gateway_id="demo-1")
    assert (outbox(lite)["a"].state, outbox(lite)["a"].reason) == ("delivered", None)


def test_a_receipt_tells_what_became_of_a_message_whose_outcome_was_unknown(lite: Engine) -> None:
    queued(lite, ["a"])
    for state in ("sending", "dead"):
        set_state(lite, state, "outcome_unknown")
        take(lite, "delivered", key=outbox(lite)["a"].idempotency_key)
        assert (outbox(lite)["a"].state, outbox(lite)["a"].next_attempt_at) == ("delivered", None)


@pytest.mark.parametrize("state", ["queued", "withdrawn", "not_sent"])
def test_a_receipt_for_what_never_went_changes_nothing_but_is_kept(lite: Engine, state: str) -> None:
    queued(lite, ["a"])
    set_state(lite, state)
    assert take(lite, "delivered", key=outbox(lite)["a"].idempotency_key)
    assert outbox(lite)["a"].state == state


def test_what_could_not_be_delivered_is_on_the_dead_letter_list(reached: Engine, demo: DemoGateway) -> None:
    queued(reached, ["a"])
    send(reached, demo)
    take(reached, "failed", NOW + MINUTE, gateway_id="demo-1")
    with reached.connect() as connection:
        (letter,) = dead_letters(connection)
    assert (letter.state, letter.reason, letter.rule, letter.attempts) == (
        "failed",
        "not_delivered",
        "not_activated",
        1,
    )
    assert letter.since == NOW + MINUTE


def test_a_person_may_have_an_undelivered_message_sent_again_under_a_new_key(reached: Engine, demo: DemoGateway):
    queued(reached, ["a"])
    for number in (1, 2):
        send(reached, demo, NOW + number * MINUTE)
        row = outbox(reached)["a"]
        take(reached, "failed", NOW + number * MINUTE, gateway_id=row.gateway_id)
        with reached.begin() as connection:
            assert send_again(connection, [row.message_id], "officer-1", "number corrected", NOW + number * MINUTE) == 1
    first = row.message_id
    assert [one.key for one in demo.received] == [first, f"{first}-2"]
    assert outbox(reached)["a"].idempotency_key == f"{first}-3"
    with reached.connect() as connection:
        audit = connection.execute(select(tables.alert_audit)).all()
    assert [(one.who, one.action, one.why) for one in audit] == [("officer-1", "send_again", "number corrected")] * 2


def test_one_that_was_given_up_keeps_its_key_because_it_may_have_arrived(lite: Engine, demo: DemoGateway) -> None:
    queued(lite, ["a"])
    send(lite, demo)
    set_state(lite, "dead", "outcome_unknown")
    with lite.begin() as connection:
        send_again(connection, [outbox(lite)["a"].message_id], "officer-1", "try", NOW)
    send(lite, demo)
    assert outbox(lite)["a"].state == "sent"
    assert len(demo.received) == 1


def test_only_what_is_on_the_list_is_sent_again(lite: Engine, demo: DemoGateway) -> None:
    queued(lite, ["a"])
    send(lite, demo)
    with lite.begin() as connection:
        assert send_again(connection, [outbox(lite)["a"].message_id, "nothing"], "officer-1", "try", NOW) == 0
        assert dead_letters(connection) == []


def test_the_phone_book_keeps_numbers_in_one_spelling_and_replaces_them(lite: Engine) -> None:
    book = DatabasePhoneBook(lite)
    book.replace("a", ["040 123 4567", "+358401234567", "+46 70 1234567"])
    assert book.numbers("a") == ["+358401234567", "+46701234567"]
    book.replace("a", [])
    assert book.numbers("a") == []


def test_a_number_that_is_none_changes_nothing(lite: Engine) -> None:
    book = DatabasePhoneBook(lite)
    book.replace("a", ["0401234567"])
    with pytest.raises(NumberError):
        book.replace("a", ["0501234567", "none"])
    assert book.numbers("a") == ["+358401234567"]

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import OperationalError

from alerts import tables
from alerts.calendar import Window
from alerts.dispatch import Dispatcher
from alerts.gateway_demo import BREAK, DemoGateway
from alerts.gateways import Delivery, HttpGateway, Outcome, Outgoing, Result
from alerts.outbox import key_of, queue, withdraw
from alerts.phones import DatabasePhoneBook
from alerts.verdict import Policy
from records.database.connection import engine, writing
from records.database.tables import DATABASE_TABLES
from tests.alerts.mail import DEFINITIONS, MINUTE, NOW, Definition, due, outbox, queued, seeded, told

PATIENTS, OUTBOX = DATABASE_TABLES["patients"], tables.messages_outbox
LATER = Policy().lease + MINUTE


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Pretended:
    """A gateway that answers as it is told, and does something first."""

    answers: list[Result] = field(default_factory=list)
    delivery: Delivery = Delivery.ONCE
    first: object = None
    sent: list[Outgoing] = field(default_factory=list)

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        if self.first:
            self.first()
        return Outcome(self.answers.pop(0) if self.answers else Result.ACCEPTED, gateway_id=f"g-{message.key}")

    def close(self) -> None: ...


def dispatcher(reached: Engine, gateway=None, clock=None, definitions=None, **more) -> Dispatcher:
    book = DatabasePhoneBook(reached)
    made = definitions or DEFINITIONS
    return Dispatcher(reached, made, book, clock or Clock(), gateway, seeded(), **more)


def set_patient(reached: Engine, name: str, **values) -> None:
    with reached.begin() as connection:
        connection.execute(update(PATIENTS).where(PATIENTS.c.patient_id == name).values(**values))


def close_alert(reached: Engine, name: str, why: str = "activated") -> None:
    with reached.begin() as connection:
        values = {"state": "ended", "ended_at": NOW, "ended_why": why}
        connection.execute(update(tables.alerts).where(tables.alerts.c.alert_id == f"alert-{name}").values(**values))


def test_a_message_goes_out_and_is_written_down(reached: Engine) -> None:
    queued(reached, ["a"])
    with DemoGateway() as demo:
        gateway = HttpGateway(demo.url)
        assert dispatcher(reached, gateway).until_empty() == {"sent": 1}
        gateway.close()
    row = outbox(reached)["a"]
    assert (row.state, row.gateway_id, row.language, row.parts, row.attempts) == ("sent", "demo-1", "fi", 1, 1)
    assert (row.claimed_by, row.claimed_until, row.next_attempt_at) == (None, None, None)
    assert [(one.key, one.to) for one in demo.received] == [(row.idempotency_key, "+358400000000")]
    assert demo.received[0].text == "Palvelusetelisi odottaa. Voimassa 31.1.2027 asti."
    assert told(reached) == [("a", "queued", None), ("a", "sent", None)]


def test_consent_counts_at_the_moment_of_sending(reached: Engine) -> None:
    queued(reached, ["gave", "took", "never"], sms_consent=None)
    set_patient(reached, "gave", sms_consent=True)
    set_patient(reached, "took", sms_consent=False)
    gateway = Pretended()
    assert dispatcher(reached, gateway).until_empty() == {"sent": 1, "not_sent": 2}
    found = {name: (row.state, row.reason) for name, row in outbox(reached).items()}
    assert found == {
        "gave": ("sent", None),
        "took": ("not_sent", "no_consent"),
        "never": ("not_sent", "never_asked"),
    }
    assert ("never", "not_sent", "never_asked") in told(reached)


def test_consent_taken_back_right_after_the_claim_still_counts(lite: Engine) -> None:
    queued(lite, ["a", "b"])

    def take_back() -> None:
        for name in "ab":
            set_patient(lite, name, sms_consent=False)

    assert dispatcher(lite, Pretended(first=take_back)).until_empty() == {"sent": 1, "not_sent": 1}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"non_disclosure": True}, "non_disclosure"),
        ({"birth_date": NOW.date()}, "under_age"),
        ({"birth_date": None}, "age_not_known"),
        ({"left_at": NOW}, "left"),
        ({"numbers": 0}, "no_number"),
        ({"numbers": 2}, "several_numbers"),
    ],
)
def test_whoever_may_not_be_written_to_is_recorded_with_the_reason(lite: Engine, more, reason) -> None:
    queued(lite, ["a"], **more)
    gateway = Pretended()
    assert dispatcher(lite, gateway).until_empty() == {"not_sent": 1}
    assert outbox(lite)["a"].reason == reason
    assert gateway.sent == []


def test_the_provider_is_told_in_the_portal_whatever_the_client_consented_to(reached: Engine) -> None:
    queued(reached, ["a"], recipient="provider", sms_consent=False, non_disclosure=True)
    assert dispatcher(reached).until_empty() == {"sent": 1}
    with reached.connect() as connection:
        row = connection.execute(select(tables.portal_messages)).one()
    assert (row.provider_id, row.put_at, row.read_at) == ("provider", NOW, None)


def test_without_a_gateway_text_messages_wait(lite: Engine) -> None:
    queued(lite, ["a"])
    nobody = dispatcher(lite)
    assert (nobody.waiting(), nobody.until_empty()) == (0, {})
    assert outbox(lite)["a"].state == "queued"
    assert dispatcher(lite, Pretended()).waiting() == 1


def test_without_a_provider_nobody_is_told(lite: Engine) -> None:
    queued(lite, ["a"], recipient="provider")
    with lite.begin() as connection:
        connection.execute(update(tables.alerts).values(provider_id=None))
    assert dispatcher(lite).until_empty() == {"not_sent": 1}
    assert outbox(lite)["a"].reason == "no_provider"


def test_outside_its_hours_a_message_waits_and_then_goes(lite: Engine) -> None:
    clock, late = Clock(), {"ordinary-2020": Definition(Window(opens=time(14)))}
    queued(lite, ["a"])
    assert dispatcher(lite, Pretended(), clock, late).until_empty() == {"waiting": 1}
    clock.now = NOW + timedelta(hours=2)
    assert dispatcher(lite, Pretended(), clock, late).until_empty() == {"sent": 1}


def test_a_definition_that_is_not_known_yet_is_waited_for(lite: Engine) -> None:
    queued(lite, ["a"])
    assert dispatcher(lite, Pretended(), definitions={"other-1": Definition()}).until_empty() == {"waiting": 1}
    assert outbox(lite)["a"].state == "queued"


def test_a_clock_that_runs_backwards_sends_nothing(lite: Engine) -> None:
    queued(lite, ["a"])
    assert dispatcher(lite, Pretended(), Clock(NOW - MINUTE)).until_empty() == {}


def test_withdrawn_messages_never_go_even_when_claimed_a_moment_before(reached: Engine) -> None:
    queued(reached, ["a", "b", "c"])
    withdrawn = []

    def withdraw_all() -> None:
        with reached.begin() as connection:
            withdrawn.append(withdraw(connection, ["alert-a", "alert-b", "alert-c"], "corrected", NOW))

    gateway = Pretended(first=withdraw_all)
    assert dispatcher(reached, gateway).until_empty() == {"sent": 1, "taken": 2}
    assert withdrawn == [2]  # the one on its way cannot be called back, and is not said to be
    assert len(gateway.sent) == 1
    states = sorted(row.state for row in outbox(reached).values())
    assert states == ["sent", "withdrawn", "withdrawn"]


def test_a_message_of_an_alert_that_is_over_is_withdrawn_even_if_nobody_did_so(lite: Engine) -> None:
    queued(lite, ["a"])
    close_alert(lite, "a")
    assert dispatcher(lite, Pretended()).until_empty() == {"withdrawn": 1}
    assert outbox(lite)["a"].reason == "activated"


def test_what_was_not_taken_is_tried_again_later_and_later(lite: Engine) -> None:
    queued(lite, ["a"])
    clock, waits = Clock(), []
    gateway = Pretended([Result.NOT_TAKEN] * 4)
    for _ in range(4):
        assert dispatcher(lite, gateway, clock).until_empty() == {"waiting": 1}
        after = outbox(lite)["a"].next_attempt_at
        waits.append(after - clock.now)
        clock.now = after
    assert waits == sorted(waits)
    assert dispatcher(lite, gateway, clock).until_empty() == {"sent": 1}
    assert {message.key for message in gateway.sent} == {key_of("alert-a", "client", 0)}
    assert [state for _, state, _ in told(lite)] == ["queued", "sent"]


def test_what_never_works_ends_on_the_dead_letter_list(lite: Engine) -> None:
    queued(lite, ["a"])
    clock, gateway = Clock(), Pretended([Result.NOT_TAKEN] * 99)
    for _ in range(Policy().attempts):
        words = dispatcher(lite, gateway, clock).until_empty()
        clock.now += timedelta(days=1)
    assert words == {"dead": 1}
    assert (outbox(lite)["a"].state, outbox(lite)["a"].reason) == ("dead", "gave_up")
    assert told(lite)[-1] == ("a", "failed", "gave_up")


def test_after_some_failures_in_a_row_the_gateway_is_left_alone_and_the_portal_is_not(lite: Engine) -> None:
    queued(lite, [f"p{number}" for number in range(9)])
    with lite.begin() as connection:
        queue(connection, due(["p1"], recipient="provider"), DEFINITIONS, NOW)
    gateway = Pretended([Result.NOT_TAKEN] * 99)
    found = dispatcher(lite, gateway, policy=Policy(batch=3))
    assert found.until_empty()["sent"] == 1
    assert found.paused
    assert len(gateway.sent) == 5
    assert sum(row.state == "queued" for row in outbox(lite).values()) >= 8


def test_a_success_ends_the_row_of_failures(lite: Engine) -> None:
    queued(lite, [f"p{number}" for number in range(10)])
    answers = [Result.NOT_TAKEN] * 4 + [Result.ACCEPTED] + [Result.NOT_TAKEN] * 4 + [Result.REFUSED]
    found = dispatcher(lite, Pretended(answers))
    assert found.until_empty() == {"waiting": 8, "sent": 1, "dead": 1}
    assert not found.paused


def test_a_gateway_whose_answer_is_lost_is_asked_again_under_the_same_key(reached: Engine) -> None:
    queued(reached, ["a"])
    clock = Clock()
    with DemoGateway() as demo:
        gateway = HttpGateway(demo.url)
        demo.misbehave(BREAK)
        assert dispatcher(reached, gateway, clock).until_empty() == {"waiting": 1}
        assert outbox(reached)["a"].state == "sending"
        clock.now += 2 * MINUTE
        assert dispatcher(reached, gateway, clock).until_empty() == {"sent": 1}
        gateway.close()
    assert len(demo.received) == 1
    assert demo.requests[key_of("alert-a", "client", 0)] == 2


def test_a_gateway_without_keys_is_not_asked_again_unless_it_is_so_configured(lite: Engine) -> None:
    queued(lite, ["a", "b"])
    careful = Pretended([Result.UNKNOWN] * 2, Delivery.AT_MOST_ONCE)
    assert dispatcher(lite, careful).until_empty() == {"dead": 2}
    assert outbox(lite)["a"].reason == "outcome_unknown"
    queued(lite, ["c"])
    keen, clock = Pretended([Result.UNKNOWN], Delivery.AT_LEAST_ONCE), Clock()
    assert dispatcher(lite, keen, clock).until_empty() == {"waiting": 1}
    clock.now += 2 * MINUTE
    assert dispatcher(lite, keen, clock).until_empty() == {"sent": 1}
    assert len(keen.sent) == 2


def die() -> None:
    raise KeyboardInterrupt


def killed_while_sending(reached: Engine, clock: Clock, delivery: Delivery = Delivery.ONCE) -> None:
    with pytest.raises(KeyboardInterrupt):
        dispatcher(reached, Pretended(delivery=delivery, first=die), clock).once()
    assert outbox(reached)["a"].state == "sending"


def test_what_a_dead_dispatcher_held_is_taken_over_when_its_lease_is_over(reached: Engine) -> None:
    queued(reached, ["a"])
    clock, heir = Clock(), Pretended()
    killed_while_sending(reached, clock)
    assert dispatcher(reached, heir, clock).until_empty() == {}
    clock.now += LATER
    assert dispatcher(reached, heir, clock).until_empty() == {"sent": 1}
    assert outbox(reached)["a"].attempts == 2


def test_what_may_have_gone_is_put_before_a_person_where_keys_are_not_known(lite: Engine) -> None:
    queued(lite, ["a"])
    clock, heir = Clock(), Pretended(delivery=Delivery.AT_MOST_ONCE)
    killed_while_sending(lite, clock, Delivery.AT_MOST_ONCE)
    clock.now += LATER
    assert dispatcher(lite, heir, clock).until_empty() == {"dead": 1}
    assert heir.sent == []


def test_a_message_withdrawn_after_a_dispatcher_died_with_it_does_not_go_and_is_not_called_withdrawn(lite: Engine):
    queued(lite, ["a"])
    clock, heir = Clock(), Pretended()
    killed_while_sending(lite, clock)
    close_alert(lite, "a")
    with lite.begin() as connection:
        assert withdraw(connection, ["alert-a"], "activated", clock.now) == 0
    clock.now += LATER
    assert dispatcher(lite, heir, clock).until_empty() == {"dead": 1}
    assert (outbox(lite)["a"].reason, heir.sent) == ("outcome_unknown", [])


def test_a_dispatcher_that_was_overtaken_changes_nothing_but_an_acceptance_counts(lite: Engine) -> None:
    """One dispatcher sleeps while it sends, a second one takes over and has finished when the first wakes up."""
    for answer, state in ((Result.NOT_TAKEN, "dead"), (Result.ACCEPTED, "sent")):
        queued(lite, [state])
        clock = Clock()

        def overtake(clock: Clock = clock) -> None:
            clock.now += LATER
            assert dispatcher(lite, Pretended(delivery=Delivery.AT_MOST_ONCE), clock).until_empty() == {"dead": 1}

        slow = Pretended([answer], Delivery.AT_MOST_ONCE, first=overtake)
        words = dispatcher(lite, slow, clock).until_empty()
        assert words == ({"sent": 1} if answer is Result.ACCEPTED else {"taken": 1})
        assert outbox(lite)[state].state == state


def test_a_machine_that_slept_before_sending_does_not_send_on_waking_up(lite: Engine) -> None:
    queued(lite, ["a"])
    clock, gateway = Clock(), Pretended()
    found = dispatcher(lite, gateway, clock)
    let_go = found._let_go

    def asleep(*arguments):
        begun = let_go(*arguments)
        clock.now += LATER
        return begun

    found._let_go = asleep
    assert found.once() == 1
    assert (found.counts, gateway.sent) == ({"taken": 1}, [])


def test_each_message_is_watched_and_batches_follow_each_other(lite: Engine) -> None:
    queued(lite, [f"p{number}" for number in range(7)])
    seen: list[str] = []
    found = dispatcher(lite, Pretended(), watch=seen.append, policy=Policy(batch=3))
    assert [found.once() for _ in range(4)] == [3, 3, 1, 0]
    assert seen == ["sent"] * 7


def test_messages_go_in_the_order_in_which_they_may(lite: Engine) -> None:
    for name, minutes in (("late", 2), ("early", 0), ("middle", 1)):
        queued(lite, [name], NOW + minutes * MINUTE)
    gateway = Pretended()
    dispatcher(lite, gateway, Clock(NOW + 9 * MINUTE)).until_empty()
    keys = [key_of(f"alert-{name}", "client", 0) for name in ("early", "middle", "late")]
    assert [message.key for message in gateway.sent] == keys


def test_a_locked_file_is_waited_for_and_in_the_end_told_of(lite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.database.connection.BUSY_MILLISECONDS", 20)
    reached, other = engine(lite_url), engine(lite_url)
    queued(reached, ["a"])
    holder = other.connect().execution_options(sqlite_begin="BEGIN IMMEDIATE")
    transaction = holder.begin()
    tries: list[int] = []
    found = dispatcher(reached, Pretended())

    def counted(opened: Engine):
        tries.append(1)
        if len(tries) == 8:
            transaction.rollback()
        return writing(opened)

    monkeypatch.setattr("alerts.dispatch.writing", counted)
    with pytest.raises(OperationalError, match="locked"):
        found.once()
    assert len(tries) == 6
    assert found.until_empty() == {"sent": 1}
    holder.close()
    other.dispose()
    reached.dispose()


def test_no_log_holds_a_patient_a_number_or_a_text(lite: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    queued(lite, ["patient-seven"])
    with DemoGateway() as demo:
        gateway = HttpGateway(demo.url)
        dispatcher(lite, gateway).until_empty()
        gateway.close()
    assert len(demo.received) == 1
    for secret in ("patient-seven", "40000", "odottaa"):
        assert secret not in caplog.text

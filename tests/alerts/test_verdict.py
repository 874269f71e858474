from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.calendar import Window
from alerts.consent import OBSTACLES, Client
from alerts.gateways import Delivery, Outcome, Result
from alerts.verdict import (
    Due,
    Go,
    Policy,
    PutOff,
    Settle,
    after,
    verdict_on_portal_message,
    verdict_on_text_message,
)
from tests.alerts.mail import NOW, Definition, seeded

DUE = Due(
    message_id="m",
    key="k",
    recipient="client",
    channel="sms",
    subject="not_activated",
    variables='{"valid_until": "2027-01-31"}',
    patient_id="a",
    provider_id="p",
    definition_id="ordinary-2020",
    attempts=0,
    uncertain=False,
    closed_why=None,
)
CLIENT = Client(datetime(1980, 1, 1, tzinfo=UTC).date(), "fi", sms_consent=True, non_disclosure=False)
HOUR = timedelta(hours=1)


def judged(due=DUE, definition=None, delivery=Delivery.ONCE, client=CLIENT, numbers=("0401234567",)):
    found = list(numbers)
    return verdict_on_text_message(
        due, definition or Definition(), delivery, client=client, numbers=lambda: found, now=NOW
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fi", "Palvelusetelisi odottaa. Voimassa 31.1.2027 asti."),
        ("sv", "Din servicesedel väntar. Den gäller till 31.1.2027."),
        ("so", "Your voucher is waiting. It is valid until 31 January 2027."),
        (None, "Your voucher is waiting. It is valid until 31 January 2027."),
    ],
)
def test_what_may_go_goes_in_the_clients_language(language: str | None, text: str) -> None:
    found = judged(client=replace(CLIENT, language=language))
    assert isinstance(found, Go)
    assert (found.message.key, found.message.to, found.message.text) == ("k", "+358401234567", text)


def test_what_no_longer_holds_is_not_sent_whatever_else() -> None:
    assert judged(replace(DUE, closed_why="visited")) == Settle("withdrawn", "visited")
    assert verdict_on_portal_message(replace(DUE, closed_why="visited")) == Settle("withdrawn", "visited")


def test_a_client_who_may_not_be_written_to_is_named_with_the_reason() -> None:
    assert judged(client=replace(CLIENT, sms_consent=False)) == Settle("not_sent", "no_consent")
    assert judged(numbers=[]) == Settle("not_sent", "no_number")


def test_numbers_are_not_looked_up_for_what_does_not_go_now() -> None:
    asked: list[str] = []

    def numbers() -> list[str]:
        asked.append("asked")
        return ["+358401234567"]

    night = datetime(2026, 3, 1, 22, tzinfo=UTC)
    for due, now, goes in ((replace(DUE, closed_why="over"), NOW, False), (DUE, night, False), (DUE, NOW, True)):
        definition = Definition(Window())
        found = verdict_on_text_message(due, definition, Delivery.ONCE, client=CLIENT, numbers=numbers, now=now)
        assert isinstance(found, Go) == goes
        assert asked == (["asked"] if goes else [])


def test_outside_its_hours_a_message_waits_for_them() -> None:
    assert judged(definition=Definition(Window(opens=time(14)))) == PutOff(NOW + 2 * HOUR)


def test_what_may_have_gone_goes_again_only_where_that_is_promised() -> None:
    uncertain = replace(DUE, uncertain=True)
    assert isinstance(judged(uncertain, delivery=Delivery.ONCE), Go)
    assert isinstance(judged(uncertain, delivery=Delivery.AT_LEAST_ONCE), Go)
    assert judged(uncertain, delivery=Delivery.AT_MOST_ONCE) == Settle("dead", "outcome_unknown")


def test_what_may_have_gone_is_never_called_withdrawn_or_not_sent() -> None:
    uncertain = replace(DUE, uncertain=True)
    assert judged(replace(uncertain, closed_why="over")) == Settle("dead", "outcome_unknown")
    assert judged(uncertain, client=replace(CLIENT, sms_consent=None)) == Settle("dead", "outcome_unknown")


@pytest.mark.parametrize("texts", [{"fi": "{unheard_of}"}, {}])
def test_a_message_without_a_text_is_put_before_a_person(texts: dict[str, str]) -> None:
    assert judged(definition=Definition(texts=texts)) == Settle("dead", "no_text")


def test_the_portal_asks_for_a_provider_and_nothing_else() -> None:
    assert verdict_on_portal_message(DUE) == Settle("sent")
    assert verdict_on_portal_message(replace(DUE, provider_id=None)) == Settle("not_sent", "no_provider")


def answered(result, due=DUE, delivery=Delivery.ONCE, policy=None, **more):
    return after(due, Outcome(result, **more), delivery, policy=policy or Policy(), random=seeded(), now=NOW)


def test_what_the_gateway_has_or_will_never_have_is_settled() -> None:
    assert answered(Result.ACCEPTED) == Settle("sent")
    assert answered(Result.REFUSED) == Settle("dead", "refused")


def test_what_the_gateway_did_not_take_is_tried_again_under_every_promise() -> None:
    for delivery in Delivery:
        found = answered(Result.NOT_TAKEN, delivery=delivery)
        assert isinstance(found, PutOff)
        assert NOW + timedelta(seconds=30) <= found.until <= NOW + timedelta(seconds=60)


def test_an_unknown_outcome_is_tried_again_unless_at_most_once_is_promised() -> None:
    assert isinstance(answered(Result.UNKNOWN), PutOff)
    assert isinstance(answered(Result.UNKNOWN, delivery=Delivery.AT_LEAST_ONCE), PutOff)
    assert answered(Result.UNKNOWN, delivery=Delivery.AT_MOST_ONCE) == Settle("dead", "outcome_unknown")


def test_after_the_last_attempt_a_message_is_given_up() -> None:
    last = replace(DUE, attempts=9)
    assert answered(Result.NOT_TAKEN, last) == Settle("dead", "gave_up")
    assert answered(Result.NOT_TAKEN, replace(last, uncertain=True)) == Settle("dead", "outcome_unknown")
    assert answered(Result.UNKNOWN, last) == Settle("dead", "outcome_unknown")
    assert isinstance(answered(Result.NOT_TAKEN, replace(DUE, attempts=8)), PutOff)


def test_a_gateway_that_wants_more_time_gets_it() -> None:
    assert answered(Result.NOT_TAKEN, retry_after=2 * HOUR) == PutOff(NOW + 2 * HOUR)


@given(st.integers(1, 200), st.integers())
def test_waits_double_up_to_the_longest_and_are_drawn_from_their_upper_half(attempt: int, seed: int) -> None:
    policy = Policy()
    whole = min(policy.longest_wait, policy.first_wait * 2 ** min(attempt - 1, 20))
    assert whole / 2 <= policy.wait(attempt, seeded(seed)) <= whole
    assert policy.wait(attempt, seeded(seed)) == policy.wait(attempt, seeded(seed))


def test_a_lease_shorter_than_a_gateway_may_take_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 40 s"):
        Policy(lease=timedelta(seconds=40))


@given(
    st.builds(
        Client,
        st.none() | st.dates(),
        st.none() | st.just("fi"),
        st.none() | st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    st.booleans(),
    st.sampled_from(Delivery),
    st.none() | st.just("over"),
    st.lists(st.sampled_from(["0401234567", "+46701234567", "x"]), max_size=2),
)
def test_nothing_goes_without_consent_or_after_its_end_under_any_circumstances(client, uncertain, delivery, why, many):
    found = judged(replace(DUE, uncertain=uncertain, closed_why=why), delivery=delivery, client=client, numbers=many)
    if isinstance(found, Go):
        assert client.sms_consent is True
        assert client.in_care
        assert not client.non_disclosure
        assert why is None
        assert not (uncertain and delivery is Delivery.AT_MOST_ONCE)
    elif found.state == "not_sent":
        assert found.reason in OBSTACLES
        assert not uncertain

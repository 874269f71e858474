from __future__ import annotations

import doctest
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import consent
from alerts.consent import OBSTACLES, Client, NumberError, age_on, normalised, obstacle

WILLING = Client(date(1980, 2, 29), "fi", sms_consent=True, non_disclosure=False)
NUMBER = ["+358401234567"]
TODAY = date(2026, 11, 22)


def test_with_consent_age_and_one_number_nothing_stands_in_the_way() -> None:
    assert obstacle(WILLING, NUMBER, 18, TODAY) is None


@pytest.mark.parametrize(
    ("change", "numbers", "reason"),
    [
        ({"in_care": False}, NUMBER, "left"),
        ({"non_disclosure": True}, NUMBER, "non_disclosure"),
        ({"sms_consent": None}, NUMBER, "never_asked"),
        ({"sms_consent": False}, NUMBER, "no_consent"),
        ({"birth_date": None}, NUMBER, "age_not_known"),
        ({"birth_date": date(2008, 11, 23)}, NUMBER, "under_age"),
        ({}, [], "no_number"),
        ({}, ["soita äidille"], "unusable_number"),
        ({}, ["+358401234567", "+358401234568"], "several_numbers"),
        ({}, ["+358401234567", "soita äidille"], "several_numbers"),
    ],
)
def test_each_obstacle_is_named(change: dict, numbers: list[str], reason: str) -> None:
    assert obstacle(replace(WILLING, **change), numbers, 18, TODAY) == reason


def test_the_birthday_itself_is_old_enough() -> None:
    assert obstacle(replace(WILLING, birth_date=date(2008, 11, 22)), NUMBER, 18, TODAY) is None


def test_without_an_age_limit_a_child_or_an_unknown_age_is_no_obstacle() -> None:
    for born in (date(2020, 1, 1), None):
        assert obstacle(replace(WILLING, birth_date=born), NUMBER, None, TODAY) is None


def test_one_number_written_in_two_ways_is_one_number() -> None:
    assert obstacle(WILLING, ["040 123 4567", "+358 (0)40-1234567"], 18, TODAY) is None


clients = st.builds(
    Client,
    st.none() | st.dates(date(1920, 1, 1), TODAY),
    st.none() | st.sampled_from(["fi", "sv", "so"]),
    st.none() | st.booleans(),
    st.booleans(),
    st.booleans(),
)
numbers = st.lists(st.from_regex(r"\+358[1-9]\d{8}", fullmatch=True), max_size=3)


@given(clients, numbers, st.none() | st.integers(0, 30))
def test_a_message_goes_only_with_consent_without_non_disclosure_and_to_one_number(client, numbers, age) -> None:
    reason = obstacle(client, numbers, age, TODAY)
    if reason is None:
        assert client.sms_consent is True
        assert client.in_care
        assert not client.non_disclosure
        assert len(set(numbers)) == 1
        assert age is None or age_on(client.birth_date, TODAY) >= age
    else:
        assert reason in OBSTACLES


@given(clients, numbers, st.integers(0, 30))
def test_the_order_of_the_numbers_does_not_matter(client, numbers, age) -> None:
    assert obstacle(client, numbers, age, TODAY) == obstacle(client, numbers[::-1], age, TODAY)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
        (date(2026, 11, 22), date(2026, 11, 22), 0),
    ],
)
def test_age_is_in_whole_years(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age


@pytest.mark.parametrize(
    "written", ["0401234567", "040-123 4567", "+358 40 1234567", "00358 401234567", "+358(0)40 1234567"]
)
def test_a_finnish_number_is_read_however_it_is_written(written: str) -> None:
    assert normalised(written) == "+358401234567"


def test_a_foreign_number_keeps_its_country() -> None:
    assert normalised("0046 70 123 45 67") == "+46701234567"


@pytest.mark.parametrize(
    "written", ["", "040", "puhelin", "+0401234567", "1234567", "+358401234567890123", "040x1234567"]
)
def test_what_is_no_number_is_refused_without_being_quoted(written: str) -> None:
    with pytest.raises(NumberError) as refusal:
        normalised(written)
    assert not written or written not in str(refusal.value)


@given(st.from_regex(r"\+[1-9]\d{7,14}", fullmatch=True).filter(lambda number: not number.startswith("+3580")))
def test_a_normalised_number_stays_as_it_is(number: str) -> None:
    assert normalised(number) == number
    assert normalised(normalised(number)) == number


def test_examples_hold() -> None:
    assert not doctest.testmod(consent).failed

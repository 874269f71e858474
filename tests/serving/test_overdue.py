"""The officer's list of overdue clients: who stands where and why, also where nothing is known of anybody's need."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import unescape
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.overdue import Overdue
from features.families import LANGUAGES
from models.segments import read_tables, table_on
from records.database import add
from serving.vouchers.needs import Need
from serving.vouchers.overdue import in_order, overdue_list
from serving.vouchers.words import LIST, PAGE, ROW
from tests.rows import patient as person
from tests.serving.asker import KNOWN, NOW, Asker
from tests.serving.watched import OVERDUE, Served

PATH = "/v1/vouchers/overdue"
SEGMENTS = table_on(read_tables(), NOW.date())


@pytest.fixture
def officer(watch: Served) -> Asker:
    return watch.asked_by("officer")


def assess(watch: Served, patient: str, suggested: str | None, days_ago: int = 10, **more: Any) -> str:
    """An assessment of a patient, as the service keeps it."""
    at = NOW - timedelta(days=days_ago)
    name = f"{patient}-{suggested}-{days_ago}"
    event = {
        "patient_id": patient,
        "event_id": name,
        "event_time": at,
        "recorded_at": at,
        "source": "tarve/demo",
        "model_version": "tarve-need 1",
        "features_version": "f",
        "rules_version": "r",
        "suggested": suggested,
        "visits": 7.5,
        "at_least_heavy": 0.6,
        **more,
    }
    with watch.house.ledger.database.transaction() as connection:
        add(connection, {"patients": [person(patient)], "assessments": [event]})
    return name


def decide(watch: Served, patient: str, assessment: str, decided: str, days_ago: int = 5) -> None:
    at = NOW - timedelta(days=days_ago)
    event = {
        "patient_id": patient,
        "event_id": f"d-{assessment}-{decided}",
        "event_time": at,
        "recorded_at": at,
        "source": "tarve/demo",
        "assessment_id": assessment,
        "suggested": "light",
        "decided": decided,
        "outcome": "overridden",
        "reason_code": None,
    }
    with watch.house.ledger.database.transaction() as connection:
        add(connection, {"decisions": [event]})


def listed(officer: Asker, query: str = "") -> dict[str, Any]:
    answer = officer.get(PATH + query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def order(said: dict[str, Any]) -> list[str]:
    return [row["voucher_id"] for row in said["rows"]]


def test_without_any_assessment_the_order_is_by_days_overdue_and_says_so(officer: Asker) -> None:
    said = listed(officer)
    assert order(said) == list(OVERDUE)
    assert [row["days_overdue"] for row in said["rows"]] == [74, 54, 10]
    assert (said["ordered_by"], said["fallback"], said["model"]) == ("days_overdue", "no_assessment", "tarve-need 1")
    assert said["says"]["en"] == "There is no current assessment of anybody's need for care. Order: days overdue."
    for row in said["rows"]:
        assert (row["ordered_by"], row["need"]) == ("days_overdue", None)
        assert row["says"]["sv"] == "Ingen gällande bedömning av behovet: plats enligt dagar över gränsen."
    assert {(rule["name"], rule["version"]) for rule in said["rules"]} == {("not_activated", 1), ("visit_interval", 1)}
    assert datetime.fromisoformat(said["run_at"]) == datetime.fromisoformat("2026-11-20T10:00+00:00")


def test_who_needs_most_comes_first_and_nobody_unknown_behind_who_needs_less(officer: Asker, watch: Served) -> None:
    assess(watch, "b", "heavy")
    assess(watch, "a", "light")
    said = listed(officer)
    assert order(said) == ["k-other", "k-known", "k-interval"]
    assert (said["ordered_by"], said["fallback"]) == ("need", None)
    first, unknown, last = said["rows"]
    assert [row["ordered_by"] for row in said["rows"]] == ["need", "days_overdue", "need"]
    assert unknown["need"] is None
    assert (first["need"]["segment"], first["need"]["decided"], last["need"]["segment"]) == ("heavy", False, "light")
    assert (first["need"]["model"], first["need"]["rules"], first["need"]["features"]) == ("tarve-need 1", "r", "f")
    assert first["rule"] == {"name": "not_activated", "version": 1}
    assert first["why"]["fi"] == "Palveluseteli myönnettiin 13.9.2026, eikä sitä aktivoitu 60 päivän kuluessa."


def test_what_a_person_decided_counts_before_what_was_suggested(officer: Asker, watch: Served) -> None:
    name = assess(watch, "b", "light")
    decide(watch, "b", name, "moderate", days_ago=6)
    decide(watch, "b", name, "heavy", days_ago=3)
    first = listed(officer)["rows"][0]
    assert (first["voucher_id"], first["need"]["segment"], first["need"]["suggested"]) == ("k-other", "heavy", "light")
    assert first["need"]["decided"]
    assert first["says"]["en"] == "Placed by the need that a professional decided on."


@pytest.mark.parametrize(
    "made",
    [
        {"suggested": None},
        {"suggested": "heavy", "days_ago": SEGMENTS.horizon_days + 1},
        {"suggested": "heavy", "days_ago": -1},
        {"suggested": "enormous"},
        {"suggested": "heavy", "source": "tarve/other"},
    ],
    ids=["no estimate", "too old", "still to come", "of another table", "another tenant's"],
)
def test_an_assessment_that_says_nothing_now_orders_nobody(officer: Asker, watch: Served, made: dict[str, Any]) -> None:
    assess(watch, "b", **made)
    said = listed(officer)
    assert (said["fallback"], order(said)) == ("no_assessment", list(OVERDUE))


def test_the_latest_assessment_counts_also_of_a_client_whose_history_was_posted(officer: Asker, watch: Served) -> None:
    hashed = watch.house.secrets.patient("demo", "b")
    assess(watch, "b", "light", days_ago=20)
    assess(watch, hashed, "heavy", days_ago=2)
    said = listed(officer)
    assert said["rows"][0]["need"]["segment"] == "heavy"
    assess(watch, "b", "light", days_ago=1)
    assert listed(officer)["rows"][0]["voucher_id"] == "k-interval"


def test_a_real_assessment_and_a_real_decision_are_found(officer: Asker, watch: Served) -> None:
    booking = watch.asked_by("booking-system")
    made = booking.answer({"patient_id": KNOWN})
    decided = "light" if made["segment"]["name"] == "heavy" else "heavy"
    choice = {"outcome": "overridden", "decided": decided, "reason_code": "patient-told-more"}
    assert booking.post(f"/v1/assessments/{made['id']}/decision", choice).status_code == 201
    [row] = [row for row in listed(officer)["rows"] if row["voucher_id"] == "k-known"]
    assert (row["need"]["assessment_id"], row["need"]["segment"]) == (made["id"], decided)
    assert row["need"]["suggested"] == made["segment"]["name"]


def test_with_no_champion_no_assessment_counts_and_the_list_says_so(watch: Served) -> None:
    assess(watch, "b", "heavy")
    with watch.house.vouchers.connect() as connection:
        said = overdue_list(
            connection, watch.house.ledger.database, watch.house.secrets, "demo",
            champion=None, segments=SEGMENTS, now=NOW, at_most=9,
        )  # fmt: skip
    assert [row.voucher_id for row in said.rows] == list(OVERDUE)
    assert (said.ordered_by, said.fallback, said.model) == ("days_overdue", "no_champion", None)
    assert said.says.fi.startswith("Hyväksyttyä mallia ei ole")
    assert {row.says.en for row in said.rows} == {"No champion model: placed by days overdue."}


def test_the_list_may_be_shorter_than_all_and_says_how_many_there_are(officer: Asker) -> None:
    said = listed(officer, "?at_most=1")
    assert (said["total"], order(said)) == (3, ["k-interval"])
    assert officer.get(f"{PATH}?at_most=0").status_code == 422


def test_whose_data_was_seen_stands_in_the_audit_by_keyed_hash(officer: Asker, watch: Served) -> None:
    listed(officer, "?at_most=2")
    [line] = watch.lines()
    seen = [watch.house.secrets.patient("demo", one) for one in ("a", KNOWN)]
    assert all(one in line for one in seen)
    assert watch.house.secrets.patient("demo", "b") not in line
    assert KNOWN not in line


def test_a_voucher_that_was_used_meanwhile_is_off_the_list(officer: Asker, watch: Served) -> None:
    visit = {"at": "2026-11-21T12:15:00+02:00", "minutes": 40, "profession": "dentist"}
    care = {"voucher_id": "k-interval", "visits": [visit], "ends_care": False}
    assert watch.asked_by("provider").post("/v1/treatment-feedback", care).status_code == 201
    assert order(listed(officer)) == ["k-known", "k-other"]


def test_the_page_says_what_the_list_says(officer: Asker) -> None:
    for language in LANGUAGES:
        given = officer.get("/v1/vouchers/overdue.html", Accept_Language=language)
        assert "default-src 'none'" in given.headers["content-security-policy"]
        for sentence in (LIST["no_assessment"][language], ROW["no_assessment"][language], PAGE[language]["title"]):
            assert sentence in unescape(given.text)
        assert given.text.count('scope="row"') == 3


def row(patient: str, days: int) -> Overdue:
    breached = NOW.date() - timedelta(days=days - 1)
    return Overdue(f"{patient}{days}", "r", 1, "k", patient, None, "d", "{}", breached, days)


def need(segment: str) -> Need:
    return Need("id", segment, segment, decided=False, as_of=NOW, visits=1, at_least_heavy=0, model="", features="",
                rules="")  # fmt: skip


@given(
    days=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 400)), unique=True, max_size=12),
    known=st.dictionaries(st.sampled_from("abcde"), st.sampled_from(SEGMENTS.names)),
)
def test_the_order_is_total_and_keeps_its_promises(days: list[tuple[str, int]], known: dict[str, str]) -> None:
    rows = [row(*one) for one in days]
    needs = {patient: need(segment) for patient, segment in known.items()}
    ordered = in_order(rows, needs, SEGMENTS)
    assert sorted(one.alert_id for one in ordered) == sorted(one.alert_id for one in rows)
    assert ordered == in_order(rows[::-1], needs, SEGMENTS)
    for before, after in pairwise(ordered):
        one, other = known.get(before.patient_id), known.get(after.patient_id)
        if one == other:
            assert before.days >= after.days
        elif one is None:
            assert other != SEGMENTS.names[-1]
        elif other is None:
            assert one == SEGMENTS.names[-1]
        else:
            assert SEGMENTS.names.index(one) > SEGMENTS.names.index(other)

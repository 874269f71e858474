"""Who may call, feedback, and calls from a browser."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from records.database import Database
from records.database.connection import engine
from serving.cds.discovery import BOOKING, VIEW
from serving.house import House
from serving.keys import demo_key
from serving.release import Release
from serving.settings import Settings
from serving.storage.ledger import comment_name
from serving.tenants import DEMO_ISSUER, Tenant
from serving.tokens import signed
from tests.rows import patient
from tests.serving.asker import NOW, URL, asker, bearer
from tests.serving.cds import PATIENT_ID, Client, client_of, listed, with_issuer
from tests.serving.test_audit import lines

CALL = f"/cds-services/{BOOKING}"


@pytest.fixture(scope="module")
def client(release: Release, house: House) -> Client:
    return client_of(release, listed(house))


def test_a_call_without_a_token_made_out_to_it_is_refused_without_a_word(client: Client, house: House) -> None:
    key = demo_key(house.settings.keys)
    wrong = [None, "Basic eDp5", "Bearer", "Bearer x", bearer(house, "booking-system")["Authorization"]]
    wrong += [f"Bearer {signed(key, DEMO_ISSUER, aud, NOW)}" for aud in
              (URL, f"{URL}{CALL}/feedback", f"{URL}/cds-services/{VIEW}", f"https://test{CALL}")]  # fmt: skip
    wrong += [f"Bearer {signed(key, 'https://evil.example', URL + CALL, NOW)}"]
    for header in wrong:
        given = client.asker.of({"Authorization": header} if header else {}).post(CALL, client.body())
        assert (given.status_code, given.content) == (401, b"")


@pytest.mark.parametrize("other", ["Bearer x", "Basic eDp5", ""])
def test_of_several_tokens_none_is_chosen(client: Client, other: str) -> None:
    body = json.dumps(client.body()).encode()
    for order in (1, -1):
        sent = [("Authorization", f"Bearer {client.token(CALL)}"), ("Authorization", other)][::order]
        given = client.asker.of({}).request("POST", CALL, content=body, headers=sent)
        assert (given.status_code, given.content) == (401, b"")


def test_an_issuer_without_the_scope_is_forbidden(release: Release, house: House) -> None:
    demo = listed(house)
    issuer = demo.directory.issuers[DEMO_ISSUER]
    without = replace(demo.directory, issuers={DEMO_ISSUER: replace(issuer, scopes=frozenset({"assess"}))})
    given = client_of(release, replace(demo, directory=without)).call()
    assert (given.status_code, given.content) == (403, b"")


def test_a_token_opens_one_call_for_all_workers(release: Release, house: House) -> None:
    """Two workers of one service: two openings of the same databases."""
    settings = house.settings
    second = House.open(settings)
    try:
        clients = [client_of(release, listed(one)) for one in (house, second)]
        token = {"Authorization": f"Bearer {clients[0].token(CALL)}"}
        statuses = [one.post(CALL, one.body(), token).status_code for one in (*clients, *clients)]
        assert statuses == [200, 401, 401, 401]
    finally:
        second.close()


def test_a_refused_call_spends_its_token_too(client: Client) -> None:
    token = {"Authorization": f"Bearer {client.token(CALL)}"}
    assert client.post(CALL, b"{", token).status_code == 400
    assert client.post(CALL, client.body(), token).status_code == 401


def test_when_the_database_is_away_it_is_said_so(release: Release, own_house: House) -> None:
    client = client_of(release, listed(own_house))
    reached = engine(own_house.settings.database)
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE kept_spent_tokens RENAME TO away"))
    assert client.call().status_code == 503
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO kept_spent_tokens"))
    assert client.call().status_code == 200
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE kept_cards RENAME TO away"))
    assert client.call().status_code == 503
    assert feedback(client, "x").status_code == 503
    reached.dispose()


def feedback(client: Client, *cards: str, service: str = BOOKING, **more: Any) -> Any:
    items = [{"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid4())}],
              "outcomeTimestamp": "2026-11-22T08:00:00Z", **more} for card in cards]  # fmt: skip
    return client.post(f"/cds-services/{service}/feedback", {"feedback": items})


def test_feedback_is_kept_beside_the_card_though_it_contradicts_itself(client: Client, house: House) -> None:
    card = client.cards()[0]
    taken = card["suggestions"][0]["uuid"]
    first = feedback(client, card["uuid"], acceptedSuggestions=[{"id": taken}, {"id": "<b>"}, 7])
    assert (first.status_code, first.content) == (200, b"")
    reason = {"reason": {"code": "patient-wish", "system": "x"}, "userComment": "Zq7Sentinel sanoi"}
    assert feedback(client, card["uuid"], outcome="overridden", acceptedSuggestions=None, overrideReason=reason,
                    outcomeTimestamp="2026-11-22T11:00:00+02:00").status_code == 200  # fmt: skip
    kept = house.ledger.feedback(card["uuid"])
    assert [(one["outcome"], one["suggestions"], one["reason_code"]) for one in kept] == [
        ("accepted", taken, None), ("overridden", "", "patient-wish"),
    ]  # fmt: skip
    assert kept[1]["outcome_at"] == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert kept[0]["received_at"] == NOW
    assert house.ledger.vault.content(comment_name(kept[1]["id"])) == b"Zq7Sentinel sanoi"
    assert house.ledger.vault.content(comment_name(kept[0]["id"])) is None


def test_feedback_on_cards_of_others_is_nobody_s(client: Client, release: Release, house: House) -> None:
    card = client.cards()[0]["uuid"]
    other = client_of(release, with_issuer(listed(house), "other", Tenant("other")))
    other.issuer = "other"
    assert feedback(other, card).status_code == 200
    assert feedback(client, str(uuid4()), "a\0b").status_code == 200
    assert house.ledger.feedback(card) == []


def test_a_uuid_may_be_spelled_in_capitals(client: Client, house: House) -> None:
    card = client.cards()[0]
    taken = card["suggestions"][0]["uuid"]
    assert feedback(client, card["uuid"].upper(), acceptedSuggestions=[{"id": taken.upper()}]).status_code == 200
    assert [one["suggestions"] for one in house.ledger.feedback(card["uuid"])] == [taken]


def test_feedback_comes_in_batches_and_odd_parts_of_it_are_left_aside(client: Client, house: House) -> None:
    cards = [client.cards()[0]["uuid"] for _ in range(3)]
    odd = {"acceptedSuggestions": "x", "overrideReason": [], "outcomeTimestamp": "yesterday", "more": {}}
    assert feedback(client, *cards, **odd).status_code == 200
    assert feedback(client, cards[0], overrideReason={"reason": "plain words, not a code", "userComment": 5},
                    outcomeTimestamp=None).status_code == 200  # fmt: skip
    kept = house.ledger.feedback(cards[0])
    assert (kept[0]["reason_code"], kept[0]["outcome_at"], kept[0]["suggestions"]) == (None, None, "")
    assert [len(house.ledger.feedback(card)) for card in cards] == [2, 1, 1]
    assert feedback(client).status_code == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "feedback"),
        ({"feedback": {}}, "feedback"),
        ({"feedback": [{}] * 101}, "feedback"),
        ({"feedback": [5]}, "feedback[0]"),
        ({"feedback": [{"outcome": "accepted"}]}, "feedback[0].card"),
        ({"feedback": [{"card": "x", "outcome": "ignored"}]}, "feedback[0].outcome"),
        ({"feedback": [{"card": "x", "outcome": "overridden", "overrideReason": {"userComment": "x" * 10_001}}]},
         "feedback[0].overrideReason.userComment"),
        ([], "body"),
    ],
)  # fmt: skip
def test_feedback_without_what_is_needed_is_refused(client: Client, body: object, where: str) -> None:
    given = client.post(f"{CALL}/feedback", body)
    assert given.status_code == 400
    assert given.json()["errors"][0]["where"] == where


def test_calls_and_feedback_are_audited_without_the_patient(
    release: Release, own_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(release, listed(own_house))
    card = client.cards()[0]["uuid"]
    client.cards(context={"userId": f"Patient/{PATIENT_ID}"})
    feedback(client, card)
    found = lines(own_house)
    assert [one["subtype"][0]["code"] for one in found] == ["hook", "hook", "feedback"]
    assert [one["purposeOfEvent"][0]["coding"][0]["code"] for one in found] == ["TREAT", "PATRQT", "TREAT"]
    whom = own_house.secrets.patient("demo", PATIENT_ID)
    users = [one["agent"][1]["who"]["identifier"]["value"] for one in found[:2]]
    assert users == ["Practitioner/7", f"Patient/{whom}"]
    assert all(one["entity"][0]["what"]["identifier"]["value"] == whom for one in found)
    calls = [one["entity"][-1]["what"]["identifier"] for one in found[:2]]
    assert calls == [{"system": "urn:tarve:hook-instance", "value": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"}] * 2
    assert PATIENT_ID not in json.dumps(found) + caplog.text


@pytest.fixture
def with_records(tmp_path: Any) -> Iterator[House]:
    settings = replace(Settings.under(tmp_path, None, URL), records=f"sqlite:///{tmp_path / 'records.db'}")
    with Database.open(str(settings.records)) as database, database.transaction() as connection:
        from records.database import add

        add(connection, {"patients": [patient(PATIENT_ID)]})
    house = House.open(settings)
    yield house
    house.close()


def test_a_patient_whom_the_record_database_holds_is_kept_as_that_one(release: Release, with_records: House) -> None:
    client = client_of(release, with_records)
    client.cards()
    history = with_records.ledger.database.read_patient(PATIENT_ID)
    assert history is not None
    assert history["assessments"].num_rows == 1


def test_a_call_fails_plainly_when_the_record_database_does(release: Release, with_records: House) -> None:
    client = client_of(release, with_records)
    reached = engine(str(with_records.settings.records))
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE patients RENAME TO away"))
    reached.dispose()
    given = client.call()
    assert given.status_code == 503
    assert asker(release, with_records).faults({"patient_id": "x"}, 503)


def test_browsers_of_listed_origins_may_call(release: Release, house: House) -> None:
    client = client_of(release, listed(house, origins=("https://booking.example.fi",)))
    asked = {"Origin": "https://booking.example.fi", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}  # fmt: skip
    before = client.asker.of({}).request("OPTIONS", CALL, headers=asked)
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == "https://booking.example.fi"
    assert "access-control-allow-credentials" not in before.headers
    given = client.call(headers={"Origin": "https://booking.example.fi"})
    assert given.headers["access-control-allow-origin"] == "https://booking.example.fi"
    for path in (CALL, "/cds-services", "/v1/assess"):
        evil = client.asker.of({}).request("OPTIONS", path, headers=asked | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in evil.headers
    refused = client.asker.of({}).request("POST", CALL, headers={"Origin": "https://booking.example.fi"})
    assert refused.status_code == 401


def test_a_service_without_listed_origins_answers_no_browser(client: Client) -> None:
    asked = {"Origin": "https://booking.example.fi", "Access-Control-Request-Method": "POST"}
    given = client.asker.of({}).request("OPTIONS", CALL, headers=asked)
    assert "access-control-allow-origin" not in given.headers

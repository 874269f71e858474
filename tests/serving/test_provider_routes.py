"""What a provider does over HTTP: reads its portal, reports care, and takes a report back the same day."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from alerts.reading import read_vouchers
from records.clock import instant
from serving.__main__ import main
from serving.tenants import DEMO_ISSUER, Tenant
from serving.vouchers import examples
from tests.serving.asker import NOW, Asker
from tests.serving.test_access import other_tenant
from tests.serving.watched import Served, faults, message, report_care

FEEDBACK = "/v1/treatment-feedback"
VISIT = {"at": "2026-11-20T12:15:00+02:00", "minutes": 40, "profession": "dentist",
         "procedures": [{"code": "SFA20", "tooth": 36, "surfaces": "MO"}]}  # fmt: skip
CARE = {"voucher_id": "k-used", "visits": [VISIT], "ends_care": False}


@pytest.fixture
def provider(watch: Served) -> Asker:
    return watch.asked_by("provider")


def visits(reached: Engine, now: datetime = NOW + timedelta(days=9)) -> int:
    with reached.connect() as connection:
        return len(read_vouchers(connection, now).visits)


def test_a_provider_reads_its_own_messages_in_its_language_and_marks_them(provider, watch) -> None:
    told = provider.get("/v1/portal/messages", Accept_Language="sv")
    assert (told.status_code, told.headers["content-language"]) == (200, "sv")
    said = told.json()
    assert said["unread"] == len(said["messages"]) == 1
    [one] = said["messages"]
    assert (one["voucher_id"], one["subject"], one["current"], one["read_at"]) == (
        "k-interval", "visit_interval", True, None)  # fmt: skip
    assert "sedel" in one["text"].lower()
    name = one["message_id"]
    for _ in range(2):
        assert provider.post(f"/v1/portal/messages/{name}/read", {}).json() == {"message_id": name}
    again = provider.get("/v1/portal/messages").json()
    assert again["unread"] == 0
    assert datetime.fromisoformat(again["messages"][0]["read_at"]) == NOW


def test_another_providers_messages_and_vouchers_are_not_there(provider, watch) -> None:
    other = watch.asked_by("provider", provider="q")
    assert other.get("/v1/portal/messages").json() == {"unread": 0, "messages": []}
    name = message(watch.house, "sent", "portal")
    refused = other.post(f"/v1/portal/messages/{name}/read", {})
    assert faults(refused) == [(404, "message_id", "there is no such message")]
    assert faults(other.post(FEEDBACK, CARE)) == [(404, "voucher_id", "there is no such voucher")]
    mine = provider.post(FEEDBACK, CARE).json()["feedback_id"]
    for given in (other.get(f"{FEEDBACK}/{mine}"), other.post(f"{FEEDBACK}/{mine}/cancel", {})):
        assert faults(given) == [(404, "feedback_id", "there is no such treatment feedback")]
    unknown = other.get(f"{FEEDBACK}/{'0' * 32}")
    assert unknown.content == other.get(f"{FEEDBACK}/{mine}").content


def test_care_that_is_reported_becomes_visits_and_can_be_taken_back(provider, watch) -> None:
    before = visits(watch.house.vouchers)
    given = provider.post(FEEDBACK, CARE)
    assert given.status_code == 201
    said = given.json()
    assert (said["voucher_id"], said["state"], said["cancel_until"]) == (
        "k-used", "active", "2026-11-23T00:00:00+02:00")  # fmt: skip
    assert visits(watch.house.vouchers) == before + 1
    name = said["feedback_id"]
    assert provider.get(f"{FEEDBACK}/{name}").json() == said
    cancelled = provider.post(f"{FEEDBACK}/{name}/cancel", {"reason": "another voucher was meant"})
    assert cancelled.json() == {"feedback_id": name, "events": 2}
    assert visits(watch.house.vouchers) == before
    assert provider.get(f"{FEEDBACK}/{name}").json()["state"] == "cancelled"
    again = provider.request("POST", f"{FEEDBACK}/{name}/cancel")
    assert faults(again) == [(409, "feedback_id", "this treatment feedback was cancelled before")]
    corrected = provider.post(FEEDBACK, CARE | {"corrects": name})
    assert corrected.status_code == 201
    assert [deed for _, _, deed in watch.deeds() if deed.startswith("feedback")] == [
        "feedback_sent", "feedback_cancelled", "feedback_cancel_refused", "feedback_sent"]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "asked", "status"),
    [
        ("2026-11-22T23:59:59.999999", "2026-11-22T23:59:59.999999", 200),
        ("2026-11-22T00:00", "2026-11-22T23:59:59.999999", 200),
        ("2026-11-22T23:59:59.999999", "2026-11-23T00:00", 409),
        ("2026-10-25T00:30", "2026-10-25T23:59", 200),
        ("2026-10-25T23:30", "2026-10-26T00:00", 409),
        ("2027-03-28T00:30", "2027-03-28T23:59", 200),
        ("2027-03-28T23:30", "2027-03-29T00:00", 409),
    ],
)
def test_a_provider_may_cancel_until_midnight_in_finland(watch, sent, asked, status) -> None:
    care = {"voucher_id": "k-used" if sent > "2026-11" else "k-interval", "visits": [], "ends_care": True}
    watch.now = instant(sent)
    given = watch.asked_by("provider").post(FEEDBACK, care)
    assert given.status_code == 201, given.text
    name = given.json()["feedback_id"]
    watch.now = instant(asked)
    assert watch.asked_by("provider").post(f"{FEEDBACK}/{name}/cancel", {}).status_code == status
    until = datetime.fromisoformat(given.json()["cancel_until"])
    assert (instant(asked) < until) == (status == 200)


TOO_LATE = {
    "fi": "Hoitopalautteen voi perua itse vain lähetyspäivänä (22.11.2026). Perumista voi pyytää: kaupungin"
    " palvelusetelitiimi.",
    "sv": "Avsändaren kan återkalla en vårdrespons bara på sändningsdagen (22.11.2026). Be om återkallelse: stadens"
    " servicesedelteam.",
    "en": "A sender can cancel a treatment feedback only on the day it was sent (22 November 2026). Ask the city's"
    " voucher team to do it.",
}


def test_the_day_after_a_provider_is_told_whom_to_ask(watch: Served) -> None:
    name = report_care(watch.house)
    watch.now += timedelta(days=1)
    later = watch.asked_by("provider")
    for language, said in {**TOO_LATE, "de": TOO_LATE["fi"]}.items():
        given = later.post(f"{FEEDBACK}/{name}/cancel", {}, Accept_Language=language)
        assert faults(given) == [(409, "feedback_id", said)]
    assert ("provider", "feedback_cancel_refused") in {(role, deed) for role, _, deed in watch.deeds()}


def test_what_is_sent_again_under_its_key_is_taken_once(provider, watch) -> None:
    before = visits(watch.house.vouchers)
    given = [provider.post(FEEDBACK, CARE, Idempotency_Key="a-1") for _ in range(3)]
    assert {one.status_code for one in given} == {201}
    assert len({one.content for one in given}) == 1
    assert visits(watch.house.vouchers) == before + 1
    other = provider.post(FEEDBACK, CARE | {"ends_care": True}, Idempotency_Key="a-1")
    assert faults(other) == [(422, "Idempotency-Key", "another treatment feedback was sent under this key")]
    name = given[0].json()["feedback_id"]
    provider.post(f"{FEEDBACK}/{name}/cancel", {})
    assert provider.post(FEEDBACK, CARE, Idempotency_Key="a-1").json()["state"] == "cancelled"
    assert visits(watch.house.vouchers) == before
    # Keys of two providers are two keys.
    another = watch.asked_by("provider", provider="q")
    assert another.post(FEEDBACK, CARE | {"voucher_id": "k-q"}, Idempotency_Key="a-1").status_code == 201


def test_without_a_key_the_same_visit_is_not_taken_twice(provider) -> None:
    assert provider.post(FEEDBACK, CARE).status_code == 201
    assert faults(provider.post(FEEDBACK, CARE)) == [(422, "body", "a visit was reported before")]


PRIVATE = "010171-123A"


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        (CARE | {"visits": [VISIT | {"at": "2026-11-20T12:15"}]}, "visits[0].at",
         "is a time without an offset, as +02:00"),
        (CARE | {"visits": [VISIT | {"at": PRIVATE}]}, "visits[0].at", "is not an ISO 8601 time"),
        (CARE | {"visits": [VISIT | {PRIVATE: 1}]}, "visits[0]", "holds a member that is not known"),
        (CARE | {PRIVATE: 1}, "body", "holds a member that is not known"),
        (CARE | {"voucher_id": f"k\0{PRIVATE}"}, "voucher_id", "is not valid"),
        (CARE | {"voucher_id": 7}, "voucher_id", "must be text"),
        (CARE | {"visits": [VISIT] * 101}, "visits", "holds too many"),
        (CARE | {"ends_care": PRIVATE}, "ends_care", "must be true or false"),
        (CARE | {"visits": []}, "body", "neither a visit nor the end of the care is reported"),
        (CARE | {"corrects": "0" * 32}, "body", "the feedback to be corrected is none of this voucher's"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_of_it_repeated(provider, watch, body, where, what) -> None:
    given = provider.post(FEEDBACK, body)
    assert faults(given) == [(422, where, what)]
    assert PRIVATE not in given.text + "".join(watch.lines())


def test_a_name_that_is_none_of_ours_gets_nowhere(provider, watch) -> None:
    assert faults(provider.get(f"{FEEDBACK}/{PRIVATE}")) == [
        (404, "feedback_id", "there is no such treatment feedback")
    ]
    assert provider.post(f"/v1/portal/messages/{PRIVATE}/read", {}).status_code == 404
    assert PRIVATE not in "".join(watch.lines())


def test_a_token_speaks_for_no_provider_that_its_issuer_may_not_name(watch) -> None:
    for named in ({"provider": None}, {"provider": ""}, {"provider": 7}, {"provider": ["p"]}):
        assert watch.asked_by("provider", **named).get("/v1/portal/messages").status_code == 403
    directory = watch.house.directory
    for providers, status in ((frozenset(), 403), (frozenset({"q"}), 403), (frozenset({"p", "q"}), 200)):
        issuer = replace(directory.issuers[DEMO_ISSUER], providers=providers)
        limited = replace(watch.house, directory=replace(directory, issuers={DEMO_ISSUER: issuer}))
        assert watch.asked_by("provider", limited).get("/v1/portal/messages").status_code == status


def test_vouchers_are_one_tenants_alone(watch) -> None:
    directory = watch.house.directory
    issuer = replace(directory.issuers[DEMO_ISSUER], tenant=Tenant("other"))
    other = replace(watch.house, directory=replace(directory, issuers={DEMO_ISSUER: issuer}))
    without = replace(watch.house, vouchers=None)
    for house in (other, without):
        for path in ("/v1/portal/messages", f"{FEEDBACK}/{'0' * 32}"):
            assert faults(watch.asked_by("provider", house).get(path)) == [
                (404, "", "this service knows of no vouchers of yours")
            ]
    assert other_tenant(watch.release, without).post("/v1/receipts", {"state": "failed", "id": "x"}).status_code == 404


def test_every_act_stands_in_both_audits_under_one_pseudonym(provider, watch) -> None:
    name = provider.post(FEEDBACK, CARE).json()["feedback_id"]
    provider.post(f"{FEEDBACK}/{name}/cancel", {})
    provider.get("/v1/portal/messages")
    [who] = {who for role, who, _ in watch.deeds() if role == "provider"}
    written = watch.lines()
    assert len(written) == 3
    assert all(f'"{who}"' in line and '"demo"' in line for line in written)
    for deed, line in zip(("report-care", "cancel-treatment-feedback", "read-portal"), written, strict=True):
        assert f'"code":"{deed}"' in line
    assert name in written[1]
    assert who != "anna"


def test_a_database_that_is_away_is_told_plainly(provider, watch, monkeypatch, caplog) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("secret"))

    monkeypatch.setattr(Engine, "connect", broken)
    given = provider.post(FEEDBACK, CARE)
    assert faults(given) == [(503, "", "the database cannot be reached now; try again")]
    assert "secret" not in given.text + caplog.text


def test_the_examples_of_the_document_are_taken(provider, watch) -> None:
    for one in examples.FEEDBACK.values():
        given = provider.post(FEEDBACK, one["value"])
        assert faults(given) == [(404, "voucher_id", "there is no such voucher")]  # only the voucher is made up


def test_a_token_from_the_command_line_names_the_provider_or_is_not_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TARVE_KEYS", str(tmp_path / "keys"))
    assert main(["token", "--role", "provider"]) == 1
    assert "--provider" in capsys.readouterr().err
    assert main(["token", "--role", "provider", "--provider", "p"]) == 0
    claims = json.loads(base64.urlsafe_b64decode(capsys.readouterr().out.split(".")[1] + "=="))
    assert (claims["provider"], claims["scope"]) == ("p", "portal treatment-feedback")

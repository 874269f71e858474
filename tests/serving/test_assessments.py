"""Assessments are kept: read again as JSON and as FHIR, by those who may, and asked for many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from serving import examples
from serving.house import House
from serving.release import Release
from serving.wire import MOST_ITEMS
from tests.serving.asker import KNOWN, NOW, Asker, asker, authority, bearer, kept_bytes, posted

FHIR = "application/fhir+json"


def kept(api: Asker, question: dict[str, Any] | None = None) -> dict[str, Any]:
    return api.answer(posted() if question is None else question)


def test_an_assessment_is_read_again_as_it_was_answered(api: Asker) -> None:
    answer = kept(api)
    again = api.get(f"/v1/assessments/{answer['id']}")
    assert again.status_code == 200
    assert again.headers["cache-control"] == "no-store"
    assert again.json() == answer | {"made_at": "2026-11-22T08:00:00Z", "decisions": []}


def test_its_name_is_random(api: Asker) -> None:
    first, second = (UUID(kept(api)["id"]) for _ in range(2))
    assert first.version == second.version == 4
    assert first != second


@pytest.mark.parametrize("name", ["nothing", "..", "3f2b8c1e-6d1f-4a57-9a53-0d9f3f6c1b2a", "%00", "A" * 5000])
def test_what_is_not_there_is_not_found(api: Asker, name: str) -> None:
    given = api.get(f"/v1/assessments/{name}")
    assert given.status_code == 404


def test_an_assessment_is_a_record_event_that_others_read(api: Asker, house: House) -> None:
    answer = kept(api, {"patient_id": KNOWN, "as_of": examples.AS_OF, "unit": "Keskusta"})
    history = house.ledger.database.read_patient(KNOWN)
    assert history is not None
    [event] = [row for row in history["assessments"].to_pylist() if row["event_id"] == answer["id"]]
    assert event["event_time"] == datetime.fromisoformat(examples.AS_OF)
    assert event["recorded_at"] == NOW
    assert event["source"] == "tarve/demo"
    assert event["suggested"] == answer["segment"]["name"]
    assert event["at_least_heavy"] == answer["probabilities"]["heavy"]
    assert event["at_least_moderate"] == pytest.approx(1 - answer["probabilities"]["light"])
    assert (event["visits"], event["minutes"]) == (answer["visits"]["total"], answer["minutes"]["total"])
    assert (event["history_days"], event["unit"], event["language"]) == (47, "Keskusta", None)
    model = answer["model"]
    assert (event["model_version"], event["features_version"]) == ("tarve-need 1", model["features"])
    assert event["rules_version"] == model["rules"]


def test_without_an_estimate_the_event_estimates_nothing(api: Asker, house: House) -> None:
    answer = kept(api, {"patient_id": "P000124"})
    history = house.ledger.database.read_patient("P000124")
    assert history is not None
    [event] = [row for row in history["assessments"].to_pylist() if row["event_id"] == answer["id"]]
    names = ("suggested", "at_least_moderate", "at_least_heavy", "members", "visits", "minutes", "history_days")
    assert [event[name] for name in names] == [None] * 7


def test_a_caller_s_own_name_for_a_patient_is_kept_as_a_keyed_hash_only(api: Asker, house: House) -> None:
    question = posted()
    question["patient"] |= {"reference": "Patient/Zq7Sentinel", "language": "sv"}
    one, other = kept(api, question), kept(api, question)
    hashed = house.secrets.patient("demo", "Patient/Zq7Sentinel")
    history = house.ledger.database.read_patient(hashed)
    assert history is not None
    assert {one["id"], other["id"]} <= set(history["assessments"]["event_id"].to_pylist())
    assert set(history["assessments"]["language"].to_pylist()) == {"sv"}
    assert house.secrets.patient("another", "Patient/Zq7Sentinel") != hashed
    assert b"Zq7Sentinel" not in kept_bytes(house)


def test_patients_without_a_name_of_theirs_are_strangers_to_each_other(api: Asker, house: House) -> None:
    ids = {kept(api)["id"] for _ in range(2)}
    stored = [house.ledger.find(name) for name in ids]
    assert len({one.patient_id for one in stored if one}) == 2


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"unit": "<b>Keskusta</b>"}, "unit"),
        ({"unit": "x" * 65}, "unit"),
        ({"unit": 5}, "unit"),
        ({"patient": {"birth_date": None, "language": "Finnish"}}, "patient.language"),
        ({"patient": {"birth_date": None, "reference": ""}}, "patient.reference"),
        ({"patient": {"birth_date": None, "reference": "x" * 300}}, "patient.reference"),
        ({"as_of": "1999-12-31", "patient": {"birth_date": None}}, "as_of"),
    ],
)
def test_odd_names_and_moments_are_refused(api: Asker, members: dict[str, Any], where: str) -> None:
    [fault] = api.faults(posted() | members)
    assert fault["where"] == where


def test_too_little_history_is_an_answer_with_its_age(api: Asker) -> None:
    old = api.answer(posted() | {"as_of": "2033-01-01"})
    assert (old["status"], old["segment"], old["follow_ups"]) == ("too_little_history", None, None)
    assert old["history"]["age_days"] == 2279
    assert old["first_appointment"]["kind"] == "examination"
    assert old["pathway"]["name"] == "need_at_first_visit"
    question = posted()
    question["history"] = {"contacts": question["history"]["contacts"]}
    never_came = api.answer(question)
    assert (never_came["status"], never_came["history"]["age_days"]) == ("too_little_history", 55)
    assert "too old" in never_came["says"]["en"]


def test_it_is_a_fhir_risk_assessment_for_those_who_ask(api: Asker) -> None:
    answer = kept(api)
    given = api.get(f"/v1/assessments/{answer['id']}", accept=FHIR, accept_language="en")
    assert given.headers["content-type"] == FHIR
    assert given.headers["content-language"] == "en"
    resource = given.json()
    assert (resource["resourceType"], resource["id"], resource["status"]) == ("RiskAssessment", answer["id"], "final")
    assert resource["subject"]["identifier"]["system"] == "urn:tarve:patient"
    assert resource["occurrenceDateTime"] == "2026-11-22T08:00:00.000+00:00"
    shares = {one["outcome"]["coding"][0]["code"]: one["probabilityDecimal"] for one in resource["prediction"]}
    assert shares == {name: round(100 * share, 2) for name, share in answer["probabilities"].items()}
    assert all(one["whenPeriod"]["end"] == "2027-11-22T08:00:00.000+00:00" for one in resource["prediction"])
    reasoned = [one for one in resource["prediction"] if "rationale" in one]
    assert [one["outcome"]["coding"][0]["code"] for one in reasoned] == [answer["segment"]["name"]]
    assert answer["reasons"][0]["text"]["en"] in reasoned[0]["rationale"]
    assert len(resource["extension"]) == 2
    assert resource["method"]["text"].startswith("tarve-need 1, features ")
    assert "birth" not in given.text


def test_fhir_without_an_estimate_predicts_nothing_and_leaves_out_what_is_empty(api: Asker) -> None:
    answer = kept(api, {"patient_id": "P000124"})
    resource = api.get(f"/v1/assessments/{answer['id']}", accept=FHIR, accept_language="sv").json()
    assert "prediction" not in resource
    assert "extension" not in resource
    assert resource["note"] == [{"text": answer["says"]["sv"]}]
    assert list(empty(resource)) == []


def test_the_last_moment_of_the_calendar_has_nothing_after_it(api: Asker) -> None:
    name = kept(api, posted() | {"as_of": "9999-12-31T23:59:59+00:00"})["id"]
    assert api.get(f"/v1/assessments/{name}", accept=FHIR).json()["occurrenceDateTime"].startswith("9999-12-31")


def empty(value: object) -> Any:
    if value in (None, "", [], {}):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from empty(inner)


@pytest.mark.parametrize(
    ("accept", "fhir"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/fhir+json", True),
        ("application/fhir+json; fhirVersion=4.0", True),
        ("application/fhir+json, */*;q=0.1", True),
        ("application/fhir+json, */*", True),
        ("*/*, application/fhir+json;q=0.1", False),
        ("text/html, application/fhir+json ; Q=0.1", True),
        ("application/json, application/fhir+json;q=0.9", False),
        ("application/json;q=0.5, application/fhir+json;q=0.9", True),
        ("application/fhir+json;q=0", False),
        ("application/fhir+json;q=nonsense, application/json", False),
        ("text/html", False),
    ],
)
def test_the_form_is_the_one_that_is_preferred(api: Asker, accept: str, fhir: bool) -> None:
    name = kept(api)["id"]
    given = api.get(f"/v1/assessments/{name}", accept=accept)
    assert (given.headers["content-type"] == FHIR) == fhir
    assert "Accept" in given.headers["vary"]


def test_a_caller_for_one_patient_sees_that_one_only(api: Asker, house: House) -> None:
    known = kept(api, {"patient_id": KNOWN})["id"]
    question = posted()
    question["patient"]["reference"] = "77"
    hashed, stranger = kept(api, question)["id"], kept(api)["id"]
    clinician = api.of(bearer(house, "clinician", patient=KNOWN))
    assert [clinician.get(f"/v1/assessments/{name}").status_code for name in (known, hashed)] == [200, 404]
    launched = api.of(bearer(house, "clinician", patient="77"))
    assert [launched.get(f"/v1/assessments/{name}").status_code for name in (known, hashed)] == [404, 200]
    assert launched.post(f"/v1/assessments/{known}/decision", {"outcome": "accepted"}).status_code == 404
    nobody = api.of(bearer(house, "clinician"))
    assert [nobody.get(f"/v1/assessments/{name}").status_code for name in (known, stranger)] == [404, 404]


def test_many_are_assessed_at_once_each_for_itself(api: Asker) -> None:
    wrong = posted()
    wrong["history"]["visits"][1]["minutes"] = "45"
    many = {"history": {"visits": [{}] * 20_001}, "patient": {"birth_date": None}}
    items = [posted(), wrong, {"patient_id": "nobody"}, {"patient_id": KNOWN}, 7, many, {"patient_id": "P000124"}]
    given = api.post("/v1/assess/batch", {"items": items})
    assert given.status_code == 200
    answered = given.json()["items"]
    assert [one["position"] for one in answered] == list(range(7))
    assert [one["answer"] and one["answer"]["status"] for one in answered] == [
        "assessed", None, None, "assessed", None, None, "no_history"
    ]  # fmt: skip
    places = [one["errors"][0]["where"] if one["errors"] else None for one in answered]
    assert places == [None, "items[1].history.visits[1].minutes", "items[2].patient_id", None, "items[4]",
                      "items[5].history", None]  # fmt: skip
    assert answered[4]["errors"][0]["what"] == "must be a JSON object"
    assert answered[0]["answer"] | {"id": ""} == api.answer(posted()) | {"id": ""}
    assert api.get(f"/v1/assessments/{answered[3]['answer']['id']}").status_code == 200


@pytest.mark.parametrize("body", [{"items": []}, {"items": [{}] * (MOST_ITEMS + 1)}, {}, {"items": {}}, []])
def test_a_batch_of_nothing_or_too_much_is_refused(api: Asker, body: object) -> None:
    assert api.post("/v1/assess/batch", body).status_code == 422


def test_a_tenant_without_records_knows_no_patient(release: Release, house: House) -> None:
    from dataclasses import replace

    from serving.keys import demo_key
    from serving.tenants import demo_directory

    directory = demo_directory(demo_key(house.settings.keys))
    [(name, issuer)] = directory.issuers.items()
    without = replace(directory, issuers={name: replace(issuer, tenant=replace(issuer.tenant, records=False))})
    api = asker(release, replace(house, directory=without)).of(authority(house))
    assert api.faults({"patient_id": KNOWN}, 404)[0]["where"] == "patient_id"


def test_follow_ups_pathway_and_interval_come_with_an_estimate(api: Asker) -> None:
    answer = kept(api)
    assert answer["pathway"]["ways"]
    assert all(one["count"] >= 1 and one["minutes"] in {20, 30, 45, 60, 90} for one in answer["follow_ups"])
    assert len(answer["examination_interval"]["months"]) == 2
    child = posted()
    child["patient"]["birth_date"] = "2015-01-01"
    child["history"]["diagnoses"] = []
    young = api.answer(child)
    assert young["examination_interval"] is None
    assert not {"voucher", "purchased_slot"} & {way["name"] for way in young["pathway"]["ways"]}
    special = posted()
    special["patient"]["special_needs"] = True
    assert [way["name"] for way in api.answer(special)["pathway"]["ways"]] == ["own_clinic"]

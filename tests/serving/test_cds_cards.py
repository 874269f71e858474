"""CDS Hooks: discovery, and cards as a booking system and a patient record get them."""

from __future__ import annotations

import copy
import itertools
import json
import logging
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from features.families import LANGUAGES
from models.segments import read_tables
from serving.advice import override_reasons
from serving.cds.call import Call
from serving.cds.cards import Desktop, changed_appointment, detail
from serving.cds.discovery import BOOKING, HOOKS, VIEW, WANTED
from serving.cds.phrases import MOST_LETTERS, PHRASES, phrase, plain, summary
from serving.house import House
from serving.release import Release
from serving.tenants import Tenant
from serving.wire import Notice, read_answer
from serving.words import PROFESSIONS, language_of
from tests.serving.asker import Asker, posted
from tests.serving.cds import (
    APPOINTMENT,
    LAUNCH,
    PATIENT_ID,
    Client,
    bundle,
    client_of,
    condition,
    encounter,
    listed,
    moment,
    procedure,
    record,
    with_issuer,
)


@pytest.fixture(scope="module")
def client(release: Release, house: House) -> Client:
    return client_of(release, listed(house, smart_launch=LAUNCH))


def test_discovery_is_open_and_names_one_service_a_hook(client: Client) -> None:
    given = client.asker.get("/cds-services")
    assert given.status_code == 200
    services = given.json()["services"]
    assert {one["id"]: one["hook"] for one in services} == HOOKS
    assert len({one["id"] for one in services}) == len({one["hook"] for one in services}) == 2
    for service in services:
        assert set(service["prefetch"]) == set(WANTED)
        assert all("{{context.patientId}}" in template for template in service["prefetch"].values())
        assert service["description"]
        assert service["title"]


def test_a_call_gives_a_card_with_a_suggestion_and_a_link_alone_on_its_card(client: Client) -> None:
    main, link = client.cards()
    assert main["selectionBehavior"] == "at-most-one"
    assert "links" not in main
    assert [one["code"] for one in main["overrideReasons"]] == list(override_reasons())
    [suggestion] = main["suggestions"]
    assert suggestion["isRecommended"] is True
    assert [action["type"] for action in suggestion["actions"]] == ["update"]
    assert {"suggestions", "overrideReasons", "detail"}.isdisjoint(link)
    [only] = link["links"]
    assert (only["type"], only["url"]) == ("smart", LAUNCH)
    assert len({main["uuid"], link["uuid"], suggestion["uuid"]}) == 3


def test_the_link_s_context_names_the_assessment(client: Client, api: Asker) -> None:
    [context] = [card["links"][0]["appContext"] for card in client.cards() if "links" in card]
    kept = api.get(f"/v1/assessments/{json.loads(context)['assessment']}").json()
    assert kept["status"] == "assessed"
    assert kept["history"]["events_seen"] == 6


def test_a_suggestion_echoes_the_whole_appointment_and_changes_only_what_it_may(client: Client) -> None:
    [suggestion] = client.cards()[0]["suggestions"]
    changed = suggestion["actions"][0]["resource"]
    assert set(changed) == set(APPOINTMENT) | {"specialty"}
    same = set(APPOINTMENT) - {"minutesDuration", "end", "serviceType"}
    assert {name: changed[name] for name in same} == {name: APPOINTMENT[name] for name in same}
    assert changed["serviceType"][:-1] == APPOINTMENT["serviceType"]
    assert changed["serviceType"][-1]["coding"][0]["system"] == "http://test/fhir/first-appointment"
    assert changed["specialty"][-1]["coding"][0]["code"] == "dentist"
    length = moment(changed["end"]) - moment(changed["start"])
    assert length == timedelta(minutes=changed["minutesDuration"])
    assert changed["end"].endswith("+02:00")


def test_an_appointment_that_fits_needs_no_suggestion(client: Client) -> None:
    [suggestion] = client.cards()[0]["suggestions"]
    changed = suggestion["actions"][0]["resource"]
    again = client.cards(context={"appointments": bundle(changed)})
    assert "suggestions" not in again[0]
    assert "Ehdotettu aika vastaa suositusta" in again[0]["detail"]


@pytest.mark.parametrize(
    "wrapped",
    [
        bundle,
        lambda one: [one],
        lambda one: [{"resource": one}],
        lambda one: one,
        lambda one: bundle(one, entry=[{"fullUrl": "urn:uuid:1", "resource": one}, {}, None, 7]),
        lambda one: [None, 7, [], {}, {"resourceType": "Slot"}, one],
    ],
)
def test_appointments_come_in_a_bundle_or_bare(client: Client, wrapped: Any) -> None:
    [suggestion] = client.cards(context={"appointments": wrapped(APPOINTMENT)})[0]["suggestions"]
    assert suggestion["actions"][0]["resource"]["id"] == "apt-1"


@pytest.mark.parametrize("appointments", [..., None, [], {}, "x", bundle(), {"resourceType": "Bundle", "entry": 5},
                                          [{**APPOINTMENT, "id": None}]])  # fmt: skip
def test_without_an_appointment_that_can_be_named_nothing_is_suggested(client: Client, appointments: object) -> None:
    card = client.cards(context={"appointments": appointments})[0]
    assert "suggestions" not in card
    assert card["summary"]


OTHER = {**APPOINTMENT, "participant": [{"actor": {"reference": "Patient/other"}}]}


@pytest.mark.parametrize("user", ["Practitioner/7", f"Patient/{PATIENT_ID}"])
@pytest.mark.parametrize("one", [OTHER, {**APPOINTMENT, "id": None}, {**APPOINTMENT, "status": "cancelled"}])
def test_of_an_appointment_that_is_not_looked_at_it_is_not_said_that_it_fits(
    client: Client, one: dict[str, Any], user: str
) -> None:
    card = client.cards(context={"appointments": [one], "userId": user})[0]
    assert "suggestions" not in card
    assert "Ehdotettu aika" not in card.get("detail", "")


@pytest.mark.parametrize("status", ["arrived", "checked-in", "fulfilled", "cancelled", "noshow", "entered-in-error"])
def test_nothing_is_changed_about_an_appointment_that_is_over(client: Client, status: str) -> None:
    over = {**APPOINTMENT, "id": "apt-0", "status": status, "start": "2026-11-30T09:00:00+02:00"}
    [suggestion] = client.cards(context={"appointments": bundle(over, APPOINTMENT)})[0]["suggestions"]
    assert suggestion["actions"][0]["resource"]["id"] == "apt-1"


@pytest.mark.parametrize("status", ["proposed", "pending", "booked", "waitlist", None, 7, ["x"]])
def test_an_appointment_in_any_other_state_may_be_changed(client: Client, status: object) -> None:
    [suggestion] = client.cards(context={"appointments": [{**APPOINTMENT, "status": status}]})[0]["suggestions"]
    assert suggestion["actions"][0]["resource"]["status"] == status


@pytest.mark.parametrize("number", ["1.10", "1E-2", "12345678901234567890.123456789", "1e400", "9" * 5_000, "-0.0"])
def test_a_number_is_echoed_as_it_is_spelled(client: Client, number: str) -> None:
    body = json.dumps(client.body(context={"appointments": [{**APPOINTMENT, "extension": "here"}]}))
    given = client.post(f"/cds-services/{BOOKING}", body.replace('"here"', f'{{"a":[{number}]}}').encode())
    assert given.status_code == 200, given.text
    assert f'"extension":{{"a":[{number}]}}' in given.text


def test_numbers_that_cannot_be_kept_exactly_are_kept_as_well_as_can_be(client: Client) -> None:
    def given(number: str, more: str = "null", comment: str = "") -> dict[str, Any]:
        one = {**APPOINTMENT, "comment": comment, "priority": "here"}
        body = json.dumps(client.body(context={"appointments": [one]}, more="there"))
        filled = body.replace('"here"', number).replace('"there"', more)
        answered = client.post(f"/cds-services/{BOOKING}", filled.encode())
        assert answered.status_code == 200, answered.text
        card: dict[str, Any] = answered.json()["cards"][0]
        return card

    deep = "[" * 1_000 + "]" * 1_000
    for card in (given("1.10", comment="\ud83d"), given("1.10", more=deep)):
        assert card["suggestions"][0]["actions"][0]["resource"]["priority"] == 1.1
    assert "suggestions" not in given("1e400", comment="\ud83d")
    assert given("[" * 700 + "1.10" + "]" * 700)["summary"]


def test_an_appointment_that_is_nested_deeply_is_echoed_or_left_alone(client: Client) -> None:
    body = json.dumps(client.body(context={"appointments": [{**APPOINTMENT, "extension": "here"}]}))
    for depth, is_echoed in ((400, True), (990, False)):
        nested = "[" * depth + "]" * depth
        given = client.post(f"/cds-services/{BOOKING}", body.replace('"here"', nested).encode())
        assert given.status_code == 200
        assert ("suggestions" in given.json()["cards"][0]) == is_echoed
        assert (nested in given.text.replace(" ", "")) == is_echoed


def test_a_text_that_was_cut_in_the_middle_of_a_letter_fails_nothing(client: Client) -> None:
    cut = {**APPOINTMENT, "comment": "pelkää \ud83d", "description": "😀"}
    note = {**procedure(1, "2026-01-01", "SFA20"), "note": [{"text": "\udc00"}]}
    body = json.dumps(client.body(context={"appointments": [cut]}, prefetch=record(procedures=bundle(note))))
    given = client.post(f"/cds-services/{BOOKING}", body.encode())
    assert given.status_code == 200, given.text
    echoed = given.json()["cards"][0]["suggestions"][0]["actions"][0]["resource"]
    assert (echoed["comment"], echoed["description"]) == (cut["comment"], cut["description"])
    assert client.post(f"/cds-services/{BOOKING}", b"\xef\xbb\xbf" + body.encode()).status_code == 200
    person = client.body(context={"patientId": "\ud83d"}, prefetch=record(patient=None))
    assert client.post(f"/cds-services/{BOOKING}", json.dumps(person).encode()).status_code == 200
    for wrong in (b'{"a": "\\ud83d"', b'["\\ud83d"]', b"\xef\xbb\xbf" + b"[" * 50_000):
        assert client.post(f"/cds-services/{BOOKING}", wrong).status_code == 400


def test_the_next_question_stands_on_the_card_of_staff(asking: Release, house: House) -> None:
    client = client_of(asking, listed(house))
    assert "Ask next: Do you have toothache" in client.cards(headers={"Accept-Language": "en"})[0]["detail"]
    by_patient = client.cards(context={"userId": f"Patient/{PATIENT_ID}"}, headers={"Accept-Language": "en"})
    assert "toothache" not in json.dumps(by_patient)


def test_the_first_appointment_in_time_is_the_one_to_change(client: Client) -> None:
    later = {**APPOINTMENT, "id": "apt-2", "start": "2026-12-03T09:00:00+02:00"}
    undated = {name: one for name, one in APPOINTMENT.items() if name not in {"start", "end"}} | {"id": "apt-3"}
    other = {**APPOINTMENT, "id": "apt-4", "start": "2026-11-30T09:00:00Z",
             "participant": [{"actor": {"reference": "Patient/another"}}]}  # fmt: skip
    card = client.cards(context={"appointments": [later, undated, other, APPOINTMENT]})[0]
    assert card["suggestions"][0]["actions"][0]["resource"]["id"] == "apt-1"
    card = client.cards(context={"appointments": [undated]})[0]
    assert set(card["suggestions"][0]["actions"][0]["resource"]) == {*undated, "specialty"}


ODD_APPOINTMENT = {
    "participant": ["x", {"actor": "y"}, {"actor": {"reference": 5}}],
    "serviceType": "T60",
    "specialty": [{"coding": ["x", {"system": 3}]}, {"coding": 5}, 5],
    "minutesDuration": "ten",
    "start": "soon",
    "end": 7,
}


@pytest.mark.parametrize("member", ODD_APPOINTMENT)
def test_odd_members_of_an_appointment_never_fail_a_call(client: Client, member: str) -> None:
    odd = {**APPOINTMENT, member: ODD_APPOINTMENT[member]}
    [suggestion] = client.cards(context={"appointments": [odd]})[0]["suggestions"]
    assert suggestion["actions"][0]["resource"]["minutesDuration"] in {20, 30, 45, 60}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-12-01T09:00:00Z", "2026-12-01T09:30:00Z"),
        ("2026-12-01T09:00:00.000Z", "2026-12-01T09:30:00Z"),
        ("2026-12-01T09:00:00.250+02:00", "2026-12-01T09:30:00.250000+02:00"),
        ("2026-12-31T23:45:00-05:00", "2027-01-01T00:15:00-05:00"),
        ("2026-12-01T09:00:00", "2026-12-01T09:30:00"),
        ("2026-12-01", "x"),
        ("2026-12-01T25:00:00Z", "x"),
        ("9999-12-31T23:59:00Z", "x"),
    ],
)
def test_the_end_follows_the_start_and_is_spelled_like_it(api: Asker, start: str, end: str) -> None:
    given = read_answer(api.ask({"patient_id": "P000124"}).content)
    proposed = {**APPOINTMENT, "start": start, "end": "x"}
    assert changed_appointment(proposed, given, Desktop("fi", "http://test", Tenant("x")))["end"] == end


def test_patient_view_tells_and_suggests_nothing(client: Client) -> None:
    main, link = client.cards(VIEW)
    assert "suggestions" not in main
    assert main["detail"]
    assert link["links"]


def test_without_a_page_to_link_to_there_is_no_link(release: Release, house: House) -> None:
    [card] = client_of(release, listed(house)).cards(VIEW)
    assert "links" not in card


@pytest.mark.parametrize(
    ("header", "tenant", "spoken"),
    [
        ("en", "fi", "en"),
        ("sv-FI, fi;q=0.5", "fi", "sv"),
        ("de, en;q=0.3, fi;q=0.8", "sv", "fi"),
        ("de", "sv", "sv"),
        ("", "sv", "sv"),
        ("*", "fi", "fi"),
        ("fi;q=0, en;q=0.1", "sv", "en"),
        ("en;q=x", "fi", "fi"),
        ("EN-gb", "fi", "en"),
        ("en ; q=0.5, sv ; q=0.8", "fi", "sv"),
        ("fi;Q=0.1, en", "sv", "en"),
        ("en;q=nan, sv;q=0.1", "fi", "sv"),
    ],
)
def test_the_language_is_asked_for_or_the_tenant_s(header: str, tenant: Any, spoken: str) -> None:
    assert language_of(header, tenant) == spoken


@pytest.mark.parametrize(("language", "word"), [("fi", "varaa"), ("sv", "boka"), ("en", "book")])
def test_cards_speak_the_language_of_the_call(client: Client, language: str, word: str) -> None:
    given = client.call(headers={"Accept-Language": language})
    assert given.headers["content-language"] == language
    assert "Accept-Language" in given.headers["vary"]
    assert word in given.json()["cards"][0]["summary"]


def test_every_summary_is_short_enough_in_every_language() -> None:
    """Of all tables of segments, all professions and the largest numbers."""
    for table, language in itertools.product(read_tables(), LANGUAGES):
        firsts = [segment.first for segment in table.segments] + [table.without_history]
        for segment, first, who in itertools.product(table.segments, firsts, PROFESSIONS):
            values = {"segment": segment.label[language], "percent": "100 %", "appointment": first.label[language],
                      "who": PROFESSIONS[who][language], "minutes": 120}  # fmt: skip
            for name in ("assessed", "no_history", "too_little_history", "for_patient"):
                text = phrase(name, language, **values)
                assert len(text) <= MOST_LETTERS, text
                assert summary(text).endswith("min")
    assert all(label[language].strip() for label in PHRASES.values() for language in LANGUAGES)


def test_a_summary_that_a_table_makes_too_long_is_cut_and_says_so() -> None:
    text = summary("x" * 200)
    assert len(text) == MOST_LETTERS
    assert text.endswith("…")


def test_no_history_and_too_little_are_cards_too(client: Client) -> None:
    nothing = record(encounters=None, procedures=bundle(), conditions=None, observations=None)
    card = client.cards(prefetch=nothing, headers={"Accept-Language": "en"})[0]
    assert card["summary"].startswith("No care on record: book oral examination, dentist, 30 min")
    assert card["suggestions"][0]["actions"][0]["resource"]["minutesDuration"] == 30
    old = record(encounters=bundle(encounter(1, "2015-01-02")), procedures=None, conditions=None)
    card = client.cards(prefetch=old, headers={"Accept-Language": "en"})[0]
    assert card["summary"].startswith("Too little or too old records: book")


@pytest.mark.parametrize("user", ["Patient/pat-1", "RelatedPerson/9", "https://x.fi/fhir/Patient/pat-1", "Device/1",
                                  "nobody", "", None, 7, ..., "Practitioner/<b>"])  # fmt: skip
def test_who_is_no_professional_is_told_neither_probabilities_nor_reasons(client: Client, user: object) -> None:
    [card] = client.cards(context={"userId": user}, headers={"Accept-Language": "en"})
    assert card["summary"].startswith("We recommend this appointment for you: ")
    assert card["suggestions"][0]["actions"][0]["resource"]["minutesDuration"] > 10
    assert {"detail", "overrideReasons", "links"}.isdisjoint(card)
    told = json.dumps(card).replace(json.dumps(APPOINTMENT)[1:-1], "")
    assert "%" not in told
    assert not re.search(r"light|moderate|heavy|raises|lowers|need for care[^\"]", told)
    assert client.cards(VIEW, context={"userId": user}) == []


@pytest.mark.parametrize(
    "user", ["Practitioner/7/_history/2", "Practitioner/7", "PractitionerRole/8", "https://x.fi/fhir/Practitioner/7"]
)
def test_professionals_are_told_why(client: Client, user: str) -> None:
    card = client.cards(context={"userId": user}, headers={"Accept-Language": "en"})[0]
    assert "%" in card["summary"]
    assert "- " in card["detail"]
    assert "A person decides" in card["detail"].replace("\\", "")


MARK_UP = "<img src=x onerror=alert(1)> [a](http://evil.example) **b** `c` # d\n- e | f ![g](h) &lt; www.evil.example"


def test_text_is_shown_letter_by_letter() -> None:
    shown = plain(MARK_UP)
    assert "<" not in shown
    assert "\n" not in shown
    assert "://" not in shown
    assert not re.search(r"(?<!\\)[\[\]()*`#|!]", shown.replace("&#", ""))


def test_text_of_a_record_never_reaches_a_detail_unescaped(api: Asker) -> None:
    given = read_answer(api.ask(posted()).content)
    odd = (Notice(table=MARK_UP, says=MARK_UP, rows=1),)
    for language in LANGUAGES:
        text = detail(replace(given, notices=odd), language)
        assert "<img" not in text
        assert "](" not in text
        assert "www.evil" not in text


def everywhere(value: object, put: str, kept: tuple[str, ...]) -> Any:
    """A resource with every text replaced that is not needed to read it."""
    if isinstance(value, dict):
        return {name: one if name in kept else everywhere(one, put, kept) for name, one in value.items()}
    if isinstance(value, list):
        return [everywhere(one, put, kept) for one in value]
    return put if isinstance(value, str) else value


def test_words_in_a_record_stay_in_it(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kept = ("resourceType", "reference", "status", "start", "end", "performedDateTime", "recordedDate", "birthDate",
            "id", "system", "code", "type", "entry")  # fmt: skip
    texts = {"note": [{"text": MARK_UP}], "text": {"div": MARK_UP}, "category": [{"text": MARK_UP}]}
    resources = [{**one, **texts} for one in (encounter(1, "2025-01-02"), procedure(1, "2025-01-02", "SFA10"),
                                             condition(1, "2025-01-02", "K02.1"))]  # fmt: skip
    given = client.call(prefetch=record(**{name: everywhere(bundle(one), MARK_UP, kept) for name, one in
                                           zip(("encounters", "procedures", "conditions"), resources, strict=True)},
                                        patient={**record()["patient"], "name": [{"text": MARK_UP}]}))  # fmt: skip
    assert given.status_code == 200
    assert "evil" not in given.text
    assert "evil" not in "".join(one.getMessage() for one in caplog.records if one.name != "httpx")


def test_codes_of_a_record_that_are_mark_up_stay_in_it(client: Client) -> None:
    odd = bundle(procedure(1, "2025-01-02", "<b>X</b>"), {"resourceType": "<b>Thing</b>"}, {"resourceType": "Matti"})
    card = client.cards(prefetch=record(procedures=odd))[0]
    assert "<b>" not in json.dumps(card)


def test_special_arrangements_are_told(client: Client) -> None:
    special = bundle(procedure(1, "2025-01-02", "WYA30"))
    card = client.cards(prefetch=record(procedures=special), headers={"Accept-Language": "en"})[0]
    assert "special arrangements" in card["detail"]


def test_resources_of_another_patient_are_left_out_and_counted(client: Client) -> None:
    stranger = {**encounter(9, "2026-10-07"), "subject": {"reference": "Patient/other"}}
    unnamed = {name: one for name, one in encounter(8, "2026-10-08").items() if name != "subject"}
    several = bundle(encounter(1, "2025-01-02"), stranger, unnamed)
    card = client.cards(prefetch=record(encounters=several), headers={"Accept-Language": "en"})[0]
    assert "rows of another patient were left out" in card["detail"]
    assert "Visits in" not in card["detail"] or "3" not in card["detail"].split("recorded events")[0][-3:]
    assert "45 days ago" in card["detail"]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fi", ["löydökset: ei annettu eikä voitu hakea", "historia: 1 toisen potilaan tietoja jätettiin pois",
                "toimenpiteet: 1 useita hampaita", "käynnit: 1, tapahtunut arviointihetkellä tai sen jälkeen"]),
        ("sv", ["fynd: gavs inte och kunde inte hämtas", "historik: 1 uppgifter om en annan patient lämnades bort",
                "åtgärder: 1 flera tänder", "besök: 1, inträffade vid eller efter tidpunkten"]),
        ("en", ["observations: was not given and could not be fetched",
                "history: 1 rows of another patient were left out", "procedures: 1 several teeth",
                "visits: 1, it happened at or after the moment"]),
    ],
)  # fmt: skip
def test_what_is_odd_about_a_record_is_told_in_the_language_of_the_card(
    client: Client, language: str, told: list[str]
) -> None:
    stranger = {**encounter(9, "2026-10-07"), "subject": {"reference": "Patient/other"}}
    fdi = "urn:iso:std:iso:3950"
    two = {**procedure(1, "2025-01-02", "SFA20"), "bodySite": [{"coding": [{"system": fdi, "code": "11"}]},
                                                              {"coding": [{"system": fdi, "code": "12"}]}]}  # fmt: skip
    given = record(
        encounters=bundle(encounter(1, "2025-01-02"), encounter(2, "2027-01-02"), stranger),
        procedures=bundle(two),
        observations=...,
    )
    detail = client.cards(prefetch=given, headers={"Accept-Language": language})[0]["detail"]
    for one in told:
        assert f"- {one}" in detail.splitlines()


def test_a_birth_date_to_come_is_not_known(client: Client) -> None:
    unborn = {**record()["patient"], "birthDate": "2030-01-01"}
    assert client.cards(prefetch=record(patient=unborn))[0]["summary"]


def test_tenants_do_not_see_each_other_s_assessments(release: Release, house: House, api: Asker) -> None:
    other = with_issuer(listed(house), "other", Tenant("other", smart_launch=LAUNCH))
    client = client_of(release, other)
    client.issuer = "other"
    [context] = [card["links"][0]["appContext"] for card in client.cards() if "links" in card]
    assert api.get(f"/v1/assessments/{json.loads(context)['assessment']}").status_code == 404


def test_the_call_that_was_read_says_who_sits_there() -> None:
    call = Call("a", ("Practitioner", "7"), (), {}, None, None, None)
    assert call.is_by_staff
    assert not Call("a", None, (), {}, None, None, None).is_by_staff


def test_bodies_are_not_changed_by_reading(client: Client) -> None:
    before = copy.deepcopy(APPOINTMENT)
    client.cards()
    assert before == APPOINTMENT
    assert client.body(BOOKING)["context"]["patientId"] == PATIENT_ID

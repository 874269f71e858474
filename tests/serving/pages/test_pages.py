"""The pages as HTML: sign in, find, book, ask, decide, read why; no script, and no patient where none belongs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.database import DatabaseError
from serving.access import DEMO_ROLES
from serving.api import create_app
from serving.house import House
from serving.keys import demo_passwords
from serving.known import Known
from serving.pages.sessions import Sessions
from serving.release import Release
from serving.reviews import verify
from serving.tenants import Directory
from tests.serving.asker import KNOWN, NOW, asker, kept_bytes, posted
from tests.serving.interviews import ITEMS, planned
from tests.serving.visitor import Visitor, hidden, text_of, token_of

Visit = Callable[..., Visitor]
UNKNOWN, EMPTY = "P-nobody", "P000124"
LANGUAGES = ("fi", "sv", "en")


def test_who_has_not_signed_in_is_led_to_where_that_is_done(visit: Visit) -> None:
    given = visit().get("/pages")
    assert (given.status_code, given.headers["location"]) == (303, "/pages/sign-in")


def test_a_user_of_the_demo_signs_in_and_out(visit: Visit) -> None:
    somebody = visit().sign_in("agent")
    assert "Find a patient" in text_of(somebody.get("/pages"))
    before = dict(somebody.client.cookies)
    given = somebody.send("/pages/sign-out", {}, "/pages")
    assert given.headers["location"] == "/pages/sign-in"
    assert somebody.get("/pages").status_code == 303
    somebody.client.cookies.update(before)
    assert somebody.get("/pages").status_code == 303, "the session has ended here, not only in the browser"


@pytest.mark.parametrize(("user", "given"), [("agent", "wrong"), ("nobody", "-"), ("", ""), ("agent", "\N{SNOWMAN}")])
def test_a_wrong_name_or_password_is_one_and_the_same_refusal(visit: Visit, user: str, given: str) -> None:
    stranger = visit()
    answer = stranger.send("/pages/sign-in", {"user": user, "password": given})
    assert answer.status_code == 401
    assert "The user name or the password is wrong." in text_of(answer)
    assert stranger.get("/pages").status_code == 303


@pytest.mark.parametrize("role", ["agent", "clinician", "officer", "operator", "data-scientist"])
def test_everybody_sees_what_the_role_is_for(visit: Visit, role: str) -> None:
    said = text_of(visit(role).get("/pages"))
    assert ("Find a patient" in said) == (role in {"agent", "clinician"})
    assert "Sign out" in said


def test_without_the_demo_nobody_signs_in_here(knowing: Release, house: House) -> None:
    closed = replace(house, directory=Directory(house.directory.tenants, {}))
    stranger = Visitor(create_app(knowing, closed, lambda: NOW), closed)
    page = stranger.get("/pages/sign-in")
    assert "patient record system" in text_of(page)
    assert 'type="password"' not in page.text
    form = {"user": "agent", "password": demo_passwords(house.settings.keys, DEMO_ROLES)["agent"]}
    given = stranger.send("/pages/sign-in", form | {"token": stranger.form_token(of_visitor=True)})
    assert given.status_code == 404
    assert stranger.get("/pages").status_code == 303


def test_an_agent_finds_a_patient_and_is_told_what_to_book(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    assert re.fullmatch(r"/pages/assessments/[0-9a-f-]{36}", path)
    page = agent.get(path)
    said = text_of(page)
    for words in ("What to book", "First appointment", "Of a hundred patients like this", "Pathway", "Reasons"):
        assert words in said
    assert KNOWN not in page.text
    assert "Reasons and history" not in said


@pytest.mark.parametrize(
    ("patient", "status", "says"),
    [(UNKNOWN, 404, "No patient has this identifier"), ("  ", 422, "No patient has this identifier"),
     ("x" * 500, 422, "No patient has this identifier"), ("<b>", 404, "No patient has this identifier")],
)  # fmt: skip
def test_a_patient_who_is_not_there_is_not_repeated(visit: Visit, patient: str, status: int, says: str) -> None:
    given = visit("agent").send("/pages/find", {"patient": patient}, "/pages")
    assert given.status_code == status
    assert says in text_of(given)
    assert patient.strip() not in given.text or not patient.strip()


def test_a_store_that_cannot_be_read_is_said_to_be_so(knowing: Release, house: House) -> None:
    bare = replace(house, known=Known(None))
    given = Visitor(create_app(knowing, bare, lambda: NOW), bare).enter("agent").send(
        "/pages/find", {"patient": KNOWN}, "/pages")  # fmt: skip
    assert given.status_code == 503
    assert "cannot be read now" in text_of(given)


def test_no_history_is_said_first_and_decided_without_a_suggestion(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(EMPTY)
    page = agent.get(path)
    said = text_of(page)
    assert "There is no history" in said
    assert "Ask about the need in the interview" in said
    assert "Accept the suggestion" not in said
    form = {"outcome": "overridden", "decided": "moderate", "reason": "no-suggestion"}
    assert agent.send(f"{path}/decision", form, path).status_code == 303
    assert "It was decided otherwise" in text_of(agent.get(path))


def test_an_old_history_is_worth_a_question(knowing: Release, house: House) -> None:
    later = NOW.replace(year=2028)
    agent = Visitor(create_app(knowing, house, lambda: later), house)
    agent.sign_in("agent")
    assert "The latest record is 2 years old" in text_of(agent.get(agent.find(KNOWN)))


def test_a_suggestion_is_accepted_with_one_form_and_changed_with_another(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    page = agent.get(path)
    accepted = {"outcome": "accepted", "key": hidden(page, "key"), "supersedes": ""}
    for _ in range(2):
        given = agent.send(f"{path}/decision", accepted, path)
        assert (given.status_code, given.headers["location"]) == (303, f"{path}#decision")
    page = agent.get(path)
    assert "The suggestion was accepted" in text_of(page)
    others = re.findall(r'name="decided" value="(\w+)"', page.text)
    assert len(others) == 2
    form = {"outcome": "overridden", "decided": others[0], "reason": "patient-told-more", "comment": "sore",
            "supersedes": hidden(page, "supersedes")}  # fmt: skip
    assert agent.send(f"{path}/decision", form, path).status_code == 303
    said = text_of(agent.get(path))
    assert "It was decided otherwise" in said
    assert "The patient told something that is not on record" in said
    assert "Earlier decisions" in said
    assert "sore" not in said


def test_what_was_decided_meanwhile_is_shown(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    agent.send(f"{path}/decision", {"outcome": "accepted"}, path)
    other = re.findall(r'name="decided" value="(\w+)"', agent.get(path).text)[0]
    given = agent.send(f"{path}/decision", {"outcome": "overridden", "decided": other, "reason": "other"}, path)
    assert given.status_code == 409
    assert "Somebody has decided meanwhile" in text_of(given)


@pytest.mark.parametrize(
    ("form", "status"),
    [({"outcome": "overridden", "decided": "light"}, 422), ({"outcome": "maybe"}, 400), ({}, 400),
     ({"outcome": "overridden", "decided": "light", "reason": "because"}, 400),
     ({"outcome": "overridden", "decided": "none", "reason": "other"}, 400)],
)  # fmt: skip
def test_a_decision_that_says_too_little_is_none(visit: Visit, form: dict[str, str], status: int) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    given = agent.send(f"{path}/decision", form, path)
    assert given.status_code == status
    assert "Error" in text_of(given)
    assert "was accepted" not in text_of(agent.get(path))


def test_an_answer_updates_the_assessment_and_names_the_next_question(visit: Visit) -> None:
    agent = visit("agent")
    path, asked = agent.find(EMPTY), []
    for _ in range(3):
        page = agent.get(path)
        asked.append(hidden(page, "question"))
        value = re.search(r'<button name="value" value="([^"]+)"', page.text)
        least = re.search(r'type="number"[^>]* min="([^"]+)"', page.text)
        form = {"question": asked[-1], "value": least[1] if least else value[1]}
        given = agent.send(f"{path}/answers", form, path)
        assert given.status_code == 303
        assert given.headers["location"].endswith("#question")
        new = given.headers["location"].partition("#")[0]
        assert new != path
        path = new
    assert len(set(asked)) == 3
    assert "Answered (3)" in text_of(agent.get(path))


def test_whoever_would_not_answer_is_not_asked_again(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(EMPTY)
    first = hidden(agent.get(path), "question")
    given = agent.send(f"{path}/answers", {"question": first, "value": "not-said"}, path)
    page = agent.get(given.headers["location"].partition("#")[0])
    assert hidden(page, "question") != first
    assert "Cannot or will not say" in text_of(page)


@pytest.mark.parametrize("value", ["", "soon", "99", "nan", "-1"])
def test_an_answer_that_is_none_is_asked_for_again(visit: Visit, value: str) -> None:
    agent = visit("agent")
    path = agent.find(EMPTY)
    question = hidden(agent.get(path), "question")
    given = agent.send(f"{path}/answers", {"question": question, "value": value}, path)
    assert given.status_code == 422
    assert "That is not one of the answers" in text_of(given)
    assert f'value="{question}"' in given.text


def test_a_number_is_an_answer_too(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(EMPTY)
    numbered = next(item for item in ITEMS.values() if item.number is not None)
    form = {"question": numbered.name, "value": f"{numbered.number.least:g},0"}
    given = agent.send(f"{path}/answers", form, path)
    said = text_of(agent.get(given.headers["location"].partition("#")[0]))
    assert f"{numbered.text.en} {numbered.number.least:g} {numbered.number.unit.en}" in said


def test_a_question_with_a_number_is_asked_with_its_bounds(
    visit: Visit, release_folder: Path, house: House, tmp_path: Path
) -> None:
    numbered = next(item for item in ITEMS.values() if item.number is not None)
    asking = Release.read(planned(release_folder, tmp_path / "release", (numbered.name,)))
    agent = Visitor(create_app(asking, house, lambda: NOW), house).enter("agent")
    page = agent.get(agent.find(EMPTY))
    assert f'min="{numbered.number.least:g}" max="{numbered.number.most:g}"' in page.text


def test_an_answer_of_a_question_that_is_asked_no_more_is_left_out(
    visit: Visit, release: Release, house: House
) -> None:
    agent = visit("agent")
    path = agent.find(EMPTY)
    form = {"question": hidden(agent.get(path), "question"), "value": "not-said"}
    path = agent.send(f"{path}/answers", form, path).headers["location"].partition("#")[0]
    newer = Visitor(create_app(release, house, lambda: NOW), house)
    newer.client.cookies = agent.client.cookies
    assert "Answered" not in text_of(newer.get(path))


def test_an_answer_to_a_question_that_is_none_is_refused(visit: Visit) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    assert agent.send(f"{path}/answers", {"question": "weather", "value": "1"}, path).status_code == 422


def test_a_clinician_reads_why_how_sure_and_from_what(visit: Visit) -> None:
    clinician = visit("clinician")
    path = clinician.find(KNOWN)
    assert path.endswith("/reasons")
    page = clinician.get(path)
    said = text_of(page)
    for words in ("Can be changed", "Cannot be changed", "What would have to differ", "How sure this is",
                  "What the model does not know", "History of care", "Records by year", "at least 90%",
                  "Nothing recorded: interview answers"):  # fmt: skip
        assert words in said
    assert KNOWN not in page.text
    assert page.text.count("<circle") >= 4


def test_the_timeline_and_its_table_say_the_same(visit: Visit) -> None:
    clinician = visit("clinician")
    page = clinician.get(clinician.find(KNOWN))
    count = int(re.search(r"Timeline \d+ to \d+: (\d+) records", page.text)[1])
    cells = re.findall(r"<td>(\d+)</td>", page.text.partition("Records by year")[2])
    assert sum(map(int, cells)) == count == 9


def test_a_clinician_of_the_demo_sees_the_patient_opened_last_and_no_other(visit: Visit) -> None:
    clinician = visit("clinician")
    first = clinician.find(KNOWN)
    second = clinician.find(EMPTY)
    assert clinician.get(first).status_code == 404
    assert "There is no such assessment" in text_of(clinician.get(first))
    page = clinician.get(second)
    assert page.status_code == 200
    assert "Nothing is recorded before the assessment." in text_of(page)


def test_a_clinician_who_was_launched_opens_nobody_else(visit: Visit) -> None:
    clinician = visit().enter("clinician", KNOWN, is_local=False)
    page = clinician.get("/pages")
    assert "Open the patient in the patient record system." in text_of(page)
    assert clinician.send("/pages/find", {"patient": EMPTY}, "/pages").status_code == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_facts_about_the_model_are_there_for_everybody(visit: Visit, language: str) -> None:
    said = text_of(visit("officer", language).get("/pages/model"))
    assert {"fi": "Mallin tiedot", "sv": "Modellfakta", "en": "Model facts"}[language] in said
    assert {"fi": "Varoitukset", "sv": "Varningar", "en": "Warnings"}[language] in said


def test_a_model_without_a_card_and_without_sets_says_so(release: Release, house: House) -> None:
    clinician = Visitor(create_app(release, house, lambda: NOW), house).enter("clinician")
    assert "The model came without a card." in text_of(clinician.get("/pages/model"))
    said = text_of(clinician.get(clinician.find(KNOWN)))
    assert "does not say between which limits" in said
    assert "lightest already" in said


@pytest.fixture
def busy(knowing: Release, house: House) -> str:
    """An assessment of a patient, known as `busy`, who has been through much."""
    question = posted()
    question["patient"]["reference"] = "busy"
    visit = question["history"]["visits"][0] | {"urgency": "emergency"}
    question["history"]["visits"] = [
        visit | {"event_id": f"w{week}", "event_time": str(NOW - timedelta(weeks=week))} for week in range(1, 10)
    ]
    answer = asker(knowing, house).answer(question)
    assert answer["segment"]["name"] == "heavy"
    return str(answer["id"])


def test_what_would_have_to_differ_is_an_association_and_no_advice(
    visit: Visit, busy: str, release: Release, house: House
) -> None:
    clinician = visit().enter("clinician", "busy")
    said = text_of(clinician.get(f"/pages/assessments/{busy}/reasons"))
    assert "not advice" in said or "Nothing was found among what can be changed" in said
    older = Visitor(create_app(release, house, lambda: NOW), house).enter("clinician", "busy")
    assert "cannot tell what would have to differ" in text_of(older.get(f"/pages/assessments/{busy}/reasons"))
    newer = Visitor(create_app(replace(release, version="2"), house, lambda: NOW), house).enter("clinician", "busy")
    said = text_of(newer.get(f"/pages/assessments/{busy}/reasons"))
    assert "The model has changed since" in said
    assert "at least 90%" not in said


def test_without_the_snapshot_the_rest_is_shown(
    visit: Visit, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clinician = visit("clinician")
    path = clinician.find(KNOWN)

    def away(_: str) -> None:
        raise DatabaseError("the vault is away")

    monkeypatch.setattr(house.ledger.vault, "content", away)
    said = text_of(clinician.get(path))
    assert "the history cannot be shown" in said
    assert "What the model does not know" in said
    assert "a snapshot cannot be read: the vault is away" in caplog.text


@pytest.mark.parametrize(
    "path", ["/pages/assessments/nothing", "/pages/assessments/3f2b8c1e-6d1f-4a57-9a53-0d9f3f6c1b2a"]
)
def test_an_assessment_that_is_not_there_is_a_page_that_says_so(visit: Visit, path: str) -> None:
    given = visit("agent").get(path)
    assert given.status_code == 404
    assert "There is no such assessment" in text_of(given)


@pytest.mark.parametrize("token", ["", "x", "ä" * 43])
def test_a_form_without_our_token_changes_nothing(visit: Visit, token: str) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    given = agent.send(f"{path}/decision", {"outcome": "accepted", "token": token})
    assert given.status_code == 403
    assert "The form is out of date" in text_of(given)
    assert "was accepted" not in text_of(agent.get(path))


def test_a_token_of_another_session_is_no_token(visit: Visit) -> None:
    agent, other = visit("agent"), visit("agent")
    given = agent.send("/pages/find", {"patient": KNOWN, "token": token_of(other.get("/pages"))})
    assert given.status_code == 403


def test_a_form_that_cannot_be_read_is_refused(visit: Visit) -> None:
    agent = visit("agent")
    for content in (b"\xff\xfe", b"&".join([b"a=1"] * 50)):
        assert agent.client.post("/pages/find", content=content).status_code == 400


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "ä.ö"])
def test_a_cookie_that_we_did_not_sign_is_nobodys(visit: Visit, cookie: str) -> None:
    stranger = visit()
    given = stranger.get("/pages", headers={"Cookie": f"tarve={cookie}".encode("latin-1")})
    assert given.status_code == 303


def test_a_session_ends_after_a_working_day(knowing: Release, house: House) -> None:
    agent = Visitor(create_app(knowing, house, lambda: NOW), house).sign_in("agent")
    later = Visitor(create_app(knowing, house, lambda: NOW.replace(hour=17)), house)
    later.client.cookies.update(dict(agent.client.cookies))
    assert agent.get("/pages").status_code == 200
    assert later.get("/pages").status_code == 303


def test_a_session_of_a_tenant_that_is_gone_has_ended(visit: Visit) -> None:
    assert visit().enter("agent", tenant="gone").get("/pages").status_code == 303


def test_without_the_database_a_page_says_so(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = visit("agent")

    def away(*_: object) -> None:
        raise DatabaseError("the database is away")

    token = token_of(agent.get("/pages"))
    monkeypatch.setattr(Sessions, "end", away)
    assert agent.send("/pages/sign-out", {"token": token}).status_code == 503
    monkeypatch.setattr(Sessions, "read", away)
    given = agent.get("/pages")
    assert given.status_code == 503
    assert "cannot reach its database" in text_of(given)


def test_a_decision_that_cannot_be_kept_is_said_to_be_so(
    visit: Visit, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = visit("agent")
    path = agent.find(KNOWN)
    token = token_of(agent.get(path))

    def away(*_: object) -> None:
        raise DatabaseError("the database is away")

    monkeypatch.setattr(house.ledger, "decide", away)
    given = agent.send(f"{path}/decision", {"outcome": "accepted", "token": token})
    assert given.status_code == 503
    assert "could not be kept" in text_of(given)
    monkeypatch.setattr(house.ledger.vault, "content", away)
    answered = agent.send(f"{path}/answers", {"token": token, "question": "pain", "value": "1"})
    assert answered.status_code == 503
    monkeypatch.setattr(house.ledger, "read", away)
    assert agent.get(path).status_code == 503
    assert agent.send(f"{path}/answers", {"token": token, "question": "pain", "value": "1"}).status_code == 503


def test_nothing_but_our_own_style_may_be_loaded(visit: Visit) -> None:
    agent = visit("agent")
    for path in ("/pages/sign-in", "/pages", agent.find(KNOWN), "/pages/model"):
        given = agent.get(path)
        policy = given.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert given.headers["cache-control"] == "no-store"
        assert given.headers["referrer-policy"] == "no-referrer"
        assert not re.search(r"<script|\sstyle=|\son\w+=|https?://", given.text)
        addresses = set(re.findall(r'(?:href|src|action)="([^"]*)"', given.text))
        assert {one for one in addresses if not one.startswith(("/pages", "#"))} == {"data:,"}
    style = visit().get("/pages/style.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text


def test_cookies_are_for_us_alone(visit: Visit) -> None:
    given = visit().get("/pages/sign-in").headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=lax" in given
    assert "Secure" not in given


def test_over_https_cookies_are_secure_and_in_a_listed_frame_they_may_be_sent(knowing: Release, house: House) -> None:
    safe = replace(house, settings=replace(house.settings, public_url="https://tarve.example.fi/care"))
    given = Visitor(create_app(knowing, safe, lambda: NOW), safe).get("/pages/sign-in")
    assert given.headers["set-cookie"].startswith("__Host-tarve-visitor=")
    assert "Secure" in given.headers["set-cookie"]
    assert 'action="/care/pages/sign-in"' in given.text
    tenant = replace(house.directory.tenants["demo"], frames=("https://ehr.example.fi",))
    framed = replace(safe, directory=replace(house.directory, tenants={"demo": tenant}))
    given = Visitor(create_app(knowing, framed, lambda: NOW), framed).get("/pages/sign-in")
    assert given.headers["set-cookie"].endswith("SameSite=none; Secure; Partitioned")
    assert "frame-ancestors https://ehr.example.fi" in given.headers["content-security-policy"]


def test_a_language_is_chosen_by_link_and_remembered(visit: Visit) -> None:
    somebody = visit(language="de, sv;q=0.8")
    assert 'lang="sv"' in somebody.get("/pages/sign-in").text
    assert somebody.get("/pages/sign-in?language=fi").headers["content-language"] == "fi"
    assert somebody.get("/pages/sign-in").headers["content-language"] == "fi"
    assert somebody.get("/pages/sign-in?language=xx").headers["content-language"] == "sv"


def test_after_a_form_the_links_to_other_languages_lead_to_a_page(visit: Visit) -> None:
    given = visit("agent").send("/pages/find", {"patient": UNKNOWN}, "/pages")
    assert 'href="/pages?language=sv"' in given.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("patient", [KNOWN, EMPTY])
def test_every_page_is_wholly_in_its_language(visit: Visit, language: str, patient: str) -> None:
    clinician = visit("clinician", language)
    path = clinician.find(patient)
    for address in (path, path.removesuffix("/reasons"), "/pages", "/pages/model"):
        page = clinician.get(address)
        assert f'<html lang="{language}">' in page.text
        headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page.text)
        assert headings
        assert not re.search(r"\{\w*\}|None|undefined", page.text)
        for one, next_one in pairwise(re.findall(r"<h(\d)", page.text)):
            assert int(next_one) <= int(one) + 1, "no level of headings is skipped"


def test_no_patient_is_in_an_address_a_log_or_a_cookie(
    knowing: Release, own_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clinician = Visitor(create_app(knowing, own_house, lambda: NOW), own_house).sign_in("clinician")
    addresses = [clinician.find(KNOWN), clinician.find(EMPTY)]
    clinician.get(addresses[-1])
    assert not any(name in line for name in (KNOWN, EMPTY) for line in (*addresses, caplog.text))
    assert not any(name in value for name in (KNOWN, EMPTY) for value in clinician.client.cookies.values())
    with own_house.ledger.database.snapshot() as connection:
        rows = connection.exec_driver_sql("SELECT name, sealed FROM kept_sessions").all()
    assert rows
    assert not any(KNOWN.encode() in bytes(row[1]) or KNOWN in row[0] for row in rows)


def test_who_came_and_went_is_in_the_audit(knowing: Release, own_house: House) -> None:
    agent = Visitor(create_app(knowing, own_house, lambda: NOW), own_house).sign_in("agent")
    path = agent.find(KNOWN)
    agent.get(path)
    agent.send("/pages/sign-out", {}, "/pages")
    own_house.close()
    kept = kept_bytes(own_house)
    for deed in (b'"code":"sign-in"', b'"code":"assess"', b'"code":"read"', b'"code":"sign-out"'):
        assert deed in kept
    assert verify(own_house.settings).is_whole


def test_a_session_opens_no_route_of_the_api(visit: Visit, app: FastAPI) -> None:
    agent = visit("agent")
    assert agent.get("/v1/model").status_code == 401
    assert agent.client.post("/v1/assess", json={"patient_id": KNOWN}).status_code == 401


FEW = settings().max_examples // 6
"""Every example is a browser of its own; nightly there are more."""
ODD = st.one_of(
    st.text(max_size=40), st.sampled_from(["\0", "\N{SNOWMAN}", "1e999", "nan", "../..", "<b>", "'", "%", "-1"])
)
FIELDS = (
    "patient",
    "outcome",
    "decided",
    "reason",
    "comment",
    "supersedes",
    "key",
    "question",
    "value",
    "user",
    "password",
)


@settings(max_examples=FEW, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(form=st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=6), at=st.integers(0, 3))
def test_no_form_makes_a_page_fail(visit: Visit, known: str, form: dict[str, str], at: int) -> None:
    agent = visit("agent")
    path = (f"{known}/decision", f"{known}/answers", "/pages/find", "/pages/sign-in")[at]
    said = agent.send(path, form | {"token": agent.form_token(of_visitor=at == 3)})
    assert said.status_code < 500
    assert said.status_code == 303 or said.headers["content-type"].startswith("text/html")


@settings(max_examples=FEW, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.binary(max_size=60), path=st.sampled_from(["/pages/find", "/pages/sign-in", "/pages/sign-out"]))
def test_no_body_makes_a_page_fail(visit: Visit, body: bytes, path: str) -> None:
    assert visit("agent").client.post(path, content=body).status_code in {303, 400, 403}


@settings(max_examples=FEW, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.sampled_from(["iss", "launch", "code", "state", "error", "language"]), ODD, max_size=4))
def test_no_address_makes_a_page_fail(visit: Visit, query: dict[str, str]) -> None:
    stranger = visit()
    for path in ("/pages/launch", "/pages/callback"):
        assert stranger.get(path, params=query).status_code == 400
    assert stranger.get("/pages/sign-in", params=query).status_code == 200


@pytest.fixture(scope="module")
def known(app: FastAPI, house: House) -> str:
    """The address of an assessment."""
    return Visitor(app, house).enter("agent").find(KNOWN)

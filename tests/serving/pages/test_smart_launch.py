"""Launched from a record system that checks everything: code flow with PKCE, one patient, one professional."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey

from records.database import DatabaseError
from serving.api import create_app
from serving.house import House
from serving.pages.smart import Endpoints, Secret, address, assessment_of, scopes
from serving.release import Release
from serving.tenants import AccessError, SmartClient, read_access
from tests.serving.asker import KNOWN, NOW, URL, asker, kept_bytes, posted
from tests.serving.cds import PATIENT_ID
from tests.serving.ehr import CLIENT, Ehr, record_system
from tests.serving.visitor import Visitor, text_of

BACK = f"{URL}/pages/callback"
APPS: dict[tuple[Any, ...], tuple[FastAPI, House]] = {}
"""Services made so far: one takes a third of a second."""


@pytest.fixture(scope="module")
def system() -> Iterator[Ehr]:
    """A record system that knows our address."""
    with record_system(BACK) as made:
        yield made


@pytest.fixture
def ehr(system: Ehr) -> Ehr:
    """The same, as if nothing had happened yet."""
    for one in (system.said, system.refuses, system.moves, system.faults, system.addresses):
        one.clear()
    return system


def launched_house(house: House, ehr: Ehr, **more: Any) -> House:
    """The house of a tenant whose record system may launch."""
    client = SmartClient(ehr.base, CLIENT, **({"secret": ehr.secret} | more))
    tenant = replace(house.directory.tenants["demo"], fhir_servers=(ehr.base,), smart=(client,), records=False)
    return replace(house, directory=replace(house.directory, tenants={"demo": tenant}))


def browser(release: Release, house: House, ehr: Ehr, **more: Any) -> Visitor:
    """Somebody with a browser, at a service that the record system may launch."""
    name = (id(release), id(house), ehr.base, *more.items())
    if name not in APPS:
        ready = launched_house(house, ehr, **more)
        APPS[name] = (create_app(release, ready, lambda: NOW), ready)
    return Visitor(*APPS[name])


def there(visitor: Visitor, ehr: Ehr) -> str:
    """From a launch to the address with which the record system sends the browser back."""
    begun = visitor.get(f"/pages/launch{ehr.launch()}")
    assert begun.status_code == 302, begun.text
    sent = httpx.get(begun.headers["location"])
    assert sent.status_code == 302
    assert ehr.faults == []
    return str(sent.headers["location"])


def back(visitor: Visitor, ehr: Ehr) -> httpx.Response:
    """The whole way."""
    return visitor.get(there(visitor, ehr).removeprefix(URL))


def test_a_clinician_is_launched_and_reads_the_patients_reasons(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr)
    given = back(visitor, ehr)
    assert (given.status_code, ehr.faults) == (303, [])
    page = visitor.get(given.headers["location"])
    assert page.status_code == 200
    assert "History of care" in text_of(page)
    assert "Clinician" in text_of(page)
    assert given.headers["location"].endswith("/reasons")


def test_an_agent_is_launched_to_what_to_book(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr, role="agent")
    given = back(visitor, ehr)
    assert not given.headers["location"].endswith("/reasons")
    assert "What to book" in text_of(visitor.get(given.headers["location"]))


def test_a_client_with_a_secret_shows_it_in_the_header_alone(knowing: Release, house: House) -> None:
    with record_system(BACK, secret="sssh") as ehr:  # noqa: S106 - of a record system in this process
        assert back(browser(knowing, house, ehr), ehr).status_code == 303
        assert ehr.faults == []


def test_no_patient_token_or_code_is_kept_in_the_open(
    knowing: Release, own_house: House, ehr: Ehr, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = browser(knowing, own_house, ehr)
    began = there(visitor, ehr)
    given = visitor.get(began.removeprefix(URL))
    code = parse_qs(urlsplit(began).query)["code"][0]
    kept = kept_bytes(own_house).decode("latin-1")
    for secret in (PATIENT_ID, code, *ehr.tokens):
        assert secret not in kept
        assert secret not in given.headers["location"]
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    assert not any(secret in logged for secret in (PATIENT_ID, code, *ehr.tokens))


def test_the_way_back_works_once_in_the_same_browser(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr)
    path = there(visitor, ehr).removeprefix(URL)
    stranger = Visitor(visitor.app, visitor.house)
    assert stranger.get(path).status_code == 400
    # Whoever had the address spent it: a launch that was seen by another is over.
    assert visitor.get(path).status_code == 400
    assert visitor.get("/pages").status_code == 303


def test_the_same_way_back_a_second_time_is_refused(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr)
    path = there(visitor, ehr).removeprefix(URL)
    assert visitor.get(path).status_code == 303
    given = visitor.get(path)
    assert given.status_code == 400
    assert "interrupted or has expired" in text_of(given)


def test_a_launch_that_took_too_long_is_over(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr)
    path = there(visitor, ehr).removeprefix(URL)
    later = Visitor(create_app(knowing, visitor.house, lambda: NOW + timedelta(minutes=11)), visitor.house)
    later.client.cookies = visitor.client.cookies
    assert later.get(path).status_code == 400


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=y", "?state=a&state=b&code=y", f"?state={'x' * 3000}"])
def test_who_comes_back_without_having_been_launched_is_told_so(
    knowing: Release, house: House, ehr: Ehr, query: str
) -> None:
    given = browser(knowing, house, ehr).get(f"/pages/callback{query}")
    assert given.status_code == 400
    assert "interrupted or has expired" in text_of(given)


def test_a_refusal_of_the_record_system_is_a_plain_page(knowing: Release, house: House, ehr: Ehr) -> None:
    ehr.said["back"] = {"code": ..., "error": "access_denied", "error_description": "<b>Matti Meikalainen</b>"}
    given = back(browser(knowing, house, ehr), ehr)
    assert given.status_code == 403
    assert "did not allow it" in text_of(given)
    assert "Matti" not in given.text
    assert 'href="/pages/sign-in?language=sv"' in given.text


@pytest.mark.parametrize(
    "query", ["", "?iss=https://evil.example/fhir&launch=x", "?iss={base}", "?launch=x", "?iss={base}/&launch=",
              "?iss={base}&iss={base}&launch=x"],
)  # fmt: skip
def test_only_a_listed_record_system_may_launch(knowing: Release, house: House, ehr: Ehr, query: str) -> None:
    given = browser(knowing, house, ehr).get("/pages/launch" + query.format(base=ehr.base))
    assert given.status_code == 400
    assert "none of those that may open this page" in text_of(given)
    assert ehr.addresses == []


@pytest.mark.parametrize(
    ("said", "says"),
    [({"token_endpoint": ...}, "does not say"), ({"authorization_endpoint": "http://evil.example/"}, "does not say"),
     ({"jwks_uri": "ftp://x"}, "does not say"), ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
     ({"code_challenge_methods_supported": ...}, "PKCE"), ({"code_challenge_methods_supported": "S256"}, "PKCE"),
     ({"extra": "x" * 200_000}, "does not say")],
)  # fmt: skip
def test_a_record_system_that_cannot_be_trusted_is_not_gone_to(
    knowing: Release, house: House, ehr: Ehr, said: dict[str, Any], says: str
) -> None:
    ehr.said["configuration"] = said
    given = browser(knowing, house, ehr).get(f"/pages/launch{ehr.launch()}")
    assert given.status_code == 502
    assert says in text_of(given)


@pytest.mark.parametrize("how", ["refuses", "moves"])
def test_a_record_system_that_does_not_answer_is_a_plain_page(
    knowing: Release, house: House, ehr: Ehr, how: str
) -> None:
    getattr(ehr, how).add("/fhir/.well-known/smart-configuration")
    assert browser(knowing, house, ehr).get(f"/pages/launch{ehr.launch()}").status_code == 502
    getattr(ehr, how).clear()
    getattr(ehr, how).add("/token")
    assert "did not confirm" in text_of(back(browser(knowing, house, ehr), ehr))


def test_a_record_system_that_is_not_there_is_a_plain_page(knowing: Release, house: House, ehr: Ehr) -> None:
    gone = Ehr(BACK, url="http://127.0.0.1:9")
    assert browser(knowing, house, gone).get(f"/pages/launch{gone.launch()}").status_code == 502
    assert browser(knowing, house, ehr).get(f"/pages/launch{gone.launch()}").status_code == 400


OTHER = ECKey.generate_key("P-384")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"token": {"access_token": ...}}, "did not confirm"),
        ({"token": {"access_token": "a\nb"}}, "did not confirm"),
        ({"token": {"token_type": "mac"}}, "did not confirm"),
        ({"token": {"patient": ...}}, "which patient"),
        ({"token": {"patient": "../Patient/2"}}, "which patient"),
        ({"token": {"id_token": ...}}, "who you are"),
        ({"token": {"id_token": "x.y.z"}}, "who you are"),
        ({"token": {"id_token": "x" * 9_000}}, "who you are"),
        ({"id_token": {"nonce": "x"}}, "who you are"),
        ({"id_token": {"nonce": ...}}, "who you are"),
        ({"id_token": {"aud": "another"}}, "who you are"),
        ({"id_token": {"iss": "https://evil.example"}}, "who you are"),
        ({"id_token": {"exp": int(NOW.timestamp()) - 600}}, "who you are"),
        ({"id_token": {"exp": ...}}, "who you are"),
        ({"id_token": {"fhirUser": ...}}, "who you are"),
        ({"id_token": {"fhirUser": "Patient/7"}}, "who you are"),
        ({"id_token": {"fhirUser": "Practitioner/<b>"}}, "who you are"),
        ({"key": {"key": OTHER}}, "who you are"),
        ({"jwks": {"keys": "none"}}, "who you are"),
        ({"jwks": ["none"]}, "who you are"),
    ],
)
def test_what_does_not_hold_lets_nobody_in(
    knowing: Release, house: House, ehr: Ehr, wrong: dict[str, Any], says: str
) -> None:  # fmt: skip
    visitor = browser(knowing, house, ehr)
    ehr.said |= wrong
    given = back(visitor, ehr)
    assert given.status_code == (502 if says == "did not confirm" else 403)
    assert says in text_of(given)
    assert visitor.get("/pages").status_code == 303


def test_a_record_that_cannot_be_read_is_named_by_what_is_missing(knowing: Release, house: House, ehr: Ehr) -> None:
    ehr.refuses |= {"/fhir/Procedure", "/fhir/Observation"}
    given = back(browser(knowing, house, ehr), ehr)
    assert given.status_code == 502
    assert "could not be read from the patient record system: procedures." in text_of(given)


def test_findings_that_cannot_be_read_are_said_to_be_missing(knowing: Release, house: House, ehr: Ehr) -> None:
    ehr.refuses.add("/fhir/Observation")
    visitor = browser(knowing, house, ehr)
    given = back(visitor, ehr)
    assert "was not given and could not be fetched" in text_of(visitor.get(given.headers["location"]))


def test_the_card_that_was_clicked_opens_its_own_assessment(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr)
    mine, other = posted(), posted()
    mine["patient"]["reference"], other["patient"]["reference"] = PATIENT_ID, "another"
    asked = asker(knowing, visitor.house)
    named, strange = (asked.answer(question)["id"] for question in (mine, other))
    for context in (f'{{"assessment":"{named}"}}', {"assessment": named}):
        ehr.said["token"] = {"appContext": context}
        assert back(visitor, ehr).headers["location"] == f"/pages/assessments/{named}/reasons"
    for context in (f'{{"assessment":"{strange}"}}', "{", ["x"], {"assessment": 7}, {"assessment": KNOWN}):
        ehr.said["token"] = {"appContext": context}
        given = back(visitor, ehr)
        assert given.status_code == 303
        assert not {named, strange} & set(given.headers["location"].split("/"))


def test_an_agents_card_of_another_patient_is_not_opened(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr, role="agent")
    name = asker(knowing, visitor.house).answer(posted())["id"]
    ehr.said["token"] = {"appContext": {"assessment": name}}
    assert name not in back(visitor, ehr).headers["location"]


def test_without_the_database_the_card_is_not_guessed(
    knowing: Release, house: House, ehr: Ehr, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = browser(knowing, house, ehr)
    ehr.said["token"] = {"appContext": {"assessment": "3f2b8c1e-6d1f-4a57-9a53-0d9f3f6c1b2a"}}
    path = there(visitor, ehr).removeprefix(URL)

    def away(*_: object) -> None:
        raise DatabaseError("the database is away")

    monkeypatch.setattr(house.ledger, "read", away)
    assert visitor.get(path).status_code == 503


def test_a_new_launch_takes_the_place_of_the_session_before(knowing: Release, house: House, ehr: Ehr) -> None:
    visitor = browser(knowing, house, ehr)
    first = back(visitor, ehr)
    old = Visitor(visitor.app, visitor.house)
    old.client.cookies = httpx.Cookies(visitor.client.cookies)
    assert back(visitor, ehr).status_code == 303
    assert old.get(first.headers["location"]).status_code == 303
    assert visitor.get(first.headers["location"]).status_code == 200


def test_scopes_of_smart_1_are_asked_for_where_smart_2_is_not_spoken() -> None:
    assert "patient/Procedure.rs" in scopes(speaks_v2=True)
    assert "patient/Procedure.read" in scopes(speaks_v2=False)
    endpoints = Endpoints("https://x/auth?tenant=1", "https://x/token", "https://x", "https://x/jwks", speaks_v2=False)
    made = address(endpoints, SmartClient("https://x/fhir", CLIENT), "l", BACK, Secret.new())
    asked = parse_qs(urlsplit(made).query)
    assert asked["tenant"] == ["1"]
    assert asked["aud"] == ["https://x/fhir"]
    assert "launch openid fhirUser patient/Patient.read" in asked["scope"][0]


def test_an_app_context_that_says_nothing_names_nothing() -> None:
    assert assessment_of(None) is None


ACCESS = """
[[tenant]]
name = "helsinki"
fhir_servers = ["https://fhir.example.fi/r4/"]
frames = ["https://ehr.example.fi"]
[[tenant.smart]]
fhir_server = "https://fhir.example.fi/r4/"
client_id = "tarve"
client_secret = "secret.txt"
role = "agent"
"""


def test_who_may_launch_is_read_from_the_access_file(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("sssh\n", encoding="utf-8")
    (tmp_path / "access.toml").write_text(ACCESS, encoding="utf-8")
    directory = read_access(tmp_path / "access.toml")
    found = directory.launching("https://fhir.example.fi/r4")
    assert found is not None
    tenant, client = found
    assert (tenant.name, client.role, client.secret) == ("helsinki", "agent", "sssh")
    assert "sssh" not in repr(client)
    assert directory.frames == ["https://ehr.example.fi"]
    assert not directory.is_demo
    assert directory.launching("https://elsewhere.example") is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('role = "agent"', 'role = "king"', "there is no role king"),
        (
            '[[tenant.smart]]\nfhir_server = "https://fhir',
            '[[tenant.smart]]\nfhir_server = "https://other',
            "launches, but",
        ),
        ("secret.txt", "nothing.txt", "nothing.txt cannot be read"),
        ('frames = ["https', 'frames = ["http', "must be https"),
        ('client_id = "tarve"\n', "", "client_id is missing"),
    ],
)
def test_a_launch_that_cannot_be_meant_is_refused_at_the_start(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "secret.txt").write_text("sssh", encoding="utf-8")
    assert old in ACCESS
    (tmp_path / "access.toml").write_text(ACCESS.replace(old, new), encoding="utf-8")
    with pytest.raises(AccessError, match=says):
        read_access(tmp_path / "access.toml")


def test_two_tenants_are_not_launched_by_one_record_system(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("sssh", encoding="utf-8")
    (tmp_path / "access.toml").write_text(ACCESS + ACCESS.replace("helsinki", "espoo"), encoding="utf-8")
    with pytest.raises(AccessError, match="stands twice"):
        read_access(tmp_path / "access.toml")

"""Who may do what: every route of the application against every role, and refusals that say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi import FastAPI

from serving import access
from serving import api as api_module
from serving.access import ROLES, ROUTES, SCOPES
from serving.api import create_app, routes
from serving.door import rule_of
from serving.house import House
from serving.keys import demo_key
from serving.release import Release
from serving.tenants import DEMO_ISSUER, demo_directory
from serving.tokens import signed
from tests.serving.asker import KNOWN, NOW, URL, Asker, asker, bearer, posted
from tests.serving.visitor import Visitor
from tests.serving.watched import to_ask

MATRIX = """
                                       none booking-system agent clinician data-scientist operator officer provider
GET  /                                 yes  yes            yes   yes       yes            yes      yes     yes
GET  /docs                             yes  yes            yes   yes       yes            yes      yes     yes
GET  /openapi.json                     yes  yes            yes   yes       yes            yes      yes     yes
GET  /metrics                          401  403            403   403       yes            yes      403     403
GET  /v1/model                         401  yes            yes   yes       yes            yes      yes     403
GET  /cds-services                     yes  yes            yes   yes       yes            yes      yes     yes
POST /v1/assess                        401  yes            yes   403       403            403      403     403
POST /v1/assess/batch                  401  yes            403   403       yes            403      403     403
GET  /v1/assessments/{id}              401  yes            yes   yes       403            403      403     403
POST /v1/assessments/{id}/answers      401  yes            yes   yes       403            403      403     403
POST /v1/assessments/{id}/decision     401  yes            yes   yes       403            403      403     403
"""
"""What each role may. A CDS Hooks route is not among them: no role's token opens it, only one made out to the call."""


PAGES = """
                                       none booking-system agent clinician data-scientist operator officer provider
GET  /pages/style.css                  yes  yes            yes   yes       yes            yes      yes     yes
GET  /pages/sign-in                    yes  yes            yes   yes       yes            yes      yes     yes
POST /pages/sign-in                    yes  yes            yes   yes       yes            yes      yes     yes
GET  /pages/launch                     yes  yes            yes   yes       yes            yes      yes     yes
GET  /pages/callback                   yes  yes            yes   yes       yes            yes      yes     yes
GET  /pages                            in   yes            yes   yes       yes            yes      yes     yes
GET  /pages/model                      in   yes            yes   yes       yes            yes      yes     403
GET  /pages/vouchers                   in   403            403   403       403            403      yes     403
GET  /pages/overdue                    in   403            403   403       403            403      yes     403
POST /pages/find                       in   yes            yes   yes       403            403      403     403
GET  /pages/assessments/{id}           in   yes            yes   yes       403            403      403     403
GET  /pages/assessments/{id}/reasons   in   403            403   yes       403            403      403     403
POST /pages/assessments/{id}/answers   in   yes            yes   yes       403            403      403     403
POST /pages/assessments/{id}/decision  in   yes            yes   yes       403            403      403     403
POST /pages/sign-out                   in   yes            yes   yes       yes            yes      yes     yes
"""
"""What each role may at the pages; `in` is led to where people sign in. A token opens none of them, only a session."""


OF_ONE_ROLE = """
GET  /v1/portal/messages                                  provider
POST /v1/portal/messages/{message_id}/read                provider
POST /v1/treatment-feedback                               provider
GET  /v1/treatment-feedback/{feedback_id}                 provider
POST /v1/treatment-feedback/{feedback_id}/cancel          provider
GET  /v1/vouchers/report                                  officer
GET  /v1/vouchers/report.csv                              officer
GET  /v1/vouchers/report.html                             officer
GET  /v1/vouchers/overdue                                 officer
GET  /v1/vouchers/overdue.html                            officer
GET  /v1/vouchers/dead-letters                            officer
POST /v1/vouchers/dead-letters/send-again                 officer
POST /v1/vouchers/treatment-feedback/{feedback_id}/cancel officer
POST /v1/receipts                                         gateway
"""
"""Routes that one role may use and no other. A gateway has no column above: it may nothing there but what is open."""

WATCHED = ("/v1/portal", "/v1/treatment-feedback", "/v1/vouchers", "/v1/receipts")


def rows(matrix: str = MATRIX) -> dict[tuple[str, str], dict[str, str]]:
    head, *lines = matrix.strip().splitlines()
    found = {
        (method, path.replace("{id}", "{assessment_id}")): dict(zip(head.split(), verdicts, strict=True))
        for method, path, *verdicts in map(str.split, lines)
    }
    for verdicts in found.values():
        verdicts["gateway"] = "403" if verdicts["none"] == "401" else verdicts["provider"]
    of_one = OF_ONE_ROLE.strip().splitlines() if matrix is MATRIX else ()
    for method, path, alone in map(str.split, of_one):
        found[method, path] = {"none": "401", **dict.fromkeys(ROLES, "403"), alone: "yes"}
    return found


def test_every_route_of_the_application_has_its_rule_and_its_row(api: Asker) -> None:
    assert routes(api.app) == set(ROUTES)
    assert not rows().keys() & rows(PAGES).keys()
    assert rows().keys() | rows(PAGES).keys() == {route for route, rule in ROUTES.items() if rule.credential != "cds"}
    for matrix in (MATRIX, PAGES):
        assert set(ROLES) | {"none"} == set(next(iter(rows(matrix).values())))


def test_every_scope_is_used_and_known() -> None:
    used = {scope for rule in ROUTES.values() for scope in rule.scopes}
    assert used == set(SCOPES)
    assert all(scopes <= set(SCOPES) for scopes in ROLES.values())


def test_a_route_without_a_rule_keeps_the_service_from_starting(
    release: Release, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_one_more(app: FastAPI, *_: object) -> None:
        @app.get("/hidden", include_in_schema=False)
        def hidden() -> None: ...

    monkeypatch.setattr(api_module.cds, "add_routes", with_one_more)
    with pytest.raises(RuntimeError, match=r"'/hidden'"):
        create_app(release, house, lambda: NOW)


@pytest.mark.parametrize(("method", "path"), rows())
@pytest.mark.parametrize("role", [*ROLES, "none"])
def test_every_route_by_every_role(interview: Asker, house: House, method: str, path: str, role: str) -> None:
    caller = interview.of({} if role == "none" else bearer(house, role, patient="77", provider="p"))
    question = posted()
    question["patient"]["reference"] = "77"
    name = interview.answer(question)["id"]
    bodies = {
        "/v1/assess": question,
        "/v1/assess/batch": {"items": [question]},
        "/v1/assessments/{assessment_id}/answers": {"answers": [{"question": "pain", "value": 1}]},
    }
    body = bodies.get(path, {"outcome": "accepted"})
    address, verdict = path.replace("{assessment_id}", name), rows()[method, path][role]
    if path.startswith(WATCHED) and verdict == "yes":
        address, body = to_ask(house, path)
    given = caller.request(method, address, **({} if method == "GET" else {"json": body}))
    if verdict == "yes":
        assert given.status_code in {200, 201}, given.text
    else:
        assert given.status_code == int(verdict)
        assert given.content == b""
        assert ("www-authenticate" in given.headers) == (verdict == "401")


@pytest.fixture(scope="module")
def known_to_77(interview: Asker) -> str:
    """An assessment of the patient whom a caller knows as 77."""
    question = posted()
    question["patient"]["reference"] = "77"
    return str(interview.answer(question)["id"])


@pytest.mark.parametrize(("method", "path"), rows(PAGES))
@pytest.mark.parametrize("role", [*ROLES, "none"])
def test_every_page_by_every_role(  # noqa: PLR0917 - two of them are one route
    interview: Asker, house: House, known_to_77: str, role: str, method: str, path: str
) -> None:
    visitor = Visitor(interview.app, house)
    if role != "none":
        visitor.enter(role, "77")
    address = path.replace("{assessment_id}", known_to_77)
    token = visitor.form_token(of_visitor=role == "none" or path == "/pages/sign-in")
    forms = {"/pages/find": {"patient": KNOWN}, "/pages/sign-in": {"user": "x", "password": "x"}}
    form = forms.get(path, {"outcome": "accepted", "question": "pain", "value": "1"}) | {"token": token}
    given = visitor.client.request(method, address, **({} if method == "GET" else {"data": form}))
    led_in = given.headers.get("location") == "/pages/sign-in" and (role == "none" or path != "/pages/sign-out")
    verdict = rows(PAGES)[method, path][role]
    assert led_in == (verdict == "in")
    if verdict == "403":
        assert (given.status_code, "You may not open this page." in given.text) == (403, True)
    elif verdict == "yes":
        assert given.status_code in ({401} if path == "/pages/sign-in" and method == "POST" else
                                     {400} if path in {"/pages/launch", "/pages/callback"} else {200, 303})  # fmt: skip


@pytest.mark.parametrize(("method", "path"), [route for route, row in rows(PAGES).items() if row["none"] == "in"])
def test_a_token_opens_no_page(api: Asker, method: str, path: str) -> None:
    given = api.request(method, path.replace("{assessment_id}", "x"))
    assert (given.status_code, given.headers["location"]) == (303, "/pages/sign-in")


def test_a_refusal_comes_before_the_body_is_looked_at(api: Asker) -> None:
    stranger = api.of({})
    for content in (b"{", b"x" * 6_000_000):
        given = stranger.request("POST", "/v1/assess", content=content, headers={"Content-Type": "application/json"})
        assert (given.status_code, given.content) == (401, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/v1/assess", 405), ("GET", "/v1/assess/", 404)]
)
def test_what_is_not_there_is_not_there_for_strangers_either(api: Asker, method: str, path: str, status: int) -> None:
    assert api.of({}).request(method, path, follow_redirects=False).status_code == status


@pytest.mark.parametrize("path", sorted({path for method, path in ROUTES if method == "GET"}))
def test_head_is_answered_as_get(interview: Asker, path: str) -> None:
    address = path.replace("{assessment_id}", "x").replace("{feedback_id}", "x")
    got, headed = interview.get(address), interview.request("HEAD", address)
    assert headed.status_code == got.status_code
    assert headed.headers.get("content-type") == got.headers.get("content-type")


def test_head_is_ruled_as_get() -> None:
    assert rule_of("HEAD", "/metrics") == ("/metrics", ROUTES["GET", "/metrics"])
    assert rule_of("GET", "/v1/assessments/x/y") is None


def other_tenant(release: Release, house: House) -> Asker:
    """The same service, where the issuer `other` vouches for a tenant of its own."""
    directory = demo_directory(demo_key(house.settings.keys))
    issuer = directory.issuers[DEMO_ISSUER]
    other = replace(issuer, name="other", tenant=replace(issuer.tenant, name="other"))
    directory = replace(directory, issuers={**directory.issuers, "other": other})
    claims = {"sub": "x", "scope": " ".join(SCOPES)}
    token = signed(demo_key(house.settings.keys), "other", URL, NOW, claims=claims)
    return asker(release, replace(house, directory=directory)).of({"Authorization": f"Bearer {token}"})


def test_an_assessment_of_another_tenant_does_not_exist(api: Asker, release: Release, house: House) -> None:
    name = api.answer(posted())["id"]
    other = other_tenant(release, house)
    assert other.get(f"/v1/assessments/{name}").status_code == 404
    assert other.post(f"/v1/assessments/{name}/decision", {"outcome": "accepted"}).status_code == 404
    theirs = other.answer(posted())["id"]
    assert other.get(f"/v1/assessments/{theirs}").status_code == 200
    assert api.get(f"/v1/assessments/{theirs}").status_code == 404


def test_an_issuer_grants_no_more_than_it_may(release: Release, house: House) -> None:
    directory = demo_directory(demo_key(house.settings.keys))
    issuer = replace(directory.issuers[DEMO_ISSUER], scopes=frozenset({"metrics.read"}))
    limited = asker(release, replace(house, directory=replace(directory, issuers={DEMO_ISSUER: issuer})))
    assert limited.get("/metrics").status_code == 200
    assert limited.ask(posted()).status_code == 403


def test_the_words_of_the_table_are_sentences() -> None:
    assert all(what and what[0].islower() for what in access.SCOPES.values())

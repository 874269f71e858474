"""What a call brings: given, absent, null, failed or paged; fetched from the listed server alone, or not there."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serving.cds import fetch as module
from serving.cds.call import read_call
from serving.cds.discovery import WANTED
from serving.cds.fetch import FetchError, FhirServer, next_page
from serving.guard import Refused
from serving.house import House
from serving.release import Release
from tests.serving.asker import Asker
from tests.serving.cds import (
    PATIENT_ID,
    PERSON,
    RECORD,
    SERVER,
    Client,
    bundle,
    client_of,
    encounter,
    listed,
    procedure,
    record,
    refuse,
)

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
REQUIRED = [key for key, wanted in WANTED.items() if wanted.required]
TOKEN = {
    "access_token": "Zq7Secret",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "x",
}


@pytest.fixture(scope="module")
def client(release: Release, house: House) -> Client:
    """A client whose FHIR server must not be asked."""
    return client_of(release, listed(house))


Asked = list[httpx.Request]


class Server:
    """A FHIR server: what it answers by the beginning of the address, and what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"Patient": PERSON, "Encounter": RECORD["encounters"],
                                        "Procedure": RECORD["procedures"], "Condition": RECORD["conditions"],
                                        "Observation": bundle(), **answers}  # fmt: skip
        self.asked: Asked = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        assert str(request.url).startswith(SERVER)
        kind = request.url.path.removeprefix("/r4/").split("/")[0]
        answer = self.answers[kind]
        answer = answer(request) if callable(answer) else answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def served(release: Release, house: House, server: Callable[[httpx.Request], httpx.Response]) -> Client:
    return client_of(release, listed(house), server)


def events_seen(client: Client, **said: Any) -> str:
    return str(client.cards(headers={"Accept-Language": "en"}, **said)[0]["detail"])


def test_what_is_given_whole_is_not_fetched(client: Client) -> None:
    assert "6 recorded events" in events_seen(client, fhirServer=SERVER, fhirAuthorization=TOKEN)


FAILED = bundle(OUTCOME, {"resourceType": "OperationOutcome", "issue": [7]}, {"resourceType": "OperationOutcome"})
"""A search that found an error and nothing else, as some servers answer one that failed."""


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("value", [..., OUTCOME, FAILED, "text", 5, True, {}, {"resourceType": ["Bundle"]}])
def test_what_was_not_given_and_cannot_be_fetched_is_412(client: Client, key: str, value: object) -> None:
    given = client.call(prefetch=record(**{key: value}))
    assert given.status_code == 412
    assert given.headers["content-type"] == "application/fhir+json"
    outcome = given.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert [one["expression"] for one in outcome["issue"]] == [[f"prefetch.{key}"]]
    assert PATIENT_ID not in given.text


@pytest.mark.parametrize("prefetch", [..., None, [], "x", {}])
def test_a_call_that_brings_nothing_is_412_and_names_all(client: Client, prefetch: object) -> None:
    given = client.call(prefetch=prefetch)
    assert given.status_code == 412
    assert [one["expression"][0] for one in given.json()["issue"]] == [f"prefetch.{key}" for key in REQUIRED]


HINT = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}
NOTHING = [None, bundle(), [], {"resourceType": "Bundle", "total": 0}, bundle(HINT)]
"""Ways to say that there is nothing. A patient is there or not: an empty Bundle is not the patient."""


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key in WANTED for value in NOTHING if key != "patient" or value is None]
)
def test_nothing_is_no_412(client: Client, key: str, value: object) -> None:
    assert client.call(prefetch=record(**{key: value})).status_code == 200


@pytest.mark.parametrize("value", [..., OUTCOME])
def test_missing_findings_are_told_and_no_412(client: Client, value: object) -> None:
    assert "observations: was not given and could not be fetched" in events_seen(
        client, prefetch=record(observations=value)
    ).replace("\\", "")


@pytest.mark.parametrize(
    "value",
    [
        {"response": {"status": "200 OK"}, "resource": RECORD["encounters"]},
        [one["resource"] for one in RECORD["encounters"]["entry"]],
        {**RECORD["encounters"], "link": [{"relation": "self", "url": "https://evil.example"}]},
        {**RECORD["encounters"], "link": "x"},
        bundle(*(one["resource"] for one in RECORD["encounters"]["entry"]), OUTCOME),
    ],
)
def test_other_ways_to_give_the_same_are_understood(client: Client, value: object) -> None:
    assert "6 recorded events" in events_seen(client, prefetch=record(encounters=value))


@pytest.mark.parametrize(
    "value",
    [
        {name: one for name, one in PERSON.items() if name != "id"},
        bundle(PERSON),
        {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:5f0c3a9d-21be-4c52-9d0e", "resource": PERSON}]},
        bundle({**PERSON, "id": "other"}, PERSON, OUTCOME),
        [None, PERSON],
    ],
)
def test_the_patient_is_found_in_whatever_it_is_wrapped(client: Client, api: Asker, value: object) -> None:
    given = client.cards(prefetch=record(patient=value))[0]["detail"]
    assert given == client.cards()[0]["detail"]


def test_another_patient_is_not_the_patient(client: Client) -> None:
    given = client.call(prefetch=record(patient={**PERSON, "id": "other"}))
    assert [one["expression"] for one in given.json()["issue"]] == [["prefetch.patient"]]


def test_what_lacks_is_fetched_with_the_token_of_the_call(release: Release, house: House) -> None:
    server = Server()
    client = served(release, house, server)
    seen = events_seen(client, prefetch=record(encounters=..., conditions=OUTCOME, observations=...),
                       fhirServer=f"{SERVER}/", fhirAuthorization=TOKEN)  # fmt: skip
    assert "6 recorded events" in seen
    assert sorted(request.url.raw_path.decode() for request in server.asked) == [
        f"/r4/{kind}?patient={PATIENT_ID}&_count=200"
        for kind in ("Appointment", "Condition", "Encounter", "Observation")
    ]
    assert {request.headers["authorization"] for request in server.asked} == {"Bearer Zq7Secret"}
    assert {request.method for request in server.asked} == {"GET"}


def test_a_server_that_asks_for_no_token_gets_none(release: Release, house: House) -> None:
    server = Server()
    assert served(release, house, server).call(prefetch=..., fhirServer=SERVER).status_code == 200
    assert len(server.asked) == len(WANTED)
    assert not any("authorization" in request.headers for request in server.asked)


@pytest.mark.parametrize(
    "server",
    [
        "https://evil.example/r4",
        "http://fhir.example.fi/r4",
        "https://fhir.example.fi",
        "https://fhir.example.fi/r4/../x",
        "https://fhir.example.fi:8443/r4",
        "https://a@fhir.example.fi/r4",
        "https://fhir.example.fi.evil.example/r4",
        "HTTPS://FHIR.EXAMPLE.FI/r4",
        "",
        7,
        None,
    ],
)
def test_a_server_that_is_not_listed_is_never_asked(client: Client, server: object) -> None:
    given = client.call(prefetch=record(encounters=...), fhirServer=server, fhirAuthorization=TOKEN)
    assert given.status_code == 412


@pytest.mark.parametrize("patient", ["../Observation", "a?b", "a/b", "å", "a" * 65, "a b", "%2e"])
def test_a_patient_whose_id_is_none_is_never_asked_for(client: Client, patient: str) -> None:
    prefetch = record(patient={**PERSON, "id": patient}, encounters=...)
    assert client.call(context={"patientId": patient}, prefetch=prefetch, fhirServer=SERVER).status_code == 412


@pytest.mark.parametrize("reference", ["Patient/pat-1", "pat-1"])
def test_the_patient_may_be_named_by_a_reference(client: Client, reference: str) -> None:
    assert "6 recorded events" in events_seen(client, context={"patientId": reference})


def pages(count: int, size: int = 2) -> Callable[[httpx.Request], dict[str, Any]]:
    """Encounters in pages that name the next one."""

    def page(request: httpx.Request) -> dict[str, Any]:
        at = int(request.url.params.get("page", "1"))
        several = [encounter(10 * at + one, f"20{10 + at:02}-0{one + 1}-01") for one in range(size)]
        links = [{"relation": "self", "url": str(request.url)}]
        if at < count:
            links.append({"relation": "next", "url": f"{SERVER}/Encounter?page={at + 1}"})
        return bundle(*several, link=links)

    return page


def test_all_pages_are_followed(release: Release, house: House) -> None:
    server = Server(Encounter=pages(4))
    lacking = record(encounters=..., procedures=None, conditions=None)
    seen = events_seen(served(release, house, server), prefetch=lacking, fhirServer=SERVER, fhirAuthorization=TOKEN)
    assert "8 recorded events" in seen
    assert [request.url.path for request in server.asked].count("/r4/Encounter") == 4
    first = {**bundle(encounter(1, "2026-01-01")), "link": [{"relation": "next", "url": "Encounter?page=3"}]}
    server = Server(Encounter=pages(4))
    client = served(release, house, server)
    seen = events_seen(client, prefetch=record(encounters=first, procedures=None, conditions=None), fhirServer=SERVER)
    assert "5 recorded events" in seen
    visits = [request.url for request in server.asked if request.url.path == "/r4/Encounter"]
    assert [url.params["page"] for url in visits] == ["3", "4"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/r4/Encounter?page=2",
        "//evil.example/r4/Encounter?page=2",
        "http://fhir.example.fi/r4/Encounter?page=2",
        "https://fhir.example.fi:444/r4/Encounter?page=2",
        "https://x:y@fhir.example.fi/r4/Encounter?page=2",
        "https://fhir.example.fi.evil.example/",
        "https://[::1/",
        "file:///etc/passwd",
        "gopher://fhir.example.fi/",
        None,
        7,
    ],
)
def test_a_page_elsewhere_is_never_asked_for(release: Release, house: House, url: object) -> None:
    first = {**bundle(encounter(1, "2026-01-01")), "link": [{"relation": "next", "url": url}]}
    asked: Asked = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(404)

    client = served(release, house, server)
    given = client.call(prefetch=record(encounters=first), fhirServer=SERVER, fhirAuthorization=TOKEN)
    assert given.status_code == 412
    assert all(request.url.host == "fhir.example.fi" and request.url.scheme == "https" for request in asked)
    assert all(request.url.port in {None, 443} for request in asked)


def test_a_first_page_is_not_the_whole(client: Client) -> None:
    first = {**bundle(encounter(1, "2026-01-01")), "link": [{"relation": "next", "url": f"{SERVER}/Encounter?page=2"}]}
    given = client.call(prefetch=record(encounters=first))
    assert [one["expression"] for one in given.json()["issue"]] == [["prefetch.encounters"]]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401),
        httpx.Response(403, json=OUTCOME),
        httpx.Response(404),
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "https://evil.example"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json=OUTCOME),
        httpx.Response(200, content=b" " * 100_000),
    ],
)
def test_a_server_that_fails_is_412(release: Release, house: House, answer: httpx.Response) -> None:
    def encounters(_: httpx.Request) -> httpx.Response:
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    client = served(release, house, Server(Encounter=encounters))
    given = client.call(prefetch=record(encounters=...), fhirServer=SERVER, fhirAuthorization=TOKEN)
    assert given.status_code == 412


def test_the_wrong_patient_of_a_server_is_not_the_patient(release: Release, house: House) -> None:
    client = served(release, house, Server(Patient={**PERSON, "id": "other"}))
    assert client.call(prefetch=record(patient=...), fhirServer=SERVER).status_code == 412


def test_pages_without_end_are_given_up(release: Release, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Budget.__init__, "__defaults__", (5, module.MOST_BYTES))
    server = Server(Encounter=pages(10**6, size=1))
    client = served(release, house, server)
    assert client.call(prefetch=record(encounters=...), fhirServer=SERVER).status_code == 412
    assert len(server.asked) == 5


def test_too_many_bytes_are_given_up(release: Release, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Budget.__init__, "__defaults__", (module.MOST_PAGES, 100))
    client = served(release, house, Server())
    assert client.call(prefetch=record(encounters=...), fhirServer=SERVER).status_code == 412


def test_a_slow_server_is_given_up_and_the_rest_kept(
    release: Release, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 1.0)

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "Observation" in request.url.path:
                await asyncio.sleep(30)
            return httpx.Response(200, json=RECORD["encounters"])

    found = asyncio.run(
        FhirServer(SERVER, None, Slow()).fetch({"encounters": "Encounter", "observations": "Observation"}, {})
    )
    assert set(found) == {"encounters"}


def test_nothing_of_a_call_is_logged(
    release: Release, house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    client = served(release, house, Server(Encounter=httpx.Response(500)))
    for _ in range(2):
        client.call(prefetch=..., fhirServer=SERVER, fhirAuthorization=TOKEN)
    logged = caplog.text + "".join(capfd.readouterr())
    assert "a FHIR server did not give encounters: FetchError" in logged
    for secret in (PATIENT_ID, "Zq7Secret", "fhir.example.fi", "Bearer"):
        assert secret not in logged


def test_fetching_speaks_of_no_address() -> None:
    server = FhirServer(SERVER, None, httpx.MockTransport(refuse))
    with pytest.raises(FetchError, match=r"^a page elsewhere$"):
        server._safe("https://evil.example/Patient/1")
    assert next_page({"resourceType": "Bundle", "link": [7, {"relation": "next", "url": "x"}]}) == "x"
    assert next_page({"resourceType": "Patient", "link": [{"relation": "next", "url": "x"}]}) is None


ODD: dict[str, list[object]] = {
    "hookInstance": [..., None, 5, "not a uuid", "x" * 10_000],
    "fhirAuthorization": [None, 5, {}, {"access_token": 5}, {"access_token": "a\nb"}, {"access_token": "å"}, []],
    "extension": [None, {"com.example.x": [1]}, "x"],
    "somethingElse": [{"deep": {"er": [[[[]]]]}}, 10**18, 1.5, None],
}


@pytest.mark.parametrize(("member", "value"), [(name, one) for name, several in ODD.items() for one in several])
def test_odd_members_that_are_not_used_never_fail_a_call(client: Client, member: str, value: object) -> None:
    assert client.call(**{member: value}).status_code == 200


@pytest.mark.parametrize("number", ["1e400", "-1E+999", "9" * 30, "9" * 400, "-" + "9" * 5_000])
def test_a_number_beyond_all_bounds_that_is_not_used_never_fails_a_call(client: Client, number: str) -> None:
    body = json.dumps(client.body(more="here")).replace('"here"', number)
    assert client.post("/cds-services/dental-need-booking", body.encode()).status_code == 200


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"hook": ...}, "hook"),
        ({"hook": "patient-view"}, "hook"),
        ({"hook": None}, "hook"),
        ({"context": {"patientId": ...}}, "context.patientId"),
        ({"context": {"patientId": ""}}, "context.patientId"),
        ({"context": {"patientId": "Patient/"}}, "context.patientId"),
        ({"context": {"patientId": 7}}, "context.patientId"),
    ],
)
def test_a_call_without_what_is_needed_is_refused(client: Client, said: dict[str, Any], where: str) -> None:
    given = client.call(**said)
    assert given.status_code == 400
    assert given.json()["errors"][0]["where"] == where


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": [1e400, NaN]}',
        b'{"a": [1e400, -Infinity]}',
        b"[" * 50_000,
        b'"\\ud800"',
    ],
)
def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    given = client.post("/cds-services/dental-need-booking", body)
    assert given.status_code == 400
    assert given.json()["errors"][0]["where"] == "body"


def test_a_service_that_is_not_there_is_not_found(client: Client) -> None:
    for path in ("/cds-services/nothing", "/cds-services/nothing/feedback"):
        assert client.post(path, client.body()).status_code == 404


def test_a_context_that_is_no_object_names_no_patient() -> None:
    with pytest.raises(Refused, match="must be the id of a patient"):
        read_call(json.dumps({"hook": "patient-view", "context": []}).encode(), "patient-view")


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Encounter"},
        {"resourceType": "Encounter", "id": 7, "status": ["x"], "period": "y", "subject": []},
        {**encounter(1, "2026-01-01"), "period": {"start": "yesterday"}},
        {**encounter(1, "2026-01-01"), "length": {"value": "x"}},
        {"resourceType": 5},
        [[[]]],
        None,
        7,
        "x",
        procedure(1, "2026-13-45", "SFA10"),
    ],
)
def test_odd_resources_never_fail_a_call(client: Client, odd: Any) -> None:
    assert client.call(
        prefetch=record(encounters={"resourceType": "Bundle", "entry": [{"resource": odd}, odd]})
    ).is_success


def test_a_call_of_stu3_is_read(client: Client, api: Asker) -> None:
    older = {**encounter(1, "2026-01-01"), "reason": [{"text": "x"}]}
    assert client.call(prefetch=record(encounters=bundle(older))).is_success
    assert api.get("/cds-services").is_success

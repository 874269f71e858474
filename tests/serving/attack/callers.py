"""Callers that mean harm or know no better: real-shaped requests to every route, spoiled on the way."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx

from serving import examples
from serving.api import create_app
from serving.cds.discovery import BOOKING, HOOKS, VIEW
from serving.cds.fetch import FhirServer
from serving.house import House
from serving.keys import demo_key
from serving.release import Release
from serving.tenants import DEMO_ISSUER
from serving.tokens import signed
from tests.serving.asker import KNOWN, NOW, URL, authority, posted
from tests.serving.attack.mutations import Mutator
from tests.serving.attack.witness import Witness
from tests.serving.cds import (
    APPOINTMENT,
    PATIENT_ID,
    SERVER,
    bundle,
    condition,
    encounter,
    listed,
    procedure,
    record,
)  # fmt: skip
from tests.serving.visitor import Visitor

NAMED: dict[str, Any] = {
    "resourceType": "Patient",
    "id": PATIENT_ID,
    "identifier": [{"system": "urn:oid:1.2.246.21", "value": "010170-999R"}],
    "name": [{"family": "Zq7Sukunimi", "given": ["Aino"], "text": "Aino Zq7Sukunimi"}],
    "telecom": [{"system": "email", "value": "aino.zq7@example.fi"}],
    "birthDate": "1971-05-17",
    "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Zq7Sukunimi</div>"},
}
NOTED = {**procedure(9, "2026-10-06", "SDA02"), "note": [{"text": "Zq7: potilas 010170-999R <b>pelkää</b>"}],
         "code": {"text": "Zq7 Hammaskiven poisto",
                  "coding": [{"system": "urn:oid:1.2.246.537.6.33", "code": "SDA02"}]}}  # fmt: skip
LOOPED = {**encounter(8, "2026-09-01"), "id": "loop", "partOf": {"reference": "Encounter/loop"},
          "contained": [{"resourceType": "Encounter", "id": "a", "partOf": {"reference": "#a"}}]}  # fmt: skip
STU3 = {**encounter(7, "2025-09-01"), "reason": [{"text": "Zq7"}], "indication": [{"reference": "Procedure/p1"}]}
OFTEN = bundle(encounter(1, "2024-03-05"), LOOPED, STU3, total=400)
USERS = (
    "Practitioner/7",
    "PractitionerRole/7",
    "Patient/zq7-4711",
    "RelatedPerson/9",
    "https://fhir.example.fi/r4/Practitioner/7",
)


def seeded(seed: int) -> Random:
    """A source of chance that can be had again."""
    return Random(seed)  # noqa: S311 - for tests, not for secrets


@dataclass
class Attack:
    """One attack: requests drawn from seeds, each looked at by the witness.

    Args:
        release: with an interview.
        house: what the service holds.
        witness: looks at every answer.
    """

    release: Release
    house: House

    def __post_init__(self) -> None:
        listing = listed(self.house, smart_launch="https://tarve.example.fi/launch")
        self.server = Server()
        transport = httpx.MockTransport(self.server)
        self.app = create_app(
            self.release, listing, lambda: NOW, lambda base, token: FhirServer(base, token, transport)
        )
        self.headers = authority(self.house)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=URL)
        self._runner = asyncio.Runner()
        document = self.send("GET", "/openapi.json").json()
        self.witness, self._examples = Witness(document), _examples(document)
        self.assessment = str(self.post("/v1/assess", posted()).json()["id"])
        self._people = {role: self._signed_in(role) for role in ("agent", "clinician")}
        [self.card] = [one for one in self._hook(BOOKING, _call(seeded(0), BOOKING)) if "suggestions" in one]

    def close(self) -> None:
        """End the client."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    def send(self, method: str, path: str, **said: Any) -> httpx.Response:
        """One request."""
        return self._runner.run(self._client.request(method, path, **said))

    def post(self, path: str, body: object) -> httpx.Response:
        """One honest request."""
        return self.send("POST", path, json=body, headers=self.headers)

    def strike(self, seed: int) -> None:
        """One spoiled request."""
        random = seeded(seed)
        mutator = Mutator(random)
        self.server.mutator = mutator
        ways: tuple[tuple[int, Callable[[Random, Mutator], None]], ...] = (
            (30, self._booking), (14, self._view), (9, self._feedback), (12, self._assess), (7, self._batch),
            (9, self._answers), (8, self._decide), (4, self._read), (4, self._stray), (3, self._fetching),
            (10, self._page),
            (6, self._example),
        )  # fmt: skip
        way = random.choices([one for _, one in ways], [weight for weight, _ in ways])[0]
        try:
            way(random, mutator)
        except Exception as error:
            error.add_note(f"seed {seed}: {way.__name__}")
            raise

    def _hook(self, service: str, body: object) -> list[dict[str, Any]]:
        path = f"/cds-services/{service}"
        found: list[dict[str, Any]] = self.send("POST", path, json=body, headers=self._signed(path)).json()["cards"]
        return found

    def _signed(self, path: str) -> dict[str, str]:
        token = signed(demo_key(self.house.settings.keys), DEMO_ISSUER, f"{URL}{path}", NOW)
        return {"Authorization": f"Bearer {token}"}

    def _spoiled(self, random: Random, mutator: Mutator, template: str, path: str, value: Any) -> None:
        is_hook = template.startswith("/cds")
        content = mutator.body(mutator.value(value) if random.random() < 0.95 else value)
        headers = {
            **(self._signed(path) if is_hook else self.headers),
            "Content-Type": random.choice((*("application/json",) * 60, "text/plain", "application/xml", "x", "")),
            "Accept-Language": random.choice(("fi", "sv-FI,sv;q=0.9", "en", "*", ";;;q=x", "zq7", "fi;q=1e9")),
            "Accept": random.choice(("*/*", "application/json", "application/fhir+json", "q=", "text/html;q=zq7")),
            "X-Request-Id": random.choice(("zq7-4711", "010170-999R", "", "x" * 500)),
        }  # fmt: skip
        self.witness.look("POST", template, self.send("POST", path, content=content, headers=headers))

    def _booking(self, random: Random, mutator: Mutator) -> None:
        self._spoiled(random, mutator, "/cds-services/{service_id}", f"/cds-services/{BOOKING}", _call(random, BOOKING))

    def _view(self, random: Random, mutator: Mutator) -> None:
        self._spoiled(random, mutator, "/cds-services/{service_id}", f"/cds-services/{VIEW}", _call(random, VIEW))

    def _fetching(self, random: Random, mutator: Mutator) -> None:
        """An honest call that brings little, to a FHIR server that answers as it likes."""
        body = _call(random, BOOKING) | {"fhirServer": SERVER, "prefetch": {}}
        path = f"/cds-services/{BOOKING}"
        content, headers = json.dumps(body), self._signed(path)
        given = self.send("POST", path, content=content, headers=headers)
        self.witness.look("POST", "/cds-services/{service_id}", given)

    def _feedback(self, random: Random, mutator: Mutator) -> None:
        given = {
            "card": self.card["uuid"],
            "outcome": random.choice(("accepted", "overridden")),
            "acceptedSuggestions": [{"id": self.card["suggestions"][0]["uuid"]}],
            "overrideReason": {"reason": {"code": "other", "system": "urn:x"}, "userComment": "Zq7 010170-999R"},
            "outcomeTimestamp": "2026-11-22T10:00:00Z",
        }
        path = f"/cds-services/{BOOKING}/feedback"
        self._spoiled(random, mutator, "/cds-services/{service_id}/feedback", path, {"feedback": [given, given]})

    def _assess(self, random: Random, mutator: Mutator) -> None:
        self._spoiled(random, mutator, "/v1/assess", "/v1/assess", _question(random))

    def _batch(self, random: Random, mutator: Mutator) -> None:
        items = [_question(random) for _ in range(random.choice((1, 2, 5)))]
        self._spoiled(random, mutator, "/v1/assess/batch", "/v1/assess/batch", {"items": items})

    def _answers(self, random: Random, mutator: Mutator) -> None:
        names = random.sample(list(self.release.interview.items if self.release.interview else ()), 2)
        answers = [{"question": name, "value": random.choice((0, 1, 2, None))} for name in names]
        template = "/v1/assessments/{assessment_id}/answers"
        self._spoiled(random, mutator, template, template.format(assessment_id=self.assessment), {"answers": answers})

    def _decide(self, random: Random, mutator: Mutator) -> None:
        chosen = {
            "outcome": "overridden",
            "decided": random.choice(("light", "heavy")),
            "reason_code": "patient-told-more",
            "comment": "Zq7Sukunimi 010170-999R",
            "supersedes": None,
        }
        template = "/v1/assessments/{assessment_id}/decision"
        self._spoiled(random, mutator, template, template.format(assessment_id=self.assessment), chosen)

    def _read(self, random: Random, mutator: Mutator) -> None:
        template = "/v1/assessments/{assessment_id}"
        name = random.choice((self.assessment, "zq7-4711", "010170-999R", "%00", "x" * 3_000, "..", "%f0%9f%92%a9"))
        accept = random.choice(
            ("*/*", "application/fhir+json", "application/fhir+json;q=0.5,application/json;q=x", ";")
        )
        language = random.choice(("fi", "sv", "en", "zq7", "*;q=0"))
        headers = {**self.headers, "Accept": accept, "Accept-Language": language}
        given = self.send("GET", template.format(assessment_id=name), headers=headers)
        self.witness.look("GET", template if name != ".." else "/v1/", given)

    def _signed_in(self, role: str) -> tuple[str, str]:
        """The cookies and the form token of somebody at the pages."""
        visitor = Visitor(self.app, self.house).enter(role, PATIENT_ID)
        token = visitor.form_token(of_visitor=False)
        return "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items()), token

    def _example(self, random: Random, mutator: Mutator) -> None:
        """An example of the document, of any operation, spoiled."""
        template, value = random.choice(self._examples)
        name = random.choice((self.assessment, "zq7-4711", "010170-999R", "1"))
        self._spoiled(random, mutator, template, re.sub(r"\{\w+\}", name, template), value)

    def _page(self, random: Random, mutator: Mutator) -> None:
        """Forms and addresses of the pages, filled in by somebody who has signed in."""
        cookies, token = self._people[random.choice(("agent", "clinician"))]
        headers = {"Cookie": cookies, "Accept-Language": random.choice(("fi", "sv", "en", "zq7"))}
        one = random.choice((self.assessment, self.assessment, "zq7-4711", "010170-999R", "%00", "x" * 2_000))
        texts = [mutator.text() for _ in range(4)]
        forms: dict[str, dict[str, str]] = {
            "/pages/find": {"patient": texts[0]},
            "/pages/sign-in": {"user": texts[0], "password": texts[1]},
            "/pages/assessments/{assessment_id}/answers": {
                "question": random.choice(("pain", texts[0])),
                "value": random.choice(("1", "", "nan", texts[1])),
                "number": texts[2],
            },
            "/pages/assessments/{assessment_id}/decision": {
                "outcome": random.choice(("accepted", "overridden", texts[0])),
                "decided": random.choice(("light", texts[1])),
                "reason": random.choice(("patient-told-more", texts[2])),
                "comment": texts[3],
                "supersedes": texts[1],
                "key": texts[2],
            },
        }
        if random.random() < 0.3:
            one_page = "/pages/assessments/{assessment_id}"
            template = random.choice(
                ("/pages", "/pages/model", one_page, f"{one_page}/reasons", "/pages/launch", "/pages/callback")
            )
            names = ("iss", "launch", "code", "state", "language")
            query = {name: mutator.text().encode("utf-8", "replace") for name in names}
            given = self.send("GET", template.format(assessment_id=one), params=query, headers=headers)
            self.witness.page("GET", template, given)
            return
        template = random.choice(list(forms))
        form = {"token": token if random.random() < 0.95 else texts[0], **forms[template]}
        content = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in form.items()})
        named = headers | {"Content-Type": "application/x-www-form-urlencoded"}
        given = self.send("POST", template.format(assessment_id=one), content=content, headers=named)
        self.witness.page("POST", template, given)

    def _stray(self, random: Random, mutator: Mutator) -> None:
        """Addresses that are none, and methods that nobody offers."""
        method = random.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"))
        path = random.choice((
            "/zq7-4711", "/v1/assess/010170-999R", "/v1/assessments/", "/cds-services/", "/cds-services/zq7", "//",
            "/v1/model/x", "/metrics/zq7", "/cds-services/dental-need-booking/", "/v1/assessments/%2e%2e/decision",
            "/%00", "/openapi.json/zq7",
        ))  # fmt: skip
        headers = self.headers if random.random() < 0.5 else {"Authorization": f"Bearer {mutator.random.random()}zq7"}
        given = self.send(method, path, headers=headers, params={"patient": "zq7-4711"})
        self.witness.look(method, path.replace("zq7", "x"), given)


def _examples(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """The bodies that a document shows, with the addresses that they are posted to."""
    shown = []
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        shown += [(path, one["value"]) for one in body.get("examples", {}).values()]
    return shown


class Server:
    """A FHIR server that gives spoiled resources, the wrong status, or pages without end."""

    def __init__(self) -> None:
        self.mutator = Mutator(seeded(0))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        random = self.mutator.random
        assert str(request.url).startswith("https://fhir.example.fi/"), "another server was asked"
        if random.random() < 0.1:
            return httpx.Response(random.choice((204, 301, 401, 404, 410, 429, 500, 503)), text="Zq7Sukunimi")
        kind = request.url.path.removeprefix("/r4/").split("/")[0]
        whole = _resources(random).get(kind.lower(), bundle())
        content = self.mutator.body(self.mutator.value(whole) if random.random() < 0.5 else whole)
        return httpx.Response(200, content=content, headers={"Content-Type": "application/fhir+json"})


def _resources(random: Random) -> dict[str, Any]:
    return {
        "patient": NAMED,
        "encounter": random.choice((OFTEN, record()["encounters"], bundle())),
        "procedure": bundle(procedure(1, "2024-03-05", "SGA01"), NOTED, procedure(2, "2025-04-16", "SFA20")),
        "condition": bundle(condition(1, "2024-03-05", "K04.0"), condition(2, "2025-01-01", "Zq7")),
        "observation": bundle(),
    }


def _call(random: Random, service: str) -> dict[str, Any]:
    """A call as real clients send it."""
    given = _resources(random)
    prefetch: dict[str, Any] = {f"{kind}s": value for kind, value in given.items()} | {"patient": given["patient"]}
    if random.random() < 0.3:
        prefetch["encounters"] |= {"link": [{"relation": "next", "url": f"{SERVER}/Encounter?page=2"}]}
    context: dict[str, Any] = {"userId": random.choice(USERS), "patientId": PATIENT_ID, "encounterId": "89284"}
    if service == BOOKING:
        mine = {**APPOINTMENT, "comment": "Zq7Sukunimi", "serviceType": copy.deepcopy(APPOINTMENT["serviceType"])}
        forms: tuple[Any, ...] = (
            bundle(mine, type="collection"),
            [mine],
            [{"resource": mine}],
            mine,
            bundle(mine, mine),
        )
        context["appointments"] = random.choice(forms)
    authorization = {
        "access_token": "Zq7Secret",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "x",
    }
    return copy.deepcopy({
        "hook": HOOKS[service], "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context,
        "prefetch": prefetch, "fhirServer": random.choice((SERVER, "https://zq7.example/r4")),
        "fhirAuthorization": authorization, "extension": {"com.example.timestamp": "Zq7"},
    })  # fmt: skip


def _question(random: Random) -> dict[str, Any]:
    """A question as real clients send it."""
    question = posted()
    question["patient"]["reference"] = "Patient/zq7-4711"
    question["history"]["answers"] = [{"event_time": "2026-11-01", "question": "pain", "value": 1}]
    known = {"patient_id": KNOWN, "as_of": examples.AS_OF, "unit": "Keskusta"}
    return random.choice((question, question, question, known, copy.deepcopy(examples.EMPTY)))

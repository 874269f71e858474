"""A booking system, as it calls: signed calls with a patient's record as FHIR, and proposed appointments."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from serving.api import create_app
from serving.cds.discovery import BOOKING, HOOKS
from serving.cds.fetch import FhirServer
from serving.house import House
from serving.keys import demo_key
from serving.release import Release
from serving.tenants import DEMO_ISSUER, Directory, Tenant, demo_directory
from serving.tokens import signed
from tests.serving.asker import NOW, URL, Asker

THL = "urn:oid:1.2.246.537.6.33"
ICD = "http://hl7.org/fhir/sid/icd-10"
PATIENT_ID = "pat-1"
SERVER = "https://fhir.example.fi/r4"
LAUNCH = "https://tarve.example.fi/launch"


def dated(day: str) -> str:
    return f"{day}T10:00:00+02:00"


def encounter(number: int, day: str) -> dict[str, Any]:
    return {"resourceType": "Encounter", "id": f"e{number}", "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/{PATIENT_ID}"},
            "serviceType": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "88"}]},
            "period": {"start": dated(day), "end": f"{day}T10:45:00+02:00"}}  # fmt: skip


def procedure(number: int, day: str, code: str) -> dict[str, Any]:
    return {"resourceType": "Procedure", "id": f"p{number}", "status": "completed",
            "subject": {"reference": f"Patient/{PATIENT_ID}"}, "encounter": {"reference": f"Encounter/e{number}"},
            "code": {"coding": [{"system": THL, "code": code}]}, "performedDateTime": dated(day)}  # fmt: skip


def condition(number: int, day: str, code: str) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": f"Patient/{PATIENT_ID}"},
            "code": {"coding": [{"system": ICD, "code": code}]}, "recordedDate": dated(day)}  # fmt: skip


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


PERSON = {"resourceType": "Patient", "id": PATIENT_ID, "birthDate": "1971-05-17", "gender": "female"}
RECORD: dict[str, Any] = {
    "patient": PERSON,
    "encounters": bundle(encounter(1, "2024-03-05"), encounter(2, "2025-04-16"), encounter(3, "2026-10-06")),
    "procedures": bundle(procedure(1, "2024-03-05", "SGA01"), procedure(2, "2025-04-16", "SFA20")),
    "conditions": bundle(condition(1, "2024-03-05", "K04.0")),
    "observations": bundle(),
}
APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "id": "apt-1",
    "meta": {"versionId": "7"},
    "status": "proposed",
    "appointmentType": {"coding": [{"system": "urn:oid:1.2.246.537.6.884", "code": "10"}]},
    "serviceType": [{"coding": [{"system": "urn:oid:1.2.246.537.6.49", "code": "T60"}]}],
    "start": "2026-12-01T09:00:00+02:00",
    "end": "2026-12-01T09:10:00+02:00",
    "minutesDuration": 10,
    "participant": [{"actor": {"reference": f"Patient/{PATIENT_ID}"}, "status": "needs-action"}],
    "extension": [{"url": "urn:x", "valueString": "kept"}],
    "_odd": {"anything": [1, None, "x"]},
}


def record(**changed: Any) -> dict[str, Any]:
    """The prefetch of a whole record; a key that is given as `...` is left out."""
    return {name: copy.deepcopy(one) for name, one in (RECORD | changed).items() if one is not ...}


@dataclass
class Client:
    """A booking system of the demo's tenant, or of another."""

    asker: Asker
    house: House
    issuer: str = DEMO_ISSUER

    def token(self, path: str, **more: Any) -> str:
        """A fresh token for one call."""
        return signed(demo_key(self.house.settings.keys), self.issuer, f"{URL}{path}", NOW, **more)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """One signed call; a body of bytes is sent as it is."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {self.token(path)}", "Content-Type": "application/json", **(headers or {})}
        return self.asker.of({}).request("POST", path, content=content, headers=named)

    def call(self, service: str = BOOKING, headers: Mapping[str, str] | None = None, **said: Any) -> httpx.Response:
        """A call of a service."""
        return self.post(f"/cds-services/{service}", self.body(service, **said), headers)

    def body(self, service: str = BOOKING, **said: Any) -> dict[str, Any]:
        """The body of a call, with members of the context and of the body by name."""
        context = {"userId": "Practitioner/7", "patientId": PATIENT_ID}
        if service == BOOKING:
            context["appointments"] = bundle(APPOINTMENT, type="collection")  # type: ignore[assignment]
        context |= said.pop("context", {})
        body = {
            "hook": HOOKS.get(service, "x"),
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {name: one for name, one in context.items() if one is not ...},
            "prefetch": record(),
        }
        return {name: one for name, one in (body | said).items() if one is not ...}

    def cards(self, service: str = BOOKING, **said: Any) -> list[dict[str, Any]]:
        """The cards of a call that must succeed; their shape is looked at."""
        given = self.call(service, **said)
        assert given.status_code == 200, given.text
        found: list[dict[str, Any]] = given.json()["cards"]
        assert set(given.json()) == {"cards"}
        for card in found:
            require_card(card)
        return found


def require_card(card: dict[str, Any]) -> None:
    """The shape of a card as CDS Hooks 2.0 says it."""
    assert set(card) <= {"uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior",
                         "overrideReasons", "links"}  # fmt: skip
    assert 0 < len(card["summary"]) <= 139
    assert card["indicator"] in {"info", "warning", "critical"}
    assert card["source"]["label"]
    assert set(card["source"]) <= {"label", "url", "icon", "topic"}
    assert set(card["source"].get("topic", {})) <= {"system", "code", "display"}
    assert ("suggestions" in card) <= ("selectionBehavior" in card)
    assert card.get("selectionBehavior", "any") in {"at-most-one", "any"}
    for suggestion in card.get("suggestions", ()):
        assert suggestion["label"]
        for action in suggestion["actions"]:
            assert action["type"] in {"create", "update", "delete"}
            assert action["description"]
            assert action["resource"]["resourceType"]
    for reason in card.get("overrideReasons", ()):
        assert set(reason) == {"code", "system", "display"}
    for link in card.get("links", ()):
        assert link["type"] in {"absolute", "smart"}
        assert link["label"]
        assert link["url"]
        assert link["type"] == "smart" or "appContext" not in link
    without_ours = {name: one for name, one in card.items() if name != "suggestions"}
    assert list(empty(without_ours)) == []


def empty(value: object) -> Iterator[object]:
    """Nulls, empty lists and empty objects, which the standard forbids."""
    if value is None or value in ([], {}):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from empty(inner)


Answering = Callable[[httpx.Request], httpx.Response]


def listed(house: House, **more: Any) -> House:
    """The house of a tenant with a listed FHIR server."""
    tenant: dict[str, Any] = {"fhir_servers": (SERVER,)} | more
    return replace(house, directory=demo_directory(demo_key(house.settings.keys), **tenant))


def client_of(release: Release, house: House, server: Answering | None = None) -> Client:
    """A client of a house, whose FHIR server answers so."""
    transport = httpx.MockTransport(server or refuse)
    app = create_app(release, house, lambda: NOW, lambda base, token: FhirServer(base, token, transport))
    return Client(Asker(app), house)


def refuse(request: httpx.Request) -> httpx.Response:
    """A server that nobody may ask."""
    pytest.fail(f"{urlsplit(str(request.url)).netloc} was asked")


def with_issuer(house: House, name: str, tenant: Tenant) -> House:
    """A house where one more issuer, with the demo's key, vouches for another tenant."""
    known = house.directory
    issuer = replace(known.issuers[DEMO_ISSUER], name=name, tenant=tenant)
    return replace(house, directory=Directory(known.tenants | {tenant.name: tenant}, {**known.issuers, name: issuer}))


def json_bytes(value: object) -> bytes:
    """JSON as compactly as can be."""
    return orjson.dumps(value)


def moment(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text)

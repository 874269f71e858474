"""Lines of the audit, shaped like FHIR R4 AuditEvents: who did what, when, for whom, why, by which model.

A line names no patient but by a keyed hash, and holds no free text and no token. The chain that binds the lines is
`serving.storage.chain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from records.identity import looks_like_identity_code
from serving.keys import Secrets

Deed = Literal[
    "assess",
    "answer",
    "read",
    "decide",
    "hook",
    "feedback",
    "reproduce",
    "sign-in",
    "sign-out",
    "read-portal",
    "mark-read",
    "report-care",
    "read-treatment-feedback",
    "cancel-treatment-feedback",
    "read-report",
    "read-overdue",
    "read-dead-letters",
    "send-again",
    "receipt",
]
ACTIONS: Mapping[Deed, str] = {
    "assess": "E",
    "answer": "E",
    "read": "R",
    "decide": "C",
    "hook": "E",
    "feedback": "C",
    "reproduce": "R",
    "sign-in": "E",
    "sign-out": "E",
    "read-portal": "R",
    "mark-read": "U",
    "report-care": "C",
    "read-treatment-feedback": "R",
    "cancel-treatment-feedback": "U",
    "read-report": "R",
    "read-overdue": "R",
    "read-dead-letters": "R",
    "send-again": "U",
    "receipt": "C",
}
"""What each deed is to FHIR: execute, read, create, update."""

PATIENT, ASSESSMENT, DEED = "urn:tarve:patient", "urn:tarve:assessment", "urn:tarve:deed"
_TYPE = {
    "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
    "code": "rest",
    "display": "RESTful Operation",
}
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"


@dataclass(frozen=True)
class Actor:
    """Who does something.

    Attributes:
        issuer: who vouches for the actor.
        subject: the actor's name with the issuer.
        tenant: for which organisation.
        purpose: why, as a code of v3-ActReason.
        user: the person for whom a system acts, as a FHIR reference; a patient only as a keyed hash.
    """

    issuer: str
    subject: str
    tenant: str
    purpose: str
    user: str | None = None


@dataclass(frozen=True)
class Object:
    """What it is done to.

    Attributes:
        patient: keyed hash of the patient.
        assessment: the assessment.
        details: what else is known of it, as the model's version, by name.
        others: whatever else, as kind and name: a message, a treatment feedback, more patients by their keyed hash.
    """

    patient: str | None = None
    assessment: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[tuple[str, str]] = ()


def line(deed: Deed, actor: Actor, thing: Object, at: datetime, secrets: Secrets) -> str:
    """One line of the audit, as it is kept."""
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": _TYPE,
        "subtype": [{"system": DEED, "code": deed}],
        "action": ACTIONS[deed],
        "recorded": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "outcome": "0",
        "purposeOfEvent": [{"coding": [{"system": _ACT_REASON, "code": actor.purpose}]}],
        "agent": _agents(actor, secrets),
        "source": {"site": actor.tenant, "observer": {"display": "Tarve"}},
    }
    entities = list(_entities(thing))
    return orjson.dumps(event | ({"entity": entities} if entities else {})).decode()


def _agents(actor: Actor, secrets: Secrets) -> list[dict[str, Any]]:
    subject = actor.subject
    if looks_like_identity_code(subject):
        subject = secrets.patient(actor.tenant, subject)
    agents = [{"who": {"identifier": {"system": actor.issuer, "value": subject}}, "requestor": actor.user is None}]
    if actor.user is not None:
        agents.append({"who": {"identifier": {"system": "urn:tarve:user", "value": actor.user}}, "requestor": True})
    return agents


def _entities(thing: Object) -> Any:
    if thing.patient is not None:
        yield {
            "what": {"identifier": {"system": PATIENT, "value": thing.patient}},
            "role": {"system": _ROLES, "code": "1", "display": "Patient"},
        }
    if thing.assessment is not None:
        details = [{"type": name, "valueString": value} for name, value in thing.details.items()]
        yield {
            "what": {"identifier": {"system": ASSESSMENT, "value": thing.assessment}},
            "role": {"system": _ROLES, "code": "3", "display": "Report"},
        } | ({"detail": details} if details else {})
    for kind, name in thing.others:
        yield {"what": {"identifier": {"system": f"urn:tarve:{kind}", "value": name}}}

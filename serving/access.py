"""Who may do what: scopes, the roles that bundle them, and the table of every route.

A token carries scopes; a role is a name for those that one kind of caller gets. A route that has no row here cannot be
served: the application refuses to start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SCOPES: Mapping[str, str] = {
    "cds": "call the CDS Hooks services and give feedback on their cards",
    "assess": "ask for the assessment of one patient",
    "batch": "ask for assessments of many patients",
    "assessments.read": "read the tenant's assessments",
    "assessments.launched": "read the assessments of the patient whom the token names",
    "interview": "tell what patients answered, on assessments that may be read",
    "decide": "decide on assessments that may be read",
    "model.read": "read what runs here",
    "metrics.read": "read the numbers for the operator",
}
"""What a token can allow."""

ROLES: Mapping[str, frozenset[str]] = {
    "booking-system": frozenset({"cds", "assess", "batch", "assessments.read", "interview", "decide", "model.read"}),
    "clinician": frozenset({"assessments.launched", "interview", "decide", "model.read"}),
    "data-scientist": frozenset({"batch", "metrics.read", "model.read"}),
    "operator": frozenset({"metrics.read", "model.read"}),
    "officer": frozenset({"model.read"}),
    "provider": frozenset(),
}
"""Role -> its scopes. A data scientist asks for assessments but reads nobody's; an operator sees no patient at all."""

Credential = Literal["none", "bearer", "cds"]


@dataclass(frozen=True)
class Rule:
    """What a route asks of its caller.

    Attributes:
        credential: nothing, an OAuth bearer token, or a CDS Hooks token made out to the very route.
        scopes: any one of these is enough.
        purpose: why it is asked, as a code of v3-ActReason, for the audit.
    """

    credential: Credential
    scopes: frozenset[str] = frozenset()
    purpose: str = ""


def _open() -> Rule:
    return Rule("none")


def _bearer(*scopes: str, purpose: str = "") -> Rule:
    return Rule("bearer", frozenset(scopes), purpose)


def _cds(purpose: str = "TREAT") -> Rule:
    return Rule("cds", frozenset({"cds"}), purpose)


READING = ("assessments.read", "assessments.launched")

ROUTES: Mapping[tuple[str, str], Rule] = {
    ("GET", "/"): _open(),
    ("GET", "/docs"): _open(),
    ("GET", "/openapi.json"): _open(),
    ("GET", "/metrics"): _bearer("metrics.read"),
    ("GET", "/v1/model"): _bearer("model.read"),
    ("POST", "/v1/assess"): _bearer("assess", purpose="TREAT"),
    ("POST", "/v1/assess/batch"): _bearer("batch", purpose="HOPERAT"),
    ("GET", "/v1/assessments/{assessment_id}"): _bearer(*READING, purpose="TREAT"),
    ("POST", "/v1/assessments/{assessment_id}/answers"): _bearer("interview", purpose="TREAT"),
    ("POST", "/v1/assessments/{assessment_id}/decision"): _bearer("decide", purpose="TREAT"),
    ("GET", "/cds-services"): _open(),
    ("POST", "/cds-services/{service_id}"): _cds(),
    ("POST", "/cds-services/{service_id}/feedback"): _cds(),
}
"""(method, path) -> what it asks of its caller. HEAD is as GET."""

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
    "record": "see the history that an assessment was made from, and what made it so",
    "model.read": "read what runs here",
    "metrics.read": "read the numbers for the operator",
    "portal": "read the portal messages of the provider whom the token names",
    "treatment-feedback": "send and cancel treatment feedback of the provider whom the token names",
    "vouchers.report": "read how many vouchers, messages and cancellations there were",
    "vouchers.overdue": "read which clients are overdue",
    "vouchers.mend": "see undelivered messages, send them again, and cancel any treatment feedback",
    "receipts": "tell what became of text messages",
}
"""What a token can allow."""

ROLES: Mapping[str, frozenset[str]] = {
    "booking-system": frozenset({"cds", "assess", "batch", "assessments.read", "interview", "decide", "model.read"}),
    "agent": frozenset({"assess", "assessments.read", "interview", "decide", "model.read"}),
    "clinician": frozenset({"assessments.launched", "interview", "decide", "model.read", "record"}),
    "data-scientist": frozenset({"batch", "metrics.read", "model.read"}),
    "operator": frozenset({"metrics.read", "model.read"}),
    "officer": frozenset({"model.read", "vouchers.report", "vouchers.overdue", "vouchers.mend"}),
    "provider": frozenset({"portal", "treatment-feedback"}),
    "gateway": frozenset({"receipts"}),
}
"""Role -> its scopes. An agent books and is told what to book; a clinician also sees the history behind it. A data
scientist asks for assessments but reads nobody's; an operator sees no patient at all."""

DEMO_ROLES = tuple(sorted(ROLES.keys() - {"booking-system", "provider", "gateway"}))
"""Roles of people who have something to do at the pages; each is the name of a user of the demo."""

Credential = Literal["none", "bearer", "cds", "session"]


@dataclass(frozen=True)
class Rule:
    """What a route asks of its caller.

    Attributes:
        credential: nothing, an OAuth bearer token, a CDS Hooks token made out to the very route, or the session of a
            person who has signed in at the pages.
        scopes: any one of these is enough; none asks for no more than the credential.
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


def _person(*scopes: str) -> Rule:
    return Rule("session", frozenset(scopes), "TREAT")


OF_PROVIDER = frozenset({"portal", "treatment-feedback"})
"""Scopes that hold only for a token that names a provider, and from an issuer that may speak for it."""

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
    ("GET", "/v1/portal/messages"): _bearer("portal", purpose="TREAT"),
    ("POST", "/v1/portal/messages/{message_id}/read"): _bearer("portal", purpose="TREAT"),
    ("POST", "/v1/treatment-feedback"): _bearer("treatment-feedback", purpose="TREAT"),
    ("GET", "/v1/treatment-feedback/{feedback_id}"): _bearer("treatment-feedback", purpose="TREAT"),
    ("POST", "/v1/treatment-feedback/{feedback_id}/cancel"): _bearer("treatment-feedback", purpose="TREAT"),
    ("GET", "/v1/vouchers/report"): _bearer("vouchers.report", purpose="HOPERAT"),
    ("GET", "/v1/vouchers/report.csv"): _bearer("vouchers.report", purpose="HOPERAT"),
    ("GET", "/v1/vouchers/report.html"): _bearer("vouchers.report", purpose="HOPERAT"),
    ("GET", "/v1/vouchers/overdue"): _bearer("vouchers.overdue", purpose="HOPERAT"),
    ("GET", "/v1/vouchers/overdue.html"): _bearer("vouchers.overdue", purpose="HOPERAT"),
    ("GET", "/v1/vouchers/dead-letters"): _bearer("vouchers.mend", purpose="HOPERAT"),
    ("POST", "/v1/vouchers/dead-letters/send-again"): _bearer("vouchers.mend", purpose="HOPERAT"),
    ("POST", "/v1/vouchers/treatment-feedback/{feedback_id}/cancel"): _bearer("vouchers.mend", purpose="HOPERAT"),
    ("POST", "/v1/receipts"): _bearer("receipts", purpose="HOPERAT"),
    ("GET", "/cds-services"): _open(),
    ("POST", "/cds-services/{service_id}"): _cds(),
    ("POST", "/cds-services/{service_id}/feedback"): _cds(),
    ("GET", "/pages/style.css"): _open(),
    ("GET", "/pages/sign-in"): _open(),
    ("POST", "/pages/sign-in"): _open(),
    ("GET", "/pages/launch"): _open(),
    ("GET", "/pages/callback"): _open(),
    ("GET", "/pages"): _person(),
    ("POST", "/pages/sign-out"): _person(),
    ("POST", "/pages/find"): _person("assess", "assessments.launched"),
    ("GET", "/pages/assessments/{assessment_id}"): _person(*READING),
    ("GET", "/pages/assessments/{assessment_id}/reasons"): _person("record"),
    ("POST", "/pages/assessments/{assessment_id}/answers"): _person("interview"),
    ("POST", "/pages/assessments/{assessment_id}/decision"): _person("decide"),
    ("GET", "/pages/model"): _person("model.read"),
    ("GET", "/pages/vouchers"): _person("vouchers.report"),
    ("GET", "/pages/overdue"): _person("vouchers.overdue"),
}
"""(method, path) -> what it asks of its caller. HEAD is as GET."""

WITHOUT_MODEL = ("/metrics", "/v1/portal/", "/v1/treatment-feedback", "/v1/vouchers/", "/v1/receipts")
"""How the paths begin that are served also before any model was promoted."""

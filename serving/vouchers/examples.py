"""What the document shows of vouchers: questions that are taken, and answers as they look. Nobody in them is real."""

from __future__ import annotations

from typing import Any

from serving.wire import Faults

MESSAGE = "5f0c3a9d21be47d08a7b6c5d4e3f2a10"
FEEDBACK_ID = "9b1d6f0c3a9d41be87d05a7b6c5d4e3f"
ALERT = "2c6ee24b09816a6f14f95d1698b24ead"
VISIT: dict[str, Any] = {
    "at": "2026-11-20T12:15:00+02:00",
    "minutes": 40,
    "profession": "dentist",
    "urgency": "routine",
    "procedures": [{"code": "SFA20", "tooth": 36, "surfaces": "MO"}, {"code": "WX110"}],
}
FEEDBACK: dict[str, Any] = {
    "going_on": {
        "summary": "A visit; the care goes on",
        "value": {"voucher_id": "k00000042", "visits": [VISIT], "ends_care": False},
    },
    "ended": {
        "summary": "The care has ended",
        "value": {"voucher_id": "k00000042", "visits": [], "ends_care": True},
    },
    "corrected": {
        "summary": "In the place of one that was cancelled",
        "value": {"voucher_id": "k00000042", "visits": [VISIT], "ends_care": True, "corrects": FEEDBACK_ID},
    },
}
CANCEL: dict[str, Any] = {"cancel": {"summary": "Why, if you like", "value": {"reason": "another voucher was meant"}}}
OFFICER_CANCEL: dict[str, Any] = {
    "cancel": {"summary": "With a reason", "value": {"reason": "the provider has asked by telephone"}}
}
SEND_AGAIN: dict[str, Any] = {
    "again": {"summary": "One message", "value": {"messages": [MESSAGE], "reason": "the gateway works again"}}
}
RECEIPTS: dict[str, Any] = {
    "delivered": {"summary": "It has arrived", "value": {"state": "delivered", "key": MESSAGE}},
    "failed": {"summary": "It has not, and will not", "value": {"state": "failed", "id": "gw-4711"}},
}

PORTAL: dict[str, Any] = {
    "unread": 1,
    "messages": [
        {
            "message_id": MESSAGE,
            "voucher_id": "k00000042",
            "subject": "visit_interval",
            "put_at": "2026-11-22T08:00:00Z",
            "read_at": None,
            "current": True,
            "text": "The last visit on voucher k00000042 was on 20 May 2026.",
        }
    ],
}
TAKEN: dict[str, Any] = {
    "feedback_id": FEEDBACK_ID,
    "voucher_id": "k00000042",
    "state": "active",
    "sent_at": "2026-11-22T12:30:00Z",
    "cancel_until": "2026-11-23T00:00:00+02:00",
}
CANCELLED: dict[str, Any] = {"feedback_id": FEEDBACK_ID, "events": 3}
LETTERS: dict[str, Any] = {
    "messages": [
        {
            "message_id": MESSAGE,
            "definition_id": "ordinary-2020",
            "rule": "not_activated",
            "state": "dead",
            "reason": "gave_up",
            "attempts": 10,
            "since": "2026-11-21T17:02:11Z",
        }
    ]
}
_ROW_OF_REPORT = {"names": ["all"], "counts": [31, 12, 840, 96, 9], "shares": [0.031, 0.012, 0.85, 0.097, 0.009]}
REPORT: dict[str, Any] = {
    "as_of": "2026-11-22T10:00:00+02:00",
    "fewest_people": 5,
    "definitions": {"ordinary-2020": {"fi": "palveluseteli", "sv": "servicesedel", "en": "voucher"}},
    "examples": [],
    "families": {
        "activation": {
            "hidden": False,
            "all": {
                "outcomes": [["unactivated"], ["late"], ["in_time"], ["waiting"], ["closed"]],
                "rows": [_ROW_OF_REPORT | {"sum": 988}],
            },
        }
    },
}
_SAYS = {
    "fi": "Paikka mallin ehdottaman tarpeen mukaan.",
    "sv": "Plats enligt det behov som modellen föreslår.",
    "en": "Placed by the need that the model suggests.",
}
OVERDUE: dict[str, Any] = {
    "as_of": "2026-11-22T08:00:00Z",
    "run_at": "2026-11-22T06:00:00Z",
    "ordered_by": "need",
    "fallback": None,
    "says": {
        "fi": "Järjestys: arvioitu hoidon tarve, sitten ylityksen päivät.",
        "sv": "Ordning: bedömt vårdbehov, sedan dagar över gränsen.",
        "en": "Order: assessed need for care, then days overdue.",
    },
    "model": "tarve-need 4",
    "rules": [{"name": "not_activated", "version": 1}, {"name": "visit_interval", "version": 1}],
    "segments_from": "2024-01-01",
    "total": 1,
    "rows": [
        {
            "position": 1,
            "patient_id": "c00000042",
            "voucher_id": "k00000042",
            "provider_id": "p17",
            "definition_id": "ordinary-2020",
            "rule": {"name": "not_activated", "version": 1},
            "breached_on": "2026-11-12",
            "days_overdue": 11,
            "why": {
                "fi": "Palveluseteli myönnettiin 12.9.2026, eikä sitä aktivoitu 60 päivän kuluessa.",
                "sv": "Servicesedeln beviljades 12.9.2026 och aktiverades inte inom 60 dagar.",
                "en": "The voucher was granted on 12 September 2026 and was not activated within 60 days.",
            },
            "ordered_by": "need",
            "need": {
                "segment": "heavy",
                "decided": False,
                "suggested": "heavy",
                "visits": 7.4,
                "at_least_heavy": 0.71,
                "as_of": "2026-09-11T07:30:00Z",
                "assessment_id": "3f2b8c1e-6d1f-4a57-9a53-0d9f3f6c1b2a",
                "model": "tarve-need 4",
                "features": "5d1f3c",
                "rules": "2024-01-01",
            },
            "says": _SAYS,
        }
    ],
}


def answer(example: dict[str, Any], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """An answer of the document, with its example."""
    return {status: {"content": {"application/json": {"example": example}}}}


def of_type(media_type: str, says: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON."""
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}, "description": says}}


_LATE = (
    "A sender can cancel a treatment feedback only on the day it was sent (20 November 2026). Ask the city to do it."
)
TOO_LATE: dict[int | str, dict[str, Any]] = {
    409: {
        "model": Faults,
        "description": "The day is over, with whom to ask; or it was cancelled before.",
        "content": {"application/json": {"example": {"errors": [{"where": "feedback_id", "what": _LATE}]}}},
    }
}

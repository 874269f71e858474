"""The questions that the API document shows. The service answers them once at start, so the document cannot lie."""

from __future__ import annotations

from typing import Any

AS_OF = "2026-11-22T10:00:00+02:00"

ID = "3f2b8c1e-6d1f-4a57-9a53-0d9f3f6c1b2a"
"""The name of the assessment that the document shows; real ones are random."""

UPDATED_ID = "b9d8a1c4-7f0e-4c53-8d0f-5a1e6c7b2d91"
TOLD = {"pain": 1.0}
"""An assessment of the document that follows the first one, after an answer."""

KNOWN: dict[str, Any] = {"patient_id": "P000123", "as_of": AS_OF}

_CLINIC = {"mode": "office", "unit": "Keskusta", "producer": "own"}

POSTED: dict[str, Any] = {
    "patient": {"birth_date": "1971-05-17", "sex": "female", "special_needs": False},
    "history": {
        "contacts": [
            {"event_time": "2024-03-04T08:12+02:00", "channel": "phone", "urgency": "urgent", "service": "treatment"},
            {"event_time": "2026-09-28T09:40+03:00", "channel": "web", "urgency": "routine", "service": "examination"},
        ],
        "visits": [
            {"event_id": "v1", "event_time": "2024-03-05T13:00+02:00", "minutes": 30, "profession": "dentist",
             "urgency": "urgent", **_CLINIC},
            {"event_id": "v2", "event_time": "2024-04-16T10:30+03:00", "minutes": 45, "profession": "dentist",
             "urgency": "routine", **_CLINIC},
            {"event_id": "v3", "event_time": "2026-10-06T12:00+03:00", "minutes": 60, "profession": "hygienist",
             "urgency": "routine", **_CLINIC},
        ],
        "procedures": [
            {"event_time": "2024-03-05T13:00+02:00", "visit_id": "v1", "code": "SGA01", "code_system": "thl",
             "tooth": 36},
            {"event_time": "2024-04-16T10:30+03:00", "visit_id": "v2", "code": "SFA20", "code_system": "thl",
             "tooth": 36, "surfaces": "MO"},
            {"event_time": "2026-10-06T12:00+03:00", "visit_id": "v3", "code": "SDA02", "code_system": "thl"},
        ],
        "diagnoses": [{"event_time": "2024-03-05T13:00+02:00", "visit_id": "v1", "code": "K040", "tooth": 36}],
        "findings": [
            {"event_time": "2026-10-06T12:00+03:00", "visit_id": "v3", "kind": "cpi", "value": 3},
            {"event_time": "2026-10-06T12:00+03:00", "visit_id": "v3", "kind": "bop", "value": 38},
        ],
    },
    "as_of": AS_OF,
}  # fmt: skip

EMPTY: dict[str, Any] = {"patient": {"birth_date": "2001-01-31", "sex": "male"}, "history": {}, "as_of": AS_OF}

QUESTIONS: dict[str, dict[str, Any]] = {
    "posted_history": {"summary": "A history posted with the question", "value": POSTED},
    "known_patient": {"summary": "A patient of the service's record store", "value": KNOWN},
    "no_history": {"summary": "A patient about whom nothing is recorded", "value": EMPTY},
}
"""As OpenAPI wants examples of a request body."""

BATCHES: dict[str, dict[str, Any]] = {
    "two_patients": {"summary": "Two patients at once", "value": {"items": [KNOWN, EMPTY]}},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "answered": {"summary": "One answer", "value": {"answers": [{"question": "pain", "value": 1}]}},
    "not_answered": {
        "summary": "Several at once; the patient would not say the second",
        "value": {"answers": [{"question": "bleeding", "value": 2}, {"question": "smoking", "value": None}]},
    },
}
CHOICES: dict[str, dict[str, Any]] = {
    "accepted": {"summary": "As suggested", "value": {"outcome": "accepted"}},
    "overridden": {
        "summary": "Otherwise, and why",
        "value": {"outcome": "overridden", "decided": "moderate", "reason_code": "patient-told-more"},
    },
}

"""Short ways to write record histories in tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from records.clock import instant
from records.history import History

PATIENT = {"birth_date": date(1980, 2, 29), "sex": "female", "special_needs": False, "non_disclosure": False}
DEFAULTS: dict[str, dict[str, Any]] = {
    "contacts": {"channel": "phone", "urgency": "routine", "service": "examination"},
    "appointments": {
        "appointment_id": "1",
        "state": "booked",
        "starts_at": instant("2020-01-01"),
        "profession": "dentist",
    },
    "visits": {"minutes": 30, "profession": "dentist", "urgency": "routine", "mode": "office", "producer": "own"},
    "procedures": {"code": "SFA10", "code_system": "thl"},
    "diagnoses": {"code": "K021"},
    "findings": {"kind": "dmft", "value": 4},
    "answers": {"question": "pain", "value": 1.0},
    "vouchers": {"voucher_id": "1", "definition_id": "1", "state": "granted"},
    "charges": {"category": "dental", "cents": 1000},
}


def patient(name: str = "a", **more: Any) -> dict[str, Any]:
    """One patient."""
    return {"patient_id": name, **PATIENT, **more}


def event(table: str, when: str, known: str | None = None, patient: str = "a", **more: Any) -> dict[str, Any]:
    """One event of a table; `when` and `known` are ISO texts, Helsinki time without an offset."""
    made = {"patient_id": patient, "event_time": instant(when), "recorded_at": instant(known or when), "source": "test"}
    made |= {"event_id": f"{patient}-{when}-{known or ''}-{sorted(more.items())}"} | DEFAULTS[table]
    return made | more


def history(*patients: dict[str, Any], **events: list[dict[str, Any]]) -> History:
    """A history of patients (one called `a` when none is given) and events by table."""
    return History.from_rows({"patients": list(patients) or [patient()], **events})

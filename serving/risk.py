"""A kept assessment as FHIR R4 RiskAssessment: one prediction a segment, with what moved the estimate.

Decimal probabilities are per cent, as R4 says of `prediction.probability[x]`. Expected visits and minutes have no
element in R4; they stand in extensions of our own. Members without a value are left out, as FHIR demands.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from features.families import Language
from serving.audit import PATIENT
from serving.storage.ledger import Kept
from serving.wire import Answer
from serving.words import PROFESSIONS, SEGMENTS, TEXTS, number, word

MEDIA_TYPE = "application/fhir+json"


def risk_assessment(kept: Kept, said: Answer, base: str, horizon_days: int, language: Language) -> dict[str, Any]:
    """The resource.

    Args:
        kept: the assessment as it was kept.
        said: its answer.
        base: public URL of the service, which names its code systems.
        horizon_days: days that the predictions look ahead.
        language: of all texts.
    """
    resource: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": kept.id,
        "language": language,
        "extension": _expected(said, base),
        "identifier": [{"system": "urn:tarve:assessment", "value": kept.id}],
        "status": "final",
        "method": _concept(f"{base}/fhir/model", f"{said.model.name}-{said.model.version}", _method(said)),
        "code": _concept(f"{base}/fhir/topic", "dental-need", TEXTS["topic"][language]),
        "subject": {"type": "Patient", "identifier": {"system": PATIENT, "value": kept.patient_id}},
        "occurrenceDateTime": _moment(said.as_of),
        "performer": {"type": "Device", "display": f"Tarve, {said.model.name} {said.model.version}"},
        "basis": [{"display": _basis(said, language)}],
        "prediction": _predictions(said, base, horizon_days, language),
        "mitigation": _booking(said, language),
        "note": [{"text": getattr(said.says, language)}],
    }
    return {name: value for name, value in resource.items() if value}


def _predictions(said: Answer, base: str, horizon_days: int, language: Language) -> list[dict[str, Any]]:
    within = {"start": _moment(said.as_of), "end": _moment(_later(said.as_of, horizon_days))}
    suggested = None if said.segment is None else said.segment.name
    why = " ".join(getattr(reason.text, language) for reason in said.reasons)
    found = []
    for name, share in (said.probabilities or {}).items():
        prediction: dict[str, Any] = {
            "outcome": _concept(f"{base}/fhir/segment", name, word(SEGMENTS, name, language)),
            "probabilityDecimal": round(100 * share, 2),
            "whenPeriod": within,
        }
        if name == suggested and why:
            prediction["rationale"] = why
        found.append(prediction)
    return found


def _expected(said: Answer, base: str) -> list[dict[str, Any]]:
    amounts = {"expected-visits": said.visits, "expected-minutes": said.minutes}
    return [
        {"url": f"{base}/fhir/StructureDefinition/{name}", "valueDecimal": round(amount.total, 2)}
        for name, amount in amounts.items()
        if amount is not None
    ]


def _booking(said: Answer, language: Language) -> str:
    first = said.first_appointment
    who = word(PROFESSIONS, first.profession, language)
    return f"{TEXTS['book'][language]}: {getattr(first.label, language)}, {who}, {first.minutes} min"


def _basis(said: Answer, language: Language) -> str:
    events = f"{number(said.history.events_seen, 0, language)} {TEXTS['events'][language]}"
    if said.history.age_days is None:
        return events
    return f"{events}, {TEXTS['latest'][language].format(days=said.history.age_days)}"


def _method(said: Answer) -> str:
    return f"{said.model.name} {said.model.version}, features {said.model.features}, rules {said.model.rules}"


def _concept(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _later(at: datetime, days: int) -> datetime:
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return at

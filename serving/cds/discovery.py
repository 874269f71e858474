"""The services offered, and what each wants to be given of a patient's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.wire import READ

BOOKING, VIEW = "dental-need-booking", "dental-need-view"
HOOKS: Mapping[str, str] = {BOOKING: "appointment-book", VIEW: "patient-view"}
"""Service id -> its hook; one service a hook, because a client tells them apart by id alone."""

PATIENT = "{{context.patientId}}"
PAGE = 200


@dataclass(frozen=True)
class Wanted:
    """One prefetch key.

    Attributes:
        template: the FHIR read or search, with the token of the patient's id.
        table: the table of the record schema that it fills.
        required: whether nothing can be said without it: counts of what was not given would be zeros, and zeros
            say "healthy". Findings are values, and a missing value is no zero.
    """

    template: str
    table: str
    required: bool


_ALL: Mapping[str, Wanted] = {
    "patient": Wanted(f"Patient/{PATIENT}", "patients", required=True),
    "encounters": Wanted(f"Encounter?patient={PATIENT}&_count={PAGE}", "visits", required=True),
    "procedures": Wanted(f"Procedure?patient={PATIENT}&_count={PAGE}", "procedures", required=True),
    "conditions": Wanted(f"Condition?patient={PATIENT}&_count={PAGE}", "diagnoses", required=True),
    "observations": Wanted(f"Observation?patient={PATIENT}&_count={PAGE}", "findings", required=False),
    "appointments": Wanted(f"Appointment?patient={PATIENT}&_count={PAGE}", "appointments", required=False),
}
WANTED: Mapping[str, Wanted] = {
    key: wanted for key, wanted in _ALL.items() if wanted.table == "patients" or wanted.table in READ
}
"""Prefetch key -> what it is; only what some feature reads is asked for."""

_ABOUT: Mapping[str, tuple[str, str]] = {
    BOOKING: (
        "Need for dental care, for booking",
        "Suggests how long the first dental appointment should be and with whom, before it is booked.",
    ),
    VIEW: (
        "Need for dental care",
        "Tells how much dental care the patient will probably need, and why.",
    ),
}
USAGE = "A suggestion made from what is recorded; a person decides. It is no diagnosis."


def services() -> dict[str, Any]:
    """The body of discovery."""
    prefetch = {key: wanted.template for key, wanted in WANTED.items()}
    return {
        "services": [
            {"hook": hook, "id": name, "title": _ABOUT[name][0], "description": _ABOUT[name][1],
             "prefetch": prefetch, "usageRequirements": USAGE, "version": "2.0.1"}
            for name, hook in HOOKS.items()
        ]
    }  # fmt: skip

"""FHIR resources of one patient as the history that an assessment is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from records.clock import HELSINKI
from records.person import Person, Row
from records.sources.fhir import from_resources
from records.sources.fhir.rows import KINDS
from serving.wire import READ, Notice

SOURCE = "fhir"
SPECIAL_NEEDS = "WYA30"
"""THL's code for the care of a patient who needs special arrangements."""


@dataclass(frozen=True)
class PatientHistory:
    """The unchecked history of one patient, and what there is to say about it."""

    person: Person
    notices: tuple[Notice, ...]


def patient_history(
    resources: Sequence[dict[str, Any]], patient_id: str, missing: Sequence[str], today: date
) -> PatientHistory:
    """The history of one patient.

    Rows that name nobody are the patient's: they were asked for as such. Those of another person are left out.

    Args:
        resources: in any order and of any types.
        patient_id: the patient's id on the server that the resources come from.
        missing: keys that were not given and could not be fetched.
        today: a birth date after it is taken as not known.
    """
    batch = from_resources(resources, source=SOURCE)
    notices = [Notice(table=key, says="was not given and could not be fetched", rows=0) for key in missing]
    notices += [
        Notice(table=KINDS[kind][0], says=what, rows=rows) for (kind, what), rows in sorted(batch.notices.items())
    ]
    found = {name: rows.to_pylist() for name, rows in batch.tables.items() if name in {"patients", *READ}}
    people = found.pop("patients", [])
    own = {name: [row for row in rows if row["patient_id"] in {None, patient_id}] for name, rows in found.items()}
    strangers = sum(len(found[name]) - len(own[name]) for name in found)
    if strangers:
        notices.append(Notice(table="history", says="rows of another patient were left out", rows=strangers))
    person = _person(people, patient_id, own, today)
    return PatientHistory(Person.from_rows({"patients": [person], **own}), tuple(notices))


def _person(
    people: list[dict[str, Any]], patient_id: str, rows: Mapping[str, Sequence[Row]], today: date
) -> dict[str, Any]:
    """The patient's own row; of a patient who is not among the resources, one that says nothing."""
    unknown: dict[str, Any] = {"patient_id": patient_id, "sex": "unknown", "non_disclosure": False}
    person = next((row for row in people if row["patient_id"] == patient_id), unknown)
    born = person.get("birth_date")
    if born is not None and born > today:
        person |= {"birth_date": None}
    return person | {"special_needs": any(row["code"] == SPECIAL_NEEDS for row in rows.get("procedures", ()))}


def helsinki_day(moment: Any) -> date:
    """The calendar day of a moment."""
    day: date = moment.astimezone(HELSINKI).date()
    return day

"""FHIR resources of one patient as the tables that an assessment is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from records.clock import HELSINKI
from records.history import raw_table
from records.sources.batch import Batch
from records.sources.fhir import from_resources
from serving.wire import READ, Notice

SOURCE = "fhir"
SPECIAL_NEEDS = "WYA30"
"""THL's code for the care of a patient who needs special arrangements."""


@dataclass(frozen=True)
class PatientTables:
    """Unchecked tables of one patient, and what there is to say about them."""

    tables: Mapping[str, pa.Table]
    notices: tuple[Notice, ...]


def patient_tables(
    resources: Sequence[dict[str, Any]], patient_id: str, missing: Sequence[str], today: date
) -> PatientTables:
    """The tables of one patient.

    Rows that name nobody are the patient's: they were asked for as such. Those of another person are left out.

    Args:
        resources: in any order and of any types.
        patient_id: the patient's id on the server that the resources come from.
        missing: keys that were not given and could not be fetched.
        today: a birth date after it is taken as not known.
    """
    batch = from_resources(resources, source=SOURCE)
    notices = [Notice(table=key, says="was not given and could not be fetched", rows=0) for key in missing]
    notices += [Notice(table=kind, says=what, rows=rows) for (kind, what), rows in sorted(batch.notices.items())]
    tables, strangers = {}, 0
    for name in READ:
        if name in batch.tables:
            tables[name], others = _own(batch.tables[name], patient_id)
            strangers += others
    if strangers:
        notices.append(Notice(table="history", says="rows of another patient were left out", rows=strangers))
    tables["patients"] = raw_table("patients", [_person(batch, patient_id, tables, today)])
    return PatientTables(tables, tuple(notices))


def _own(rows: pa.Table, patient_id: str) -> tuple[pa.Table, int]:
    """The rows of the patient, and how many are another's."""
    owner = pc.fill_null(rows["patient_id"], patient_id)
    rows = rows.set_column(rows.column_names.index("patient_id"), "patient_id", owner)
    own = rows.filter(pc.equal(owner, patient_id))
    return own, rows.num_rows - own.num_rows


def _person(batch: Batch, patient_id: str, tables: Mapping[str, pa.Table], today: date) -> dict[str, Any]:
    """The patient's own row; of a patient who is not among the resources, one that says nothing."""
    unknown: dict[str, Any] = {
        "patient_id": patient_id,
        "sex": "unknown",
        "special_needs": False,
        "non_disclosure": False,
    }
    person = next(_rows(batch, patient_id), unknown)
    born = person.get("birth_date")
    if born is not None and born > today:
        person |= {"birth_date": None}
    procedures = tables.get("procedures")
    marked = procedures is not None and SPECIAL_NEEDS in procedures["code"].to_pylist()
    return person | {"special_needs": marked}


def _rows(batch: Batch, patient_id: str) -> Iterator[dict[str, Any]]:
    rows = batch.tables.get("patients")
    for row in [] if rows is None else rows.to_pylist():
        if row["patient_id"] == patient_id:
            yield row


def helsinki_day(moment: Any) -> date:
    """The calendar day of a moment."""
    day: date = moment.astimezone(HELSINKI).date()
    return day

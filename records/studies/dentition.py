"""NHANES 2013-14, tooth by tooth: which teeth need treatment, are filled, or were lost to disease.

The number of sound teeth is never read: with the filled and the missing ones it completes the sum to 28, and so tells
how many need treatment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from records.clock import end_of_day, start_of_day
from records.history import History
from records.schema import INSTANT
from records.studies.nhanes import NHANES_FILES, read_nhanes
from records.studies.rows import Floats, StudyError, frame, names

DENTITION_FILES = "nhanes_dentition_*.parquet"
WITH_SURFACES, ROOT_TIP = ("Z", "K"), ("J",)
"""Tooth codes: a permanent or milk tooth with a surface that is carious or restored; a root tip."""
LOST_TO_DISEASE = ("E", "P", "R")
CARIOUS, RESTORED = "[0-4]", "[5-9]"
"""Surface codes."""
DENTITION_FOUND = ("missing", "filled")
"""Findings that are read: what a record of earlier care would hold. Never how many teeth are sound."""


@dataclass(frozen=True)
class DentitionStudy:
    """Tooth-by-tooth examinations of people who were interviewed.

    Attributes:
        history: patients, answers of the interview, and findings: teeth missing and filled.
        treat: one row a person: `patient_id`, `cycle` (first year), `teeth` (that need treatment).
    """

    history: History
    treat: pd.DataFrame

    @staticmethod
    def examination(cycle: int) -> datetime:
        """The nominal moment of the examination."""
        return start_of_day(date(cycle + 1, 1, 1))


def read_dentition(folder: Path) -> DentitionStudy:
    """Read examinations, and the interviews of the same people.

    Raises:
        StudyError: a file is missing or lacks a column, or nobody examined was interviewed.
    """
    paths = sorted(folder.glob(DENTITION_FILES))
    if not paths or not list(folder.glob(NHANES_FILES)):
        raise StudyError(f"{folder} lacks {DENTITION_FILES}, or {NHANES_FILES} with the interviews")
    rows = pd.concat([frame(path, ["SEQN"]) for path in paths], ignore_index=True)
    rows = rows.assign(patient_id=names(rows["SEQN"])).drop_duplicates("patient_id")
    interviewed = read_nhanes(folder)
    people = interviewed.people.merge(rows, on="patient_id").sort_values("patient_id").reset_index(drop=True)
    people = people[_teeth(people, "CTC").ne("").any(axis=1)].reset_index(drop=True)
    if people.empty:
        raise StudyError(f"{folder}: nobody of {DENTITION_FILES} was interviewed")
    ids = pa.array(people["patient_id"], pa.string())
    told = {name: rows.filter(pc.is_in(rows["patient_id"], ids)) for name, rows in interviewed.history.tables.items()}
    found = _findings(people, {"missing": _counted(people, LOST_TO_DISEASE), "filled": _surfaced(people, RESTORED)})
    treat = people[["patient_id", "cycle"]].assign(teeth=_to_treat(people))
    return DentitionStudy(History.of({**told, "findings": found}), treat)


def _teeth(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The columns of one kind (`CTC` tooth codes, `CSC` surface codes) of all teeth, as text without blanks."""
    columns = [name for name in map(str, rows) if name.startswith("OHX") and name.endswith(kind)]
    if not columns:
        raise StudyError(f"{DENTITION_FILES} lacks the columns OHXnn{kind}")
    return rows[columns].astype("string").fillna("").apply(lambda column: column.str.strip())


def _counted(rows: pd.DataFrame, codes: tuple[str, ...]) -> Floats:
    """Teeth with one of these tooth codes."""
    return np.asarray(_teeth(rows, "CTC").isin(codes).sum(axis=1).to_numpy(np.float64))


def _surfaced(rows: pd.DataFrame, surface: str) -> Floats:
    """Teeth with a surface of this kind."""
    surfaces, codes = _teeth(rows, "CSC"), _teeth(rows, "CTC")
    shared = [name for name in surfaces if name.replace("CSC", "CTC") in codes]
    with_surfaces = codes[[name.replace("CSC", "CTC") for name in shared]].isin(WITH_SURFACES).to_numpy()
    of_kind = surfaces[shared].apply(lambda column: column.str.contains(surface)).to_numpy(bool)
    return np.asarray((with_surfaces & of_kind).sum(axis=1), np.float64)


def _to_treat(rows: pd.DataFrame) -> Floats:
    return _surfaced(rows, CARIOUS) + _counted(rows, ROOT_TIP)


def _findings(people: pd.DataFrame, counts: dict[str, Floats]) -> pa.Table:
    parts = []
    for kind in DENTITION_FOUND:
        when = pa.array([end_of_day(date(int(cycle), 12, 31)) for cycle in people["cycle"]], INSTANT)
        parts.append(pa.table({
            "patient_id": pa.array(people["patient_id"], pa.string()),
            "event_id": pa.array(people["patient_id"] + f"-{kind}", pa.string()),
            "event_time": when, "recorded_at": when,
            "source": pa.repeat("nhanes", len(people)),
            "visit_id": pa.nulls(len(people), pa.string()),
            "kind": pa.repeat(kind, len(people)),
            "value": pa.array(counts[kind].astype(np.int32)),
        }))  # fmt: skip
    return pa.concat_tables(parts)

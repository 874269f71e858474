"""MEPS 2004: adults of a household survey, with one year of dental use. Nothing to forecast, but counts to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from records.clock import end_of_day, start_of_day
from records.history import History
from records.schema import INSTANT
from records.studies.rows import answers, frame, names, numbers, patients

MEPS_FILE = "meps2004_adults.parquet"
MEPS_YEAR = 2004
MEPS_NEVER = ("exp_", "use_", "duid", "dupersid", "hieuidx", "wtdper")
"""Beginnings of the names of columns that are no answers: what was used and spent in the same year, ids and weights."""


@dataclass(frozen=True)
class MepsStudy:
    """MEPS: who people are, and how often they used dental care in the same year.

    Attributes:
        history: patients, answers, and one charge with the year's dental visits as its units.
        people: one row a person: `patient_id`, `household`.
    """

    history: History
    people: pd.DataFrame

    @staticmethod
    def interview() -> datetime:
        """The nominal moment before the year's use."""
        return start_of_day(date(MEPS_YEAR, 1, 1))

    @staticmethod
    def year_end() -> datetime:
        """The moment right after the year."""
        return start_of_day(date(MEPS_YEAR + 1, 1, 1))


def read_meps(folder: Path) -> MepsStudy:
    """Read the adults as histories; what was answered during the year counts as known before it.

    Raises:
        StudyError: the file is missing or lacks a column that cannot be done without.
    """
    rows = frame(folder / MEPS_FILE, ["dupersid", "duid", "age", "use_dent", "exp_dent"])
    rows = rows.assign(patient_id=names(rows["dupersid"])).drop_duplicates("patient_id").sort_values("patient_id")
    asked = {name: numbers(rows, name) for name in map(str, rows) if _is_answer(name)}
    told = [end_of_day(date(MEPS_YEAR - 1, 12, 31))] * len(rows)
    history = History.of(
        {
            "patients": patients(rows["patient_id"], MEPS_YEAR - np.floor(numbers(rows, "age"))),
            "answers": answers(rows["patient_id"], asked, told, "meps"),
            "charges": _used(rows[numbers(rows, "use_dent") > 0]),
        }
    )
    people = rows[["patient_id", "duid"]].rename(columns={"duid": "household"})
    return MepsStudy(history, people.reset_index(drop=True))


def _is_answer(name: str) -> bool:
    return not name.startswith(MEPS_NEVER) and name != "patient_id"


def _used(rows: pd.DataFrame) -> pa.Table:
    when = pa.array([end_of_day(date(MEPS_YEAR, 12, 31))] * len(rows), INSTANT)
    spent = np.nan_to_num(numbers(rows, "exp_dent"))
    return pa.table({
        "patient_id": pa.array(rows["patient_id"], pa.string()),
        "event_id": pa.array(rows["patient_id"] + "-dental", pa.string()),
        "event_time": when, "recorded_at": when,
        "source": pa.repeat("meps", len(rows)),
        "category": pa.repeat("dental", len(rows)),
        "cents": pa.array(np.rint(100 * spent).astype(np.int64)),
        "units": pa.array(numbers(rows, "use_dent").astype(np.int32)),
    })  # fmt: skip

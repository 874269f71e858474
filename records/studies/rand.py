"""The RAND Health Insurance Experiment: charges by year and the baseline interview."""

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

RAND_FILE = "rand_hie_person_year.parquet"
RAND_START = 1974
"""Nominal calendar year of the baseline interview; study year 1 is the year after."""

RAND_CHARGES = {
    "dental": "dental_infl",
    "medical": "out_infl",
    "hospital": "inp_infl",
    "mental": "mental_infl",
    "drugs": "drugs_infl",
    "other": "supplies_infl",
}
"""Charge category -> column of a year's constant dollars."""

RAND_BASELINE = (
    "ddsvis", "ddsexp", "any_d_routine", "any_d_special", "havedds3", "ddsusual", "ddsorthv", "female", "educper",
    "fam_income", "hselfrep", "painbas", "worrybas", "mdvis", "mdexp", "havemd", "hosp", "insured", "white", "working",
    "baseline_fam_size", "coins_dental", "coins",
)  # fmt: skip
"""Columns known when the experiment began: the interview, and the plan that the household was given."""


@dataclass(frozen=True)
class RandStudy:
    """RAND: charges by year and the baseline interview.

    Attributes:
        history: patients, charges and answers.
        observed: one row for each fully observed person-year: `patient_id`, `family`, `year` (1 to 5).
    """

    history: History
    observed: pd.DataFrame

    @staticmethod
    def year_end(year: int) -> datetime:
        """The moment right after study year `year` ended."""
        return start_of_day(date(RAND_START + year + 1, 1, 1))


def read_rand(folder: Path) -> RandStudy:
    """Read RAND's person-years as histories.

    Raises:
        StudyError: the file is missing or lacks a column.
    """
    rows = frame(folder / RAND_FILE, ["person", "fam_identifier", "year", "full_year", "age", *RAND_CHARGES.values()])
    rows = rows[rows["full_year"] == 1]
    rows = rows.assign(patient_id=names(rows["person"]), year=rows["year"].astype(int)).sort_values(
        ["patient_id", "year"]
    )
    people = rows.drop_duplicates("patient_id")
    asked = {name: numbers(people, name) for name in RAND_BASELINE if name in people}
    interviewed = end_of_day(date(RAND_START, 12, 31))
    history = History.of({
        "patients": patients(people["patient_id"], RAND_START + 1 - numbers(people, "age")),
        "charges": _charges(rows),
        "answers": answers(people["patient_id"], asked, [interviewed] * len(people), "rand-hie"),
    })  # fmt: skip
    observed = rows[["patient_id", "fam_identifier", "year"]].rename(columns={"fam_identifier": "family"})
    return RandStudy(history, observed.reset_index(drop=True))


def _charges(rows: pd.DataFrame) -> pa.Table:
    """One event for each category with a charge in a year, stamped with the year's last microsecond."""
    parts = []
    for category, column in RAND_CHARGES.items():
        dollars = numbers(rows, column)
        some = np.flatnonzero(dollars > 0)
        years = rows["year"].to_numpy()[some]
        parts.append(pd.DataFrame({
            "patient_id": rows["patient_id"].to_numpy()[some], "category": category,
            "cents": np.rint(100 * dollars[some]).astype(np.int64), "year": years,
        }))  # fmt: skip
    found = pd.concat(parts, ignore_index=True)
    when = pa.array([end_of_day(date(RAND_START + year, 12, 31)) for year in found["year"]], INSTANT)
    event_id = found["patient_id"] + "-" + found["year"].astype(str) + "-" + found["category"]
    return pa.table({
        "patient_id": pa.array(found["patient_id"], pa.string()), "event_id": pa.array(event_id, pa.string()),
        "event_time": when, "recorded_at": when,
        "source": pa.array(["rand-hie"] * len(found), pa.string()),
        "category": pa.array(found["category"], pa.string()), "cents": pa.array(found["cents"]),
    })  # fmt: skip

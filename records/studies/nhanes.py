"""NHANES: the home interview, and what the dentist then found and recommended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from records.clock import end_of_day, start_of_day
from records.history import History
from records.studies.rows import Floats, StudyError, answers, frame, names, numbers, patients

NHANES_FILES = "nhanes_oral_*.parquet"
NHANES_NEVER = ("OHAREC", "OHDEXSTS", "OHDRCSTS", "OHAROCDT", "OHAROCGP", "OHAROCOH", "OHAROCCI", "OHAROCDE", "OHARNF",
                "OHAROTH", "OHAPOS")  # fmt: skip
"""Columns of the dentist's examination: they hold the answer or stand beside it."""

NHANES_NO_ANSWER = (
    "OHX",
    "OHD",
    "OHA",
    "OHR",
    "SEQN",
    "CYCLE",
    "SDDSRVYR",
    "SDMV",
    "WT",
    "RIDSTATR",
    "RIDEX",
    "MIA",
    "AIA",
)
"""Beginnings of the names of columns that nobody answered in the home interview: the dental examination, identifiers,
survey design and weights, and how the later examination went."""

NHANES_REFUSED = {
    "OHQ030": (77, 99), "OHQ033": (7, 9), "OHQ770": (7, 9), "OHQ845": (7, 9), "OHQ835": (7, 9), "OHQ850": (7, 9),
    "OHQ620": (7, 9), "OHQ640": (7, 9), "OHQ680": (7, 9), "DMDEDUC2": (7, 9), "HIQ011": (7, 9), "HUQ051": (77, 99),
    "DIQ010": (7, 9), "SMQ020": (7, 9), "SMQ040": (7, 9),
}  # fmt: skip
"""Codes of "refused" and "don't know" in the questions whose scales are documented with the data: no answer."""


@dataclass(frozen=True)
class NhanesStudy:
    """NHANES: the home interview, and what the dentist then recommended.

    Attributes:
        history: patients and answers.
        recommended: one row a person with a recommendation: `patient_id`, `cycle` (first year),
            `recommendation` (1 see a dentist immediately, 2 within two weeks, 3 at earliest convenience, 4 routine).
        people: one row a person interviewed: `patient_id`, `cycle`.
    """

    history: History
    recommended: pd.DataFrame
    people: pd.DataFrame

    @staticmethod
    def examination(cycle: int) -> datetime:
        """The nominal moment of the examination: after the interview, before anything else."""
        return start_of_day(date(cycle + 1, 1, 1))


def read_nhanes(folder: Path) -> NhanesStudy:
    """Read the interviews of all NHANES files of a folder as histories.

    Raises:
        StudyError: there is no file, or one lacks a column that cannot be done without.
    """
    paths = sorted(folder.glob(NHANES_FILES))
    if not paths:
        raise StudyError(f"{folder} holds no {NHANES_FILES}")
    rows = pd.concat([frame(path, ["SEQN", "CYCLE", "RIDAGEYR", "OHAREC"]) for path in paths], ignore_index=True)
    rows = rows.assign(patient_id=names(rows["SEQN"])).drop_duplicates("patient_id").sort_values("patient_id")
    cycle = _first_year(rows["CYCLE"])
    asked = {name: _answered(rows, name) for name in sorted(map(str, rows)) if _is_answer(name)}
    when = [end_of_day(date(year, 12, 31)) for year in cycle]
    history = History.of(
        {
            "patients": patients(rows["patient_id"], cycle.to_numpy() + 1 - numbers(rows, "RIDAGEYR")),
            "answers": answers(rows["patient_id"], asked, when, "nhanes"),
        }
    )
    recommended = pd.DataFrame(
        {"patient_id": rows["patient_id"], "cycle": cycle, "recommendation": numbers(rows, "OHAREC")}
    )
    people = recommended[["patient_id", "cycle"]].reset_index(drop=True)
    recommended = recommended[recommended["recommendation"].isin([1, 2, 3, 4])].reset_index(drop=True)
    return NhanesStudy(history, recommended, people)


def _first_year(cycles: pd.Series) -> pd.Series:
    """The first year of each cycle, whether it is written 2017, 2017.0 or 2017-2018."""
    year = pd.to_numeric(cycles.astype(str).str[:4], errors="coerce")
    if year.isna().any():
        raise StudyError(f"{int(year.isna().sum())} rows of NHANES have no cycle that begins with a year")
    return year.astype(int)


def _is_answer(name: str) -> bool:
    return name not in NHANES_NEVER and not name.startswith(NHANES_NO_ANSWER) and name != "patient_id"


def _answered(rows: pd.DataFrame, name: str) -> Floats:
    values = numbers(rows, name)
    return np.where(np.isin(values, NHANES_REFUSED.get(name, ())), np.nan, values)

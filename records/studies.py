"""Public studies as record histories: the RAND Health Insurance Experiment and NHANES.

They exercise the same schema, features and models as a city's records. Neither holds a Finnish patient or chair
minutes. Calendar days are nominal: the studies give years only, and every year ends on 31 December.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.clock import end_of_day, start_of_day
from records.history import History, raw_table
from records.schema import INSTANT

Floats = NDArray[np.float64]

RAND_FILE = "rand_hie_person_year.parquet"
NHANES_FILES = "nhanes_oral_*.parquet"
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


class StudyError(ValueError):
    """A study's file is missing or lacks a column that cannot be done without."""


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


@dataclass(frozen=True)
class NhanesStudy:
    """NHANES: the home interview, and what the dentist then recommended.

    Attributes:
        history: patients and answers.
        recommended: one row a person with a recommendation: `patient_id`, `cycle` (first year),
            `recommendation` (1 see a dentist immediately, 2 within two weeks, 3 at earliest convenience, 4 routine).
    """

    history: History
    recommended: pd.DataFrame

    @staticmethod
    def examination(cycle: int) -> datetime:
        """The nominal moment of the examination: after the interview, before anything else."""
        return start_of_day(date(cycle + 1, 1, 1))


def read_rand(folder: Path) -> RandStudy:
    """Read RAND's person-years as histories.

    Raises:
        StudyError: the file is missing or lacks a column.
    """
    rows = _frame(folder / RAND_FILE, ["person", "fam_identifier", "year", "full_year", "age", *RAND_CHARGES.values()])
    rows = rows[rows["full_year"] == 1]
    rows = rows.assign(patient_id=_names(rows["person"]), year=rows["year"].astype(int)).sort_values(
        ["patient_id", "year"]
    )
    people = rows.drop_duplicates("patient_id")
    asked = {name: _numbers(people, name) for name in RAND_BASELINE if name in people}
    interviewed = end_of_day(date(RAND_START, 12, 31))
    history = History.of({
        "patients": _patients(people["patient_id"], RAND_START + 1 - _numbers(people, "age")),
        "charges": _charges(rows),
        "answers": _answers(people["patient_id"], asked, [interviewed] * len(people), "rand-hie"),
    })  # fmt: skip
    observed = rows[["patient_id", "fam_identifier", "year"]].rename(columns={"fam_identifier": "family"})
    return RandStudy(history, observed.reset_index(drop=True))


def read_nhanes(folder: Path) -> NhanesStudy:
    """Read the interviews of all NHANES files of a folder as histories.

    Raises:
        StudyError: there is no file, or one lacks a column that cannot be done without.
    """
    paths = sorted(folder.glob(NHANES_FILES))
    if not paths:
        raise StudyError(f"{folder} holds no {NHANES_FILES}")
    rows = pd.concat([_frame(path, ["SEQN", "CYCLE", "RIDAGEYR", "OHAREC"]) for path in paths], ignore_index=True)
    rows = rows.assign(patient_id=_names(rows["SEQN"])).drop_duplicates("patient_id").sort_values("patient_id")
    cycle = _first_year(rows["CYCLE"])
    asked = {name: _answered(rows, name) for name in sorted(map(str, rows)) if _is_answer(name)}
    when = [end_of_day(date(year, 12, 31)) for year in cycle]
    history = History.of(
        {
            "patients": _patients(rows["patient_id"], cycle.to_numpy() + 1 - _numbers(rows, "RIDAGEYR")),
            "answers": _answers(rows["patient_id"], asked, when, "nhanes"),
        }
    )
    recommended = pd.DataFrame(
        {"patient_id": rows["patient_id"], "cycle": cycle, "recommendation": _numbers(rows, "OHAREC")}
    )
    return NhanesStudy(history, recommended[recommended["recommendation"].isin([1, 2, 3, 4])].reset_index(drop=True))


def _first_year(cycles: pd.Series) -> pd.Series:
    """The first year of each cycle, whether it is written 2017, 2017.0 or 2017-2018."""
    year = pd.to_numeric(cycles.astype(str).str[:4], errors="coerce")
    if year.isna().any():
        raise StudyError(f"{int(year.isna().sum())} rows of NHANES have no cycle that begins with a year")
    return year.astype(int)


def _is_answer(name: str) -> bool:
    return name not in NHANES_NEVER and not name.startswith(NHANES_NO_ANSWER) and name != "patient_id"


def _answered(rows: pd.DataFrame, name: str) -> Floats:
    values = _numbers(rows, name)
    return np.where(np.isin(values, NHANES_REFUSED.get(name, ())), np.nan, values)


def _frame(path: Path, needed: Iterable[str]) -> pd.DataFrame:
    try:
        rows = pd.read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise StudyError(f"{path} cannot be read as Parquet") from error
    missing = [name for name in needed if name not in rows]
    if missing:
        raise StudyError(f"{path} lacks the column {missing[0]}")
    return rows


def _names(numbers: pd.Series) -> NDArray[np.str_]:
    return np.asarray(numbers.astype("int64").astype(str).to_numpy(str))


def _numbers(rows: pd.DataFrame, name: str) -> Floats:
    """A column as numbers; what is no number is missing."""
    return np.asarray(pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64, na_value=np.nan))


def _patients(ids: pd.Series, birth_year: Floats) -> pa.Table:
    return raw_table("patients", (
        {"patient_id": name, "birth_date": None if np.isnan(year) else date(int(year), 1, 1), "sex": "unknown",
         "special_needs": False, "non_disclosure": False}
        for name, year in zip(ids, birth_year, strict=True)
    ))  # fmt: skip


def _charges(rows: pd.DataFrame) -> pa.Table:
    """One event for each category with a charge in a year, stamped with the year's last microsecond."""
    parts = []
    for category, column in RAND_CHARGES.items():
        dollars = _numbers(rows, column)
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


def _answers(ids: pd.Series, asked: dict[str, Floats], when: list[datetime], source: str) -> pa.Table:
    """One event for each answer given; people come sorted, and so do the questions of each."""
    names = sorted(asked)
    values = np.column_stack([asked[name] for name in names])
    person, question = np.nonzero(~np.isnan(values))
    patient_id = pa.array(ids, pa.string()).take(pa.array(person))
    asked_name = pa.array(names, pa.string()).take(pa.array(question))
    moment = pa.array(when, INSTANT).take(pa.array(person))
    return pa.table({
        "patient_id": patient_id,
        "event_id": pc.binary_join_element_wise(patient_id, asked_name, "-"),
        "event_time": moment, "recorded_at": moment,
        "source": pa.array([source], pa.string()).take(pa.array(np.zeros(len(person), np.int64))),
        "question": asked_name, "value": pa.array(values[person, question]),
    })  # fmt: skip

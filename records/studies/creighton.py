"""The Creighton dental school: tooth charts, and which teeth were lost in the years after.

Data of Calhoun, Su, Nunn and Fan (R package MST). What is charted of teeth and people stands among the answers, by the
study's own column names; a lost tooth is a procedure of the study's own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from records.clock import end_of_day, start_of_day
from records.history import History
from records.schema import INSTANT
from records.studies.rows import Floats, answers, frame, names, numbers, patients

CREIGHTON_FILE = "creighton_teeth.parquet"
CREIGHTON_TEETH = tuple(f"x{n}" for n in range(1, 23))
"""Charted of each tooth: x1 mobility ... x15 crown, x16 root canal, x20 filled, x21 decayed, x22 furcation."""
CREIGHTON_PEOPLE = tuple(f"x{n}" for n in range(23, 52))
"""Of the person, or of the whole mouth: x42 decayed teeth, x48 age, x49 sex, x50 diabetes, x51 tobacco."""
AGE = "x48"
LOST = "LOST"
"""Code of a lost tooth, local to this study."""
CHARTED = date(2010, 12, 31)
"""Nominal day of all charts."""
NEGATIONS = ("No ", "Not ", "Never ", "Male")
"""Beginnings of the words that are taken as 0; all other words are 1."""
DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class CreightonStudy:
    """Creighton: tooth charts and lost teeth.

    Attributes:
        history: patients (`left_at`: when the last tooth was no longer followed), answers (the chart) and procedures
            (lost teeth).
    """

    history: History

    @staticmethod
    def chart() -> datetime:
        """The nominal moment right after the chart was made."""
        return start_of_day(CHARTED + timedelta(days=1))


def read_creighton(folder: Path) -> CreightonStudy:
    """Read tooth charts as histories.

    Raises:
        StudyError: the file is missing or lacks a column that cannot be done without.
    """
    rows = frame(folder / CREIGHTON_FILE, ["id", "tooth", "event", "time"])
    rows = rows.assign(patient_id=names(rows["id"])).sort_values(["patient_id", "tooth"], kind="stable")
    rows = rows.dropna(subset=["event", "time"]).reset_index(drop=True)
    rows["day"] = np.floor(numbers(rows, "time") * DAYS_A_YEAR).astype(np.int64)
    people = rows.drop_duplicates("patient_id")
    years = numbers(people, AGE) if AGE in people else np.full(len(people), np.nan)
    followed = rows.groupby("patient_id")["day"].max()
    left = [CreightonStudy.chart() + timedelta(days=int(day)) for day in followed]
    history = History.of(
        {
            "patients": patients(people["patient_id"], CHARTED.year - np.floor(years), left),
            "answers": pa.concat_tables([_charted(rows, CREIGHTON_TEETH), _charted(people, CREIGHTON_PEOPLE)]),
            "procedures": _lost(rows[rows["event"] == 1]),
        }
    )
    return CreightonStudy(history)


def _charted(rows: pd.DataFrame, columns: tuple[str, ...]) -> pa.Table:
    """One answer a row and column; of teeth, the event id tells which."""
    found = {name: _coded(rows[name]) for name in columns if name in rows}
    told = answers(rows["patient_id"], found, [end_of_day(CHARTED)] * len(rows), "creighton")
    running = pa.array(np.arange(told.num_rows)).cast(pa.string())
    unique = pc.binary_join_element_wise(told["event_id"].combine_chunks(), running, "-")
    return told.set_column(told.schema.get_field_index("event_id"), "event_id", unique)


def _coded(column: pd.Series) -> Floats:
    """A column as numbers: words as 1, or 0 where they deny."""
    value = pd.to_numeric(column, errors="coerce").astype(float)
    words = column.astype("string")
    told = value.isna() & words.notna()
    denied = words.str.startswith(NEGATIONS).fillna(value=True)
    return np.asarray(value.mask(told, (~denied).astype(float)).to_numpy(np.float64))


def _lost(rows: pd.DataFrame) -> pa.Table:
    moment = CreightonStudy.chart()
    when = pa.array([moment + timedelta(days=int(day)) for day in rows["day"]], INSTANT)
    return pa.table({
        "patient_id": pa.array(rows["patient_id"], pa.string()),
        "event_id": pa.array(rows["patient_id"] + "-" + rows["tooth"].astype(int).astype(str), pa.string()),
        "event_time": when, "recorded_at": when,
        "source": pa.repeat("creighton", len(rows)),
        "visit_id": pa.nulls(len(rows), pa.string()),
        "code": pa.repeat(LOST, len(rows)), "code_system": pa.repeat("local", len(rows)),
        "tooth": pa.array([fdi(int(tooth)) for tooth in rows["tooth"]], pa.int16()),
        "surfaces": pa.nulls(len(rows), pa.string()),
    })  # fmt: skip


def fdi(universal: int) -> int | None:
    """A permanent tooth of the American numbering (1 to 32) in FDI's two digits; None for any other number."""
    if not 1 <= universal <= 32:
        return None
    quadrant, place = divmod(universal - 1, 8)
    return 10 * (quadrant + 1) + (8 - place if quadrant % 2 == 0 else place + 1)

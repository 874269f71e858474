"""What all studies share: reading a file of rows, and turning its columns into tables of the schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.history import raw_table
from records.schema import INSTANT

Floats = NDArray[np.float64]


class StudyError(ValueError):
    """A study's file is missing or lacks a column that cannot be done without."""


def frame(path: Path, needed: Iterable[str]) -> pd.DataFrame:
    """Read a Parquet file; columns beyond those needed are welcome.

    Raises:
        StudyError: the file cannot be read, or lacks a column that is needed.
    """
    try:
        rows = pd.read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise StudyError(f"{path} cannot be read as Parquet") from error
    missing = [name for name in needed if name not in rows]
    if missing:
        raise StudyError(f"{path} lacks the column {missing[0]}")
    return rows


def names(numbers: pd.Series) -> NDArray[np.str_]:
    """Whole numbers as names."""
    return np.asarray(numbers.astype("int64").astype(str).to_numpy(str))


def numbers(rows: pd.DataFrame, name: str) -> Floats:
    """A column as numbers; what is no number is missing."""
    return np.asarray(pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64, na_value=np.nan))


def patients(ids: pd.Series, birth_year: Floats, left: Sequence[datetime | None] | None = None) -> pa.Table:
    """People by their year of birth, and the moment after which nothing more is known of them."""
    left = left or [None] * len(ids)
    return raw_table(
        "patients",
        (
            {
                "patient_id": name,
                "birth_date": None if np.isnan(year) else date(int(year), 1, 1),
                "sex": "unknown",
                "special_needs": False,
                "non_disclosure": False,
                "left_at": until,
            }
            for name, year, until in zip(ids, birth_year, left, strict=True)
        ),
    )


def answers(ids: pd.Series, asked: dict[str, Floats], when: list[datetime], source: str) -> pa.Table:
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

"""Public studies read as histories; the rows here are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from records.check import check
from records.history import is_sorted
from records.studies import NHANES_NEVER, RAND_CHARGES, StudyError, read_nhanes, read_rand


def rand_rows(people: int = 60, seed: int = 1) -> pd.DataFrame:
    """Person-years whose spending has a lasting part."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for person in range(people):
        habit = random.gamma(0.8, 80)
        for year in range(1, 4):
            spent = dict.fromkeys(RAND_CHARGES.values(), 0.0)
            spent["dental_infl"] = round(float(random.poisson(habit) * (random.random() < 0.7)), 2)
            rows.append({"person": 100 + person, "fam_identifier": person // 3, "year": float(year), "full_year": 1.0,
                         "age": float(20 + person % 40), "ddsvis": "2", "educper": 12.0, **spent})  # fmt: skip
    return pd.DataFrame(rows)


def nhanes_rows(people: int = 120, seed: int = 1) -> pd.DataFrame:
    """Interviews of three cycles; worse self-rated teeth need more care."""
    random = np.random.default_rng(seed)
    rated = random.integers(1, 6, people).astype(float)
    need = np.clip(4 - (rated + random.normal(0, 1, people) > 3.5) - (random.random(people) < 0.2), 1, 4)
    return pd.DataFrame({
        "SEQN": 62_161 + np.arange(people), "CYCLE": [2011 + 2 * (at % 3) for at in range(people)],
        "RIDAGEYR": random.integers(18, 80, people).astype(float), "OHAREC": need, "OHQ845": rated,
        "OHQ030": random.integers(1, 8, people).astype(float), "OHAROCDT": 1.0, "WTMEC2YR": 1234.5,
        "OHQ033": np.where(np.arange(people) % 3 == 0, np.nan, 1.0),
    })  # fmt: skip


def test_rand_is_charges_by_year_and_a_baseline_interview(tmp_path: Path) -> None:
    rows = rand_rows()
    rows.to_parquet(tmp_path / "rand_hie_person_year.parquet")
    study = read_rand(tmp_path)
    assert study.history.rows()["patients"] == 60
    dental = study.history["charges"].to_pandas()
    first = rows[(rows["person"] == 100) & (rows["dental_infl"] > 0)]
    assert dental[dental["patient_id"] == "100"]["cents"].tolist() == (100 * first["dental_infl"]).astype(int).tolist()
    assert set(study.history["answers"]["question"].to_pylist()) == {"ddsvis", "educper"}
    assert len(study.observed) == 180


def test_years_that_were_not_observed_in_full_are_left_out(tmp_path: Path) -> None:
    rows = rand_rows()
    rows.loc[rows["year"] == 3, "full_year"] = 0.0
    rows.to_parquet(tmp_path / "rand_hie_person_year.parquet")
    assert set(read_rand(tmp_path).observed["year"]) == {1, 2}


def test_nhanes_is_answers_and_the_answer_sheet_is_kept_out(tmp_path: Path) -> None:
    rows = nhanes_rows()
    rows.loc[0, "OHQ845"] = 9.0
    rows.to_parquet(tmp_path / "nhanes_oral_2011_2016.parquet")
    study = read_nhanes(tmp_path)
    asked = set(study.history["answers"]["question"].to_pylist())
    assert asked == {"RIDAGEYR", "OHQ845", "OHQ030", "OHQ033"}
    assert not asked & set(NHANES_NEVER)
    rated = study.history["answers"].to_pandas().query("question == 'OHQ845'")
    assert len(rated) == 119
    assert set(study.recommended["recommendation"]) <= {1, 2, 3, 4}


def test_several_nhanes_files_are_read_together_although_their_columns_differ(tmp_path: Path) -> None:
    rows = nhanes_rows()
    rows[rows["CYCLE"] < 2015].to_parquet(tmp_path / "nhanes_oral_a.parquet")
    rows[rows["CYCLE"] >= 2015].drop(columns="OHQ030").to_parquet(tmp_path / "nhanes_oral_b.parquet")
    study = read_nhanes(tmp_path)
    assert study.history.rows()["patients"] == 120
    assert (study.history["answers"].to_pandas()["question"] == "OHQ030").sum() == 80


@pytest.mark.parametrize("written", [2017, 2017.0, "2017", "2017-2018"])
def test_a_cycle_is_named_by_its_first_year(tmp_path: Path, written: object) -> None:
    nhanes_rows().assign(CYCLE=written).to_parquet(tmp_path / "nhanes_oral_x.parquet")
    assert set(read_nhanes(tmp_path).recommended["cycle"]) == {2017}


def test_a_cycle_without_a_year_is_refused(tmp_path: Path) -> None:
    nhanes_rows().assign(CYCLE="J").to_parquet(tmp_path / "nhanes_oral_x.parquet")
    with pytest.raises(StudyError, match="120 rows of NHANES have no cycle that begins with a year"):
        read_nhanes(tmp_path)


def test_both_are_histories_of_the_schema(tmp_path: Path) -> None:
    rand_rows().to_parquet(tmp_path / "rand_hie_person_year.parquet")
    nhanes_rows().to_parquet(tmp_path / "nhanes_oral_2011_2016.parquet")
    for study in (read_rand(tmp_path), read_nhanes(tmp_path)):
        found = check(study.history.tables)
        assert found.counts() == {}
        assert all(is_sorted(study.history[name]) for name in study.history)


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holds no nhanes_oral_"):
        read_nhanes(tmp_path)
    with pytest.raises(StudyError, match=r"rand_hie_person_year\.parquet cannot be read as Parquet"):
        read_rand(tmp_path)
    rand_rows().drop(columns="dental_infl").to_parquet(tmp_path / "rand_hie_person_year.parquet")
    with pytest.raises(StudyError, match="lacks the column dental_infl"):
        read_rand(tmp_path)

"""Public studies read as histories; the rows here are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from records.check import check
from records.history import is_sorted
from records.studies import (
    NHANES_NEVER,
    RAND_CHARGES,
    StudyError,
    read_creighton,
    read_dentition,
    read_meps,
    read_nhanes,
    read_rand,
)
from records.studies.creighton import fdi


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


def dentition_rows(people: int = 120, seed: int = 1) -> pd.DataFrame:
    """Four teeth of the people of `nhanes_rows`: sound, carious, filled, lost or a root tip."""
    random = np.random.default_rng(seed)
    kinds = [("S", ""), ("Z", "2"), ("Z", "69"), ("P", ""), ("J", "")]
    rated = nhanes_rows(people, seed)["OHQ845"].to_numpy()
    teeth = {}
    for tooth in ("02", "03", "14", "30"):
        chance = np.column_stack([np.full(people, 0.6), 0.05 * rated, *np.full((3, people), 0.05)])
        place = (random.random(people)[:, None] > np.cumsum(chance, axis=1) / chance.sum(axis=1, keepdims=True)).sum(1)
        teeth[f"OHX{tooth}CTC"] = [kinds[at][0] for at in place]
        teeth[f"OHX{tooth}CSC"] = [kinds[at][1] for at in place]
    sound = sum((np.array(teeth[name]) == "S").astype(float) for name in teeth if name.endswith("CTC"))
    return pd.DataFrame({"SEQN": 62_161 + np.arange(people), **teeth, "n_sound": sound})


def creighton_rows(people: int = 200, seed: int = 1) -> pd.DataFrame:
    """Charts of three teeth each; decay loses teeth, and a third of the people go out of sight."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for person in range(people):
        decayed = int(random.integers(0, 12))
        seen = random.uniform(0.1, 5.0) if random.random() < 0.4 else 5.5
        for tooth in (1, 9, 32):
            lost = random.exponential(60 / (1 + decayed))
            rows.append({"id": 1 + person, "tooth": tooth, "event": int(lost < seen), "time": min(lost, seen),
                         "x1": float(random.random() < 0.1), "x15": "No Crown", "x21": "Decayed" if decayed else
                         "Not Decayed", "x22": None if tooth == 9 else "1", "x42": decayed, "x48": 20 + person % 60,
                         "x49": "Female" if person % 2 else "Male", "x50": "No Diabetes",
                         "x51": "Never Had Tobacco"})  # fmt: skip
    return pd.DataFrame(rows)


def meps_rows(people: int = 300, seed: int = 1) -> pd.DataFrame:
    """Adults in households of two; the insured go more often."""
    random = np.random.default_rng(seed)
    insured = random.integers(0, 2, people).astype(float)
    visits = random.poisson(0.4 + 1.2 * insured)
    return pd.DataFrame({
        "duid": np.arange(people) // 2, "dupersid": 1 + np.arange(people), "age": random.integers(18, 80, people),
        "female": pd.Categorical(random.integers(0, 2, people).astype(str)), "ins_dent": insured,
        "use_dent": visits.astype(float), "exp_dent": 80.5 * visits, "use_rx": 1.0, "wtdper": 1.0,
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


def write_all(folder: Path) -> None:
    rand_rows().to_parquet(folder / "rand_hie_person_year.parquet")
    nhanes_rows().to_parquet(folder / "nhanes_oral_2011_2016.parquet")
    dentition_rows().to_parquet(folder / "nhanes_dentition_2013_2014.parquet")
    creighton_rows().to_parquet(folder / "creighton_teeth.parquet")
    meps_rows().to_parquet(folder / "meps2004_adults.parquet")


def test_all_are_histories_of_the_schema(tmp_path: Path) -> None:
    write_all(tmp_path)
    for read in (read_rand, read_nhanes, read_dentition, read_creighton, read_meps):
        study = read(tmp_path)
        found = check(study.history.tables)
        assert found.counts() == {}
        assert all(is_sorted(study.history[name]) for name in study.history)


def test_dentition_holds_what_a_record_would_and_never_the_sound_teeth(tmp_path: Path) -> None:
    write_all(tmp_path)
    study, rows = read_dentition(tmp_path), dentition_rows()
    teeth = rows[[name for name in rows if name.endswith("CTC")]].to_numpy()
    surfaces = rows[[name for name in rows if name.endswith("CSC")]].to_numpy()
    expected = dict(zip(rows["SEQN"].astype(str), ((surfaces == "2") | (teeth == "J")).sum(1), strict=True))
    assert dict(zip(study.treat["patient_id"], study.treat["teeth"], strict=True)) == expected
    found = study.history["findings"].to_pandas()
    assert set(found["kind"]) == {"missing", "filled"}
    missing = dict(zip(rows["SEQN"].astype(str), (teeth == "P").sum(1), strict=True))
    told = found[found["kind"] == "missing"]
    assert dict(zip(told["patient_id"], told["value"], strict=True)) == missing
    assert not {name for name in study.history["answers"]["question"].to_pylist() if "sound" in name}


def test_only_people_examined_and_interviewed_are_in_the_dentition(tmp_path: Path) -> None:
    write_all(tmp_path)
    rows = dentition_rows()
    rows.loc[0, [name for name in rows if name.startswith("OHX")]] = " "
    rows.loc[1, "SEQN"] = 1
    rows.to_parquet(tmp_path / "nhanes_dentition_2013_2014.parquet")
    assert len(read_dentition(tmp_path).treat) == 118


def test_creighton_is_a_chart_and_the_teeth_lost_after_it(tmp_path: Path) -> None:
    rows = creighton_rows()
    rows.to_parquet(tmp_path / "creighton_teeth.parquet")
    study = read_creighton(tmp_path)
    lost = study.history["procedures"].to_pandas()
    assert len(lost) == rows["event"].sum()
    assert set(lost["tooth"]) <= {18, 21, 48}
    days = (lost["event_time"] - pd.Timestamp(study.chart())).dt.days
    assert sorted(days) == sorted(np.floor(rows[rows["event"] == 1]["time"] * 365.25).astype(int))
    told = study.history["answers"].to_pandas()
    assert (told["event_time"] < pd.Timestamp(study.chart())).all()
    first = {name: sorted(set(some["value"])) for name, some in told.groupby("question")}
    assert (first["x15"], first["x50"], first["x51"]) == ([0.0], [0.0], [0.0])
    assert (first["x21"], first["x49"], first["x22"]) == ([0.0, 1.0], [0.0, 1.0], [1.0])
    assert (told["question"] == "x22").sum() == 400
    assert (told["question"] == "x42").sum() == 200


def test_a_chart_may_lack_columns_and_rows_without_an_end(tmp_path: Path) -> None:
    rows = creighton_rows(10).drop(columns=["x48", "x1"])
    rows.loc[0, "time"] = np.nan
    rows.assign(x99="new").to_parquet(tmp_path / "creighton_teeth.parquet")
    study = read_creighton(tmp_path)
    assert (study.history["answers"].to_pandas()["question"] == "x21").sum() == 29
    assert study.history["patients"]["birth_date"].null_count == 10


def test_american_tooth_numbers_become_fdi() -> None:
    assert [fdi(n) for n in (1, 8, 9, 16, 17, 24, 25, 32)] == [18, 11, 21, 28, 38, 31, 41, 48]
    assert (fdi(0), fdi(33)) == (None, None)


def test_meps_is_answers_and_the_years_visits(tmp_path: Path) -> None:
    rows = meps_rows()
    rows.to_parquet(tmp_path / "meps2004_adults.parquet")
    study = read_meps(tmp_path)
    assert set(study.history["answers"]["question"].to_pylist()) == {"age", "female", "ins_dent"}
    used = study.history["charges"].to_pandas()
    assert used["units"].sum() == rows["use_dent"].sum()
    assert used["cents"].sum() == 8050 * rows["use_dent"].sum()
    assert study.people["household"].nunique() == 150


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holds no nhanes_oral_"):
        read_nhanes(tmp_path)
    with pytest.raises(StudyError, match=r"rand_hie_person_year\.parquet cannot be read as Parquet"):
        read_rand(tmp_path)
    with pytest.raises(StudyError, match=r"lacks nhanes_dentition_\*\.parquet, or nhanes_oral_"):
        read_dentition(tmp_path)
    write_all(tmp_path)
    (rows := dentition_rows()).drop(columns=[name for name in rows if "CTC" in name]).to_parquet(
        tmp_path / "nhanes_dentition_2013_2014.parquet"
    )
    with pytest.raises(StudyError, match="lacks the columns OHXnnCTC"):
        read_dentition(tmp_path)
    rows.assign(SEQN=1).to_parquet(tmp_path / "nhanes_dentition_2013_2014.parquet")
    with pytest.raises(StudyError, match="was interviewed"):
        read_dentition(tmp_path)
    rand_rows().drop(columns="dental_infl").to_parquet(tmp_path / "rand_hie_person_year.parquet")
    with pytest.raises(StudyError, match="lacks the column dental_infl"):
        read_rand(tmp_path)

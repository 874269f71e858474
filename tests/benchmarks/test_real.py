"""The benchmark on real data, run on made-up rows of the same shape."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.real import main, nhanes_task, rand_task
from tests.records.test_studies import nhanes_rows, rand_rows


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rand_rows(600).to_parquet(folder / "rand_hie_person_year.parquet")
    nhanes_rows(900).to_parquet(folder / "nhanes_oral_2011_2016.parquet")
    return folder


def test_the_table_is_printed_and_written(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--json", str(tmp_path / "table.json")]) == 0
    rows = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert [(row["source"], row["target"], row["model"]) for row in rows] == [
        (source, target, model)
        for source, targets in (("rand", ("any", "heavy")), ("nhanes", ("need", "urgent")))
        for target in targets
        for model in ("rule", "logistic", "lightgbm")
    ]
    assert list(rows[0]) == ["source", "target", "model", "n", "events", "auroc", "auroc_low", "auroc_high", "log_loss",
                             "brier", "slope", "intercept"]  # fmt: skip
    assert all(row["auroc_low"] <= row["auroc"] <= row["auroc_high"] for row in rows)
    printed = capsys.readouterr().out
    assert "lightgbm" in printed
    assert "not Finnish accuracy" in printed


def test_rows_of_a_test_folder_are_only_tested_on(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    test.mkdir()
    other = rand_rows(90, seed=2)
    other["person"] += 10_000
    other["fam_identifier"] += 10_000
    other.to_parquet(test / "rand_hie_person_year.parquet")
    fewer = nhanes_rows(90, seed=2).assign(CYCLE=2017).drop(columns="OHQ033")
    fewer.to_parquet(test / "nhanes_oral_2017_2018.parquet")
    rand, nhanes = rand_task(data, test), nhanes_task(data, test)
    assert (len(rand.learn.x), len(rand.test.x)) == (1200, 180)
    assert (len(nhanes.learn.x), len(nhanes.test.x)) == (900, 90)
    assert main(["--data", str(data), "--test", str(test)]) == 0


def test_only_the_studies_that_the_test_folder_holds_are_measured(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    test.mkdir()
    nhanes_rows(90, seed=2).to_parquet(test / "nhanes_oral_2017.parquet")
    assert main(["--data", str(data), "--test", str(test), "--json", str(tmp_path / "t.json")]) == 0
    assert {row["source"] for row in json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))} == {"nhanes"}


def test_families_stay_together_and_later_cycles_are_tested(data: Path) -> None:
    rand, nhanes = rand_task(data, None), nhanes_task(data, None)
    assert not set(rand.learn.groups) & set(rand.test.groups)
    assert len(nhanes.test.x) == 300


def test_rand_rows_know_nothing_of_the_year_that_they_predict(data: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    rows = rand_rows(600)
    rows.loc[rows["year"] == 3, "dental_infl"] = 777.0
    rows.to_parquet(changed / "rand_hie_person_year.parquet")
    before, after = rand_task(data, None), rand_task(changed, None)
    assert np.array_equal(before.learn.x, after.learn.x, equal_nan=True)
    assert not np.array_equal(before.learn.outcome, after.learn.outcome)


def test_a_question_that_a_cycle_never_asked_is_no_feature(tmp_path: Path) -> None:
    rows = nhanes_rows(900)
    rows.loc[rows["CYCLE"] == 2013, "OHQ030"] = np.nan
    rows.to_parquet(tmp_path / "nhanes_oral_2011_2016.parquet")
    names = nhanes_task(tmp_path, None).catalogue.names
    assert "answer_OHQ845" in names
    assert "answer_OHQ030" not in names


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 1
    assert "holds neither rand_hie_person_year.parquet nor nhanes_oral_" in capsys.readouterr().err

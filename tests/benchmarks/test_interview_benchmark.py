"""The benchmark of the shortest interview, on made-up and simulated people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import interview as benchmark
from benchmarks.interview import Asking, dental, main, nhanes, simulated
from models.estimators import Boosted
from models.interview import Limits, read_items
from tests.records.test_studies import nhanes_rows


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "RESAMPLES", 20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = nhanes_rows(900).assign(HUQ010=lambda rows: np.clip(rows["OHQ845"] + 1, 1, 5), RIAGENDR=1.0)
    rows.loc[rows["RIDAGEYR"] < 40, "HUQ010"] = np.nan
    rows.to_parquet(tmp_path / "nhanes_oral_2011_2016.parquet")
    return tmp_path


def test_the_figures_are_printed_and_written(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    assert main(["--data", str(data), "--patients", "0", "--people", "60", "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))["nhanes"]
    ways = {row["way"]: row for row in found["rows"] if "figure" not in row}
    assert {"fixed order, 0", "all questions", "personal", "fixed order, same mean"} <= set(ways)
    assert ways["fixed order, same mean"]["questions"] == pytest.approx(ways["personal"]["questions"], abs=0.05)
    assert ways["personal"]["questions"] <= ways["personal, no sets"]["questions"] <= ways["all questions"]["questions"]
    assert ways["all questions"]["as_whole"] == 1
    differences = {row["figure"] for row in found["rows"] if "figure" in row}
    assert differences == {"auroc_care", "auroc_urgent", "log_loss", "as_whole", "cost"}
    assert set(found["complete"]) == {"auroc_care", "auroc_urgent"}
    printed = capsys.readouterr().out
    assert "OHQ033 was not asked in 2011" in printed
    assert "CPU time to find the next question" in printed


def test_questions_are_for_the_ages_that_answer_them(data: Path) -> None:
    trial = nhanes(data, None, 100)
    assert {item.name: item.from_age for item in trial.items} == {"OHQ845": 18, "OHQ030": 18, "HUQ010": 40}
    assert len(trial.tested.x) == 100
    assert np.isnan(trial.learnt.x[:, 2:]).all()


def test_rows_of_a_test_folder_are_only_tested_on(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    test.mkdir()
    nhanes_rows(90, seed=2).assign(CYCLE=2017).drop(columns="OHQ030").to_parquet(test / "nhanes_oral_2017.parquet")
    trial = nhanes(data, test, 4_000)
    assert (len(trial.learnt.x), len(trial.tested.x)) == (900, 90)
    assert "OHQ030" not in {item.name for item in trial.items}
    assert any(note == "OHQ030 was not asked in 2017" for note in trial.notes)


def test_a_folder_without_the_files_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--patients", "0"]) == 1
    assert "holds no nhanes_oral_" in capsys.readouterr().err


def test_simulated_people_are_interviewed_beside_their_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.interview.Boosted", lambda names: Boosted(names, rounds=8))  # finds the order
    trial = simulated(700, 40)
    assert not set(trial.learnt.patient_ids) & set(trial.tested.patient_ids)
    assert (~np.isnan(np.column_stack(list(trial.tested.given.values())))).any(axis=1).all()
    asking = Asking(trial, lambda: Boosted(trial.catalogue.names, rounds=8))
    personal, milliseconds = asking.personal(Limits())
    assert (personal.asked <= asking.open.sum(axis=1)).all()
    assert milliseconds > 0
    assert personal.at_least.shape == (40, 2)


def test_an_answers_column_lasts_as_long_as_the_answer() -> None:
    items = read_items()
    known = dental(items)
    days = {feature.level: feature.days for feature in known if feature.family.source == "answers"}
    assert all(days[item.name] == item.holds for item in items)

"""The benchmark on real data, run on made-up rows of the same shape."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import learners, paired, real
from benchmarks.counts import MODELS, measure_counts, poisson_deviance
from benchmarks.learners import AutoGluon, Engine, EngineError, Explainable, HistGradient, XGBoost
from benchmarks.paired import Difference, Outcome
from benchmarks.real import main
from benchmarks.tasks import (
    Rows,
    Task,
    creighton_task,
    dentition_task,
    in_sight,
    meps_task,
    nhanes_task,
    rand_task,
    same,
)
from features.catalogue import Catalogue
from features.families import last
from models.estimators import Boosted
from tests.records.test_studies import creighton_rows, dentition_rows, meps_rows, nhanes_rows, rand_rows
from training.scores import auroc

KEYS = ["source", "target", "model", "n", "events", "auroc", "auroc_low", "auroc_high", "log_loss", "brier", "slope",
        "intercept"]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rand_rows(600).to_parquet(folder / "rand_hie_person_year.parquet")
    nhanes_rows(900).to_parquet(folder / "nhanes_oral_2011_2016.parquet")
    dentition_rows(900).to_parquet(folder / "nhanes_dentition_2013_2014.parquet")
    creighton_rows(500).to_parquet(folder / "creighton_teeth.parquet")
    meps_rows(600).to_parquet(folder / "meps2004_adults.parquet")
    return folder


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "RESAMPLES", 50)


def test_the_tables_are_printed_and_written(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "table.json"
    assert main(["--data", str(data), "--json", str(out), "--engines", "histgb"]) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))
    targets = {"rand": ["any", "heavy"], "nhanes": ["need", "urgent"], "dentition": ["one", "three"],
               "creighton": ["lost", "lost_known"], "meps": ["any", "two", "four"]}  # fmt: skip
    own = [row for row in rows if row["source"] in targets]
    assert [(row["source"], row["target"], row["model"]) for row in own] == [
        (source, target, model)
        for source, some in targets.items()
        for target in some
        for model in ("rule", "logistic", "lightgbm", "histgb")
    ]
    assert all(list(row)[:12] == KEYS for row in rows)
    assert all(row["auroc_low"] <= row["auroc"] <= row["auroc_high"] for row in rows)
    assert {row.get("verdict") for row in own} <= {None, "better", "worse", "no difference visible"}
    assert all(("verdict" in row) == (row["model"] != "lightgbm") for row in own)
    printed = capsys.readouterr().out
    assert "minus lightgbm" in printed
    assert "poisson regression" in printed
    assert "not Finnish accuracy" in printed


def test_recalibration_by_a_part_of_a_later_cycle_is_measured_on_the_rest(data: Path) -> None:
    rows = nhanes_rows(1_800)
    later = rows["CYCLE"] == 2015
    rows.loc[later & (np.arange(len(rows)) % 2 == 0), "OHAREC"] = 4.0  # need has become rarer
    rows.to_parquet(data / "nhanes_oral_2011_2016.parquet")
    task = nhanes_task(data, None)
    lines = {(line.target, line.model): line.scores for line in real.recalibrated(task, real.fitted(
        task, lambda: Boosted(task.catalogue.names, rounds=30)))}  # fmt: skip
    models = ("as it was", "level", "level, slope")
    assert set(lines) == {(target, model) for target in ("need", "urgent") for model in models}
    for target in ("need", "urgent"):
        before, *after = (lines[target, model] for model in models)
        for scores in after:
            assert before.n == scores.n < len(task.test.x)
            assert before.auroc == pytest.approx(scores.auroc, abs=1e-9)
            assert abs(scores.intercept) < abs(before.intercept) - 0.2


def test_rows_of_a_test_folder_are_only_tested_on(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    test.mkdir()
    other = rand_rows(90, seed=2)
    other["person"] += 10_000
    other["fam_identifier"] += 10_000
    other.to_parquet(test / "rand_hie_person_year.parquet")
    fewer = nhanes_rows(90, seed=2).assign(CYCLE=2017).drop(columns="OHQ033")
    fewer.to_parquet(test / "nhanes_oral_2017_2018.parquet")
    dentition_rows(90, seed=2).to_parquet(test / "nhanes_dentition_2017_2018.parquet")
    creighton_rows(80, seed=2).drop(columns="x15").to_parquet(test / "creighton_teeth.parquet")
    meps_rows(100, seed=2).assign(news=1.0).to_parquet(test / "meps2004_adults.parquet")
    rand, nhanes, dentition = rand_task(data, test), nhanes_task(data, test), dentition_task(data, test)
    assert (len(rand.learn.x), len(rand.test.x)) == (1200, 180)
    assert (len(nhanes.learn.x), len(nhanes.test.x)) == (900, 90)
    assert (len(dentition.learn.x), len(dentition.test.x)) == (900, 90)
    creighton, meps = creighton_task(data, test), meps_task(data, test)
    assert (len(meps.learn.x), len(meps.test.x)) == (600, 100)
    assert len(creighton.test.x) < 80 < len(creighton.learn.x)
    assert creighton.notes == ("nobody of the test folder answers x15",)
    assert meps.notes == ()
    assert main(["--data", str(data), "--test", str(test), "--only", "creighton", "--engines"]) == 0


def test_what_a_test_folder_lacks_is_named(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = tmp_path / "test"
    test.mkdir()
    nhanes_rows(300, seed=2).drop(columns="OHQ030").to_parquet(test / "nhanes_oral_2017.parquet")
    out = tmp_path / "t.json"
    assert main(["--data", str(data), "--test", str(test), "--json", str(out), "--engines"]) == 0
    assert {row["source"] for row in json.loads(out.read_text(encoding="utf-8"))} == {"nhanes", "nhanes recalibrated"}
    assert "nhanes: nobody of the test folder answers OHQ030" in capsys.readouterr().out


def test_families_stay_together_and_later_cycles_are_tested(data: Path) -> None:
    for task in (rand_task(data, None), meps_task(data, None), creighton_task(data, None)):
        assert len(task.test.x) > 0
        assert not set(task.learn.groups) & set(task.test.groups)
    assert len(nhanes_task(data, None).test.x) == 300


def test_rand_rows_know_nothing_of_the_year_that_they_predict(data: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    rows = rand_rows(600)
    rows.loc[rows["year"] == 3, "dental_infl"] = 777.0
    rows.to_parquet(changed / "rand_hie_person_year.parquet")
    before, after = rand_task(data, None), rand_task(changed, None)
    assert np.array_equal(before.learn.x, after.learn.x, equal_nan=True)
    assert not np.array_equal(before.learn.outcome, after.learn.outcome)


def test_charts_know_nothing_of_the_teeth_lost_after_them(data: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    creighton_rows(500).assign(time=4.0, event=1).to_parquet(changed / "creighton_teeth.parquet")
    before, after = creighton_task(data, None), creighton_task(changed, None)
    assert len(after.learn.x) > len(before.learn.x)
    everyone = {tuple(row) for row in np.nan_to_num(after.learn.x, nan=-1)}
    assert {tuple(row) for row in np.nan_to_num(before.learn.x, nan=-1)} <= everyone


def test_same_year_use_is_no_feature_of_meps(data: Path) -> None:
    names = meps_task(data, None).catalogue.names
    assert set(names) == {"answer_age", "answer_female", "answer_ins_dent"}


def test_the_number_of_sound_teeth_would_tell_the_answer_and_is_no_feature(data: Path) -> None:
    task = dentition_task(data, None)
    assert {name for name in task.catalogue.names if name.startswith("found")} == {"found_missing", "found_filled"}
    reached = task.learn.outcome[:, None] >= 1
    own = Boosted(task.catalogue.names, rounds=60).fit(task.learn.x, reached).margins(task.test.x)[:, 0]
    honest = auroc(own, task.test.outcome >= 1)
    sound = dict(zip(dentition_rows(900)["SEQN"].astype(str), dentition_rows(900)["n_sound"], strict=True))
    with_sound = [np.column_stack([rows.x, [sound[name] for name in rows.groups]]) for rows in (task.learn, task.test)]
    names = (*task.catalogue.names, "sound")
    leaking = Boosted(names, rounds=60).fit(with_sound[0], reached).margins(with_sound[1])[:, 0]
    assert honest < 0.85
    assert auroc(leaking, task.test.outcome >= 1) > 0.97


def test_a_question_that_a_cycle_never_asked_is_no_feature(tmp_path: Path) -> None:
    rows = nhanes_rows(900)
    rows.loc[rows["CYCLE"] == 2013, "OHQ030"] = np.nan
    rows.to_parquet(tmp_path / "nhanes_oral_2011_2016.parquet")
    names = nhanes_task(tmp_path, None).catalogue.names
    assert "answer_OHQ845" in names
    assert "answer_OHQ030" not in names


def test_who_is_still_in_sight_stands_for_those_who_are_not() -> None:
    # Of ten, two leave on day 1, and of the eight left one is lost a tooth on day 2 and two leave on day 3.
    time = np.array([1.0, 1, 2, 3, 3, 9, 9, 9, 9, 9])
    gone = np.array([True, True, False, True, True, False, False, False, False, False])
    weight = in_sight(time, gone)
    assert weight[2] == pytest.approx(1 / 0.8)
    assert weight[5:] == pytest.approx(1 / (0.8 * 5 / 7))
    assert weight[~gone].sum() == pytest.approx(10 * (0.125 + 0.875))
    assert in_sight(np.array([5.0, 7.0]), np.array([False, False])).tolist() == [1.0, 1.0]


def test_people_lost_from_sight_are_neither_well_nor_ill(data: Path) -> None:
    task = creighton_task(data, None)
    rows = creighton_rows(500)
    lost = rows[(rows["event"] == 1) & (np.floor(rows["time"] * 365.25) < 730)].groupby("id").size()
    last_seen = np.floor(rows.groupby("id")["time"].max() * 365.25)
    known = set(lost.index) | set(last_seen[last_seen >= 730].index)
    assert len(task.learn.x) + len(task.test.x) == len(known) < 500
    assert (task.learn.weight >= 1).all()
    assert task.learn.weight[task.learn.outcome == 0].mean() > task.learn.weight[task.learn.outcome == 1].mean()
    places = task.learn.places()
    assert len(places) == pytest.approx(2 * task.learn.weight.sum(), abs=1)
    assert task.learn.weighted


def test_rows_that_stand_for_themselves_are_taken_once(data: Path) -> None:
    rows = rand_task(data, None).test
    assert not rows.weighted
    assert np.array_equal(rows.places(), np.arange(len(rows.x)))


def test_a_difference_is_only_called_one_when_the_rows_can_show_it() -> None:
    assert Difference(0.01, -0.001, 0.02).verdict() == "no difference visible"
    assert Difference(0.01, 0.001, 0.02).verdict() == "better"
    assert Difference(0.01, 0.001, 0.02).verdict(0.014) == "no difference visible"
    assert Difference(-0.02, -0.03, -0.01).verdict(0.014) == "worse"
    assert Difference(-0.02, -0.03, -0.01).verdict(higher_is_better=False) == "better"


def test_models_are_compared_on_the_same_samples_of_groups() -> None:
    random = np.random.default_rng(1)
    reached = random.random(400) < 0.4
    good = np.clip(0.4 + 0.3 * (reached - 0.4) + random.normal(0, 0.15, 400), 0.01, 0.99)
    outcome = Outcome(reached, np.repeat(np.arange(200), 2).astype(str), np.arange(400))
    same = outcome.compare(good, good)
    assert (same["auroc"].low, same["auroc"].value, same["auroc"].high) == (0, 0, 0)
    over = outcome.compare(good, random.random(400))
    assert over["auroc"].low > 0.1
    assert over["log_loss"].high < 0
    assert over["auroc"].low < over["auroc"].value < over["auroc"].high


def test_repeated_rows_count_in_the_figures_and_not_in_the_numbers() -> None:
    reached = np.array([True, False, True, False, False])
    p = np.array([0.9, 0.2, 0.4, 0.6, 0.1])
    groups = np.arange(5).astype(str)
    places = np.array([0, 1, 1, 1, 2, 3, 4])
    found = Outcome(reached, groups, places).score(p)
    assert (found.n, found.events) == (5, 2)
    assert found.auroc == pytest.approx(auroc(p[places], reached[places]))


def count_task() -> Task:
    random = np.random.default_rng(1)
    x = random.normal(size=(3_000, 2))
    y = random.poisson(np.exp(-0.2 + 0.8 * x[:, 0])).astype(float)
    x[random.random(3_000) < 0.05, 1] = np.nan
    groups = (np.arange(3_000) // 2).astype(str)
    levels = {"a": same("a"), "b": same("b")}
    known = Catalogue(last("answers.value", "answer", same("a"), "a", by="question", levels=levels))
    rows = Rows.of(x, y, groups)
    return Task("made", known, rows.take(np.arange(2_000)), rows.take(np.arange(2_000, 3_000)), {"any": 1.0}, {})


def test_models_of_counts_are_measured_by_deviances() -> None:
    task = count_task()
    found = measure_counts(task)
    assert set(found) == set(MODELS)
    assert found["constant"].auroc == 0.5
    for name in set(MODELS) - {"constant"}:
        assert found[name].poisson < found["constant"].poisson
        assert found[name].observed_expected == pytest.approx(1, abs=0.1)
        assert found[name].auroc > 0.65
        assert found[name].top_tenth > 0.2
        assert found[name].negative_binomial < found["constant"].negative_binomial
        assert found[name].tweedie < found["constant"].tweedie
    regression = found["poisson regression"]
    assert (regression.over.low, regression.over.value, regression.over.high) == (0, 0, 0)
    assert found["segments (ours)"].over.value == pytest.approx(found["segments (ours)"].poisson - regression.poisson)


def test_the_poisson_deviance_is_nothing_where_the_expectation_came_true() -> None:
    y = np.array([0.0, 1.0, 3.0])
    assert poisson_deviance(y, np.maximum(y, 1e-9)) == pytest.approx(0, abs=1e-6)
    assert poisson_deviance(np.array([2.0]), np.array([1.0])) == pytest.approx(2 * (2 * np.log(2) - 1))


@pytest.mark.parametrize("engine", [HistGradient(), Explainable(bags=1, pairs=0)])
def test_other_engines_give_probabilities(engine: Engine) -> None:
    random = np.random.default_rng(1)
    x = np.column_stack([random.normal(size=(600, 2)), np.full(600, np.nan)])
    reached = x[:, 0] + random.normal(size=600) > 0
    found = engine.predict(x[:400], reached[:400], np.ones(400), x[400:])
    assert ((found >= 0) & (found <= 1)).all()
    assert auroc(found, reached[400:]) > 0.75


FAKE = """
import pandas as pd

class TabularPredictor:
    def __init__(self, label, **options):
        assert label == "reached" and options["eval_metric"] == "log_loss"

    def fit(self, rows, **options):
        assert options["time_limit"] == 7
        self.share = rows.reached.mean()

    def predict_proba(self, rows):
        return pd.DataFrame({0: 1 - self.share, 1: self.share}, index=rows.index)
"""


def test_autogluon_runs_in_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "autogluon").mkdir()
    (tmp_path / "autogluon" / "tabular.py").write_text(FAKE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    reached = np.array([True, False, False, False])
    found = AutoGluon(Path(sys.executable), 7).predict(np.zeros((4, 2)), reached, np.ones(4), np.zeros((3, 2)))
    assert found.tolist() == [0.25] * 3


@pytest.mark.parametrize("engine", [AutoGluon, XGBoost])
def test_an_environment_without_the_engine_is_named(engine: type[AutoGluon | XGBoost]) -> None:
    rows = np.zeros((2, 1)), np.array([True, False]), np.array([1.0, 2.0]), np.zeros((1, 1))
    with pytest.raises(EngineError, match=f"could not run {engine.name}: ModuleNotFoundError"):
        engine(Path(sys.executable)).predict(*rows)
    with pytest.raises(EngineError, match="/nowhere/python cannot be run"):
        engine(Path("/nowhere/python")).predict(*rows)


def test_engines_are_named_as_their_results_are() -> None:
    assert all(engine.name == name for name, engine in learners.ENGINES.items())


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "holds the files of no study that is asked for: rand_hie_person_year.parquet; nhanes_oral_" in said

"""Tuning is repeatable, looks at later rows of other patients only, and never ends below where it began."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import mlflow
import numpy as np
import optuna
import pytest

from models.estimators import SHALLOW
from models.segments import SegmentTable, read_tables
from training import tune as tune_module
from training.cohort import DAY
from training.examples import Examples, ExamplesError
from training.fit import calibration_rows
from training.tune import Budget, Tuned, log, origins, tune

TABLE = read_tables()[-1]
RNG = np.random.default_rng(6)
N = 2400
NAMES = ("one", "other", "noise")
X = RNG.normal(size=(N, 3))
VISITS = 1 + RNG.poisson(np.exp(0.6 + 0.7 * X[:, 0] * np.sign(X[:, 1])))
EXAMPLES = Examples(
    np.array([f"p{at % (N // 3):05d}" for at in range(N)]),
    RNG.integers(0, 6 * 365, N) * DAY,
    X,
    np.column_stack([VISITS, *[np.zeros(N)] * 4]).astype(float),
    np.column_stack([30 * VISITS, *[np.zeros(N)] * 4]).astype(float),
    NAMES,
    "made up",
    Counter(),
)
SMALL = Budget(trials=7, origins=2, rows=400, rounds=60, patience=8)
FIXED = {"num_threads": 1}


@pytest.fixture(scope="module")
def tuned() -> Tuned:
    return tune(EXAMPLES, TABLE, SMALL, fixed=FIXED)


def test_the_same_seed_and_number_of_trials_give_the_same_result(tuned: Tuned) -> None:
    again = tune(EXAMPLES, TABLE, SMALL, fixed=FIXED)
    assert [(one.parameters, one.rounds, one.loss, one.state) for one in again.trials] == [
        (one.parameters, one.rounds, one.loss, one.state) for one in tuned.trials
    ]
    assert again.parameters == tuned.parameters
    other = tune(EXAMPLES, TABLE, SMALL, fixed=FIXED, seed=2)
    assert [one.parameters for one in other.trials] != [one.parameters for one in tuned.trials]


def test_the_settings_in_use_come_first_and_the_best_is_chosen(tuned: Tuned) -> None:
    first = tuned.trials[0]
    assert first.parameters == {name: SHALLOW[name] for name in first.parameters}
    complete = [one for one in tuned.trials if one.state == "complete"]
    best = min(complete, key=lambda one: one.loss)
    assert best.loss <= first.loss
    assert {name: tuned.parameters[name] for name in best.parameters} == best.parameters
    assert tuned.rounds == best.rounds
    assert tuned.parameters["num_threads"] == 1


def test_hopeless_trials_are_given_up(tuned: Tuned) -> None:
    many = tune(EXAMPLES, TABLE, Budget(trials=14, origins=2, rows=400, rounds=60, patience=8), fixed=FIXED)
    assert {one.state for one in many.trials} == {"complete", "pruned"}
    assert len(many.trials) == 14
    assert many.trials[:7] != ()
    assert min(one.loss for one in many.trials if one.state == "complete") <= min(
        one.loss for one in tuned.trials if one.state == "complete"
    )


def test_scored_rows_are_of_other_patients_and_later_than_any_learnt_need() -> None:
    marked = np.arange(N, dtype=np.float64)
    rows = Examples(EXAMPLES.patient_ids, EXAMPLES.as_of, marked[:, None], EXAMPLES.visits, EXAMPLES.minutes,
                    ("row",), "made up", Counter())  # fmt: skip
    found = list(origins(rows, TABLE, SMALL))
    assert len(found) == 2
    for learn, goal, later, later_goal in found:
        before, after = learn[:, 0].astype(int), later[:, 0].astype(int)
        assert not set(EXAMPLES.patient_ids[before]) & set(EXAMPLES.patient_ids[after])
        assert EXAMPLES.as_of[before].max() + TABLE.horizon_days * DAY < EXAMPLES.as_of[after].min()
        assert len(before) < 520
        assert goal.shape == (len(before), 2)
        assert later_goal.shape == (len(after), 2)


def test_a_budget_of_no_time_tries_the_settings_in_use() -> None:
    assert len(tune(EXAMPLES, TABLE, Budget(seconds=0.0, rows=300, rounds=5), fixed=FIXED).trials) == 1


def test_a_run_tunes_without_the_patients_from_whom_sets_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Examples, Budget]] = []

    def fake(rows: Examples, table: SegmentTable, budget: Budget, *, fixed: dict[str, object]) -> str:
        given.append((rows, budget))
        return f"found with {fixed}"

    monkeypatch.setattr(tune_module, "tune", fake)
    assert tune_module.tuned(EXAMPLES, TABLE, 5, 2.0) == "found with {}"
    ((rows, budget),) = given
    assert (budget.trials, budget.seconds) == (5, 120.0)
    held = set(EXAMPLES.patient_ids[calibration_rows(EXAMPLES, 0.2)])
    assert held
    assert not held & set(rows.patient_ids)
    assert held | set(rows.patient_ids) == set(EXAMPLES.patient_ids)
    for trials, minutes in ((0, 1.0), (1, 0.0), (1, float("nan"))):
        with pytest.raises(ValueError, match="needs at least 1 trial and some minutes"):
            tune_module.tuned(EXAMPLES, TABLE, trials, minutes)


def test_the_picture_says_in_words_what_it_shows(tuned: Tuned) -> None:
    found = tune_module.drawing(tuned)
    assert found.svg.startswith("<svg")
    assert "7 trials" in found.alt
    assert f"{len(tuned.trials)} trials" in tuned.sentence()


def test_what_was_found_makes_estimators_whose_reasons_can_be_tabulated(tuned: Tuned, tmp_path: Path) -> None:
    fitted = tuned.maker(NAMES)().fit(X, VISITS[:, None] >= [4, 6])
    assert fitted.rounds == tuned.rounds
    fitted.save(tmp_path)


def test_rows_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ExamplesError, match="none of 2 origins leaves both outcomes"):
        tune(EXAMPLES.take(EXAMPLES.as_of < 300 * DAY), TABLE, SMALL)


def test_the_librarys_own_log_is_as_loud_as_before() -> None:
    loud = optuna.logging.get_verbosity()
    with pytest.raises(ExamplesError):
        tune(EXAMPLES.take(EXAMPLES.as_of < 300 * DAY), TABLE, SMALL)
    tune(EXAMPLES, TABLE, Budget(trials=1, rows=300, rounds=5), fixed=FIXED)
    assert optuna.logging.get_verbosity() == loud


def test_trials_are_logged_as_a_table_and_as_nested_runs(tuned: Tuned, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        mlflow.create_experiment("tuning", artifact_location=(tmp_path / "artifacts").as_uri())
        mlflow.set_experiment("tuning")
        with mlflow.start_run() as run:
            log(tuned)
        runs = mlflow.search_runs(experiment_names=["tuning"])
        nested = runs[runs["tags.mlflow.parentRunId"] == run.info.run_id]
        assert len(nested) == len(tuned.trials)
        assert set(nested["tags.state"]) <= {"complete", "pruned"}
        table = json.loads(
            Path(mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/tuning.json")).read_text()
        )
        assert len(table["data"]) == len(tuned.trials)
        assert {"number", "state", "loss", "num_leaves"} <= set(table["columns"])
    finally:
        mlflow.set_tracking_uri(None)

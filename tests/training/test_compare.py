from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from features.dental import DENTAL
from models.constraints import monotone
from models.estimators import Boosted, Estimator, PointsRule
from models.segments import read_tables
from training.cohort import DAY
from training.compare import SplitDefinition, estimators, evaluate, fit_all, reached, split, table_text
from training.examples import Examples, ExamplesError
from training.fit import fit, fit_once, held_out_margins

TABLE = read_tables()[-1]
RNG = np.random.default_rng(2)
N = 3000
NEED = RNG.gamma(2, 1.6, N)
NAMES = ("found_decayed", "found_cpi", "visits_m24", "emergencies_m24", "special_needs")


def made_up() -> Examples:
    x = np.column_stack([RNG.poisson(NEED), *(RNG.poisson(1, N) for _ in range(4))]).astype(float)
    visits = np.column_stack([1 + RNG.poisson(NEED), *(np.zeros(N) for _ in range(4))])
    ids = np.array([f"p{at // 3:05d}" for at in range(N)])
    as_of = np.tile(np.array([0, 800, 3000]) * DAY, N // 3) + RNG.integers(0, 400, N) * DAY
    return Examples(ids, as_of, x, visits, 30 * visits, NAMES, "made up", Counter())


EXAMPLES = made_up()


def test_test_patients_are_others_and_test_moments_are_later_than_any_learnt_need() -> None:
    parts = split(EXAMPLES, SplitDefinition(), TABLE.horizon_days)
    assert not set(parts.learn.patient_ids) & set(parts.test.patient_ids)
    assert parts.learn.as_of.max() + TABLE.horizon_days * DAY < parts.test.as_of.min()
    assert 0.2 < len(set(parts.test.patient_ids)) / (N // 3) < 0.4


def test_the_split_is_the_same_every_time_and_for_every_population() -> None:
    first = split(EXAMPLES, SplitDefinition(), 365).test
    half = EXAMPLES.take(np.arange(N) < N // 2)
    latest = EXAMPLES.as_of.max()
    half.as_of[-1] = latest
    again = split(half, SplitDefinition(), 365).test
    assert set(again.patient_ids[:-1]) <= set(first.patient_ids) | {half.patient_ids[-1]}


def test_a_split_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ExamplesError, match="the split leaves 0 rows to learn from"):
        split(EXAMPLES.take(EXAMPLES.as_of > 2900 * DAY), SplitDefinition(), 365)


def test_the_three_models_are_measured_on_the_same_rows() -> None:
    parts = split(EXAMPLES, SplitDefinition(), TABLE.horizon_days)
    found = {kind: evaluate(model, parts.test, TABLE) for kind, model in fit_all(parts.learn, TABLE)}
    assert list(found) == ["rule", "logistic", "lightgbm"]
    assert {(name, scores.n) for each in found.values() for name, scores in each.items()} == {
        ("moderate", len(parts.test)), ("heavy", len(parts.test))}  # fmt: skip
    assert found["logistic"]["heavy"].auroc > 0.6


def test_segments_are_cut_from_all_visits_of_the_episode() -> None:
    some = EXAMPLES.take(np.arange(N) < 50)
    assert reached(some, TABLE).tolist() == [[total >= 4, total >= 6] for total in some.visits.sum(1)]


def test_held_out_margins_come_from_models_that_saw_none_of_the_group() -> None:
    """Every group has its own outcome and its own value: who has seen a group, knows it."""
    groups = np.repeat(np.arange(100), 4)
    x = groups[:, None].astype(float)
    goal = (np.random.default_rng(1).random(100) < 0.5)[groups][:, None]

    def make() -> Estimator:
        return Boosted(("group",), {"objective": "binary", "min_data_in_bin": 1, "max_bin": 500, "num_leaves": 100,
                                    "min_child_samples": 1, "verbosity": -1, "seed": 1}, 50)  # fmt: skip

    held_out = held_out_margins(make, x, goal, groups)[:, 0]
    seen = make().fit(x, goal).margins(x)[:, 0]
    right = ((seen > 0) == goal[:, 0]).mean()
    held_right = ((held_out > 0) == goal[:, 0]).mean()
    assert right > 0.99
    assert held_right < 0.65


def test_a_fit_is_calibrated_on_what_it_had_not_learnt() -> None:
    x = RNG.normal(size=(2000, 1))
    goal = RNG.random((2000, 1)) < 1 / (1 + np.exp(-x))
    estimator, calibrator = fit(lambda: PointsRule(("x",), {"x": 3.0}), x, goal, np.arange(2000))
    p = calibrator.at_least(estimator.margins(x))
    assert abs(p.mean() - goal.mean()) < 0.01
    assert calibrator.slope[0] == pytest.approx(1 / 3, abs=0.05)


def test_the_table_is_aligned() -> None:
    parts = split(EXAMPLES, SplitDefinition(), TABLE.horizon_days)
    model = next(model for _, model in fit_all(parts.learn, TABLE))
    lines = table_text({(name, "rule"): scores for name, scores in evaluate(model, parts.test, TABLE).items()},
                       ("at least", "model")).splitlines()  # fmt: skip
    assert lines[0].split()[:4] == ["at", "least", "model", "n"]
    assert len({len(line) for line in lines}) == 1


def test_the_glass_box_stands_beside_the_others_when_asked_and_both_boosted_models_are_bound() -> None:
    made = {kind: make() for kind, make in estimators(DENTAL.names, glass_box=True).items()}
    assert list(made) == ["rule", "logistic", "lightgbm", "ebm"]
    for kind in ("lightgbm", "ebm"):
        parameters = getattr(made[kind], "parameters")  # noqa: B009 - rules and logistic models have none
        assert parameters["monotone_constraints"] == monotone(DENTAL)
    free = estimators(NAMES)["lightgbm"]()
    assert isinstance(free, Boosted)
    assert "monotone_constraints" not in free.parameters


def test_a_model_fitted_once_is_calibrated_on_groups_that_it_never_saw() -> None:
    seen: list[np.ndarray] = []

    class Remembering(PointsRule):
        def fit(self, x: np.ndarray, goal: np.ndarray) -> Remembering:
            seen.append(x[:, 0])
            super().fit(x, goal)
            return self

        def margins(self, x: np.ndarray) -> np.ndarray:
            seen.append(x[:, 0])
            return np.repeat(x[:, 1:2], 2, axis=1)

    groups = np.arange(N) // 3
    x = np.column_stack([groups, NEED]).astype(float)
    goal = reached(EXAMPLES, TABLE)
    _, calibrator = fit_once(lambda: Remembering(("group", "need"), {}), x, goal, groups)
    learnt, held = (set(each) for each in seen)
    assert not learnt & held
    assert learnt | held == set(range(N // 3))
    assert 0.2 < len(held) / (N // 3) < 0.3
    chance = calibrator.at_least(x[:, 1:2].repeat(2, axis=1))
    np.testing.assert_allclose(chance.mean(0), goal.mean(0), atol=0.06)

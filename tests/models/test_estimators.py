"""What every estimator promises: exact contributions, no hindsight in its files, the same answer after loading."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpret.glassbox import ExplainableBoostingClassifier

from models.estimators import KINDS, Boosted, Estimator, ExplainableBoosting, Logistic, PointsRule
from models.estimators.ebm import ADDITIVE
from training.scores import auroc

FEATURES = ("age", "visits", "fillings")
RNG = np.random.default_rng(7)
X = np.where(RNG.random((600, 3)) < 0.1, np.nan, RNG.integers(0, 30, (600, 3)).astype(float))
DRIVE = np.nan_to_num(X[:, 1]) + RNG.normal(0, 4, 600)
REACHED = np.column_stack([DRIVE > 15, DRIVE > 22])

MAKERS: dict[str, Callable[[], Estimator]] = {
    "rule": lambda: PointsRule(FEATURES, {"visits": 1.0, "age": 0.1}, {"age": 40.0}),
    "logistic": lambda: Logistic(FEATURES),
    "lightgbm": lambda: Boosted(FEATURES, rounds=40),
    "ebm": lambda: ExplainableBoosting(FEATURES, {**ADDITIVE, "max_rounds": 200}),
}


@pytest.fixture(params=MAKERS)
def estimator(request: pytest.FixtureRequest) -> Estimator:
    return MAKERS[request.param]().fit(X, REACHED)


def test_every_kind_is_tested() -> None:
    assert set(MAKERS) == set(KINDS)


def test_there_is_a_margin_for_every_threshold_and_it_ranks(estimator: Estimator) -> None:
    margins = estimator.margins(X)
    assert margins.shape == (600, 2)
    assert all(auroc(margins[:, k], REACHED[:, k]) > 0.8 for k in range(2))


def test_contributions_and_the_base_add_up_to_the_margin(estimator: Estimator) -> None:
    contributions = estimator.contributions(X)
    assert contributions.shape == (600, 2, len(FEATURES) + 1)
    np.testing.assert_allclose(contributions.sum(2), estimator.margins(X), rtol=0, atol=1e-9)


def test_a_loaded_estimator_answers_the_same_bits(estimator: Estimator, tmp_path: Path) -> None:
    estimator.save(tmp_path)
    again = type(estimator).load(tmp_path)
    assert again.margins(X).tobytes() == estimator.margins(X).tobytes()
    assert again.contributions(X).tobytes() == estimator.contributions(X).tobytes()
    assert all(path.suffix in (".json", ".txt") for path in tmp_path.iterdir())


def test_one_row_alone_gets_the_bits_of_the_batch(estimator: Estimator) -> None:
    assert estimator.margins(X[5:6]).tobytes() == estimator.margins(X)[5:6].tobytes()


def test_fitting_twice_gives_the_same_model(estimator: Estimator) -> None:
    again = MAKERS[estimator.kind]().fit(X, REACHED)
    assert again.margins(X).tobytes() == estimator.margins(X).tobytes()


def test_contributions_of_boosted_trees_are_shapley_values() -> None:
    fitted = Boosted(FEATURES, rounds=10).fit(X, REACHED)
    rows = X[:12]
    for k, booster in enumerate(fitted.boosters):
        trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
        found = fitted.contributions(rows)[:, k]
        for row, contributions in zip(rows, found, strict=True):
            np.testing.assert_allclose(contributions, shapley(trees, row), rtol=0, atol=1e-9)


def shapley(trees: list[dict[str, Any]], row: np.ndarray) -> list[float]:
    """Shapley values by their definition, over all subsets of features, and the expectation without any."""
    everyone = range(len(row))

    def worth(known: tuple[int, ...]) -> float:
        return sum(expected(tree, row, known) for tree in trees)

    values = []
    for feature in everyone:
        others = [other for other in everyone if other != feature]
        value = 0.0
        for size in range(len(others) + 1):
            share = math.factorial(size) * math.factorial(len(row) - size - 1) / math.factorial(len(row))
            for some in itertools.combinations(others, size):
                value += share * (worth((*some, feature)) - worth(some))
        values.append(value)
    return [*values, worth(())]


def expected(node: dict[str, Any], row: np.ndarray, known: tuple[int, ...]) -> float:
    """A tree's value where only some features are known: unknown splits are averaged by their training rows."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    sides = [node["left_child"], node["right_child"]]
    if node["split_feature"] in known:
        value = row[node["split_feature"]]
        left = node["default_left"] if math.isnan(value) else value <= node["threshold"]
        return expected(sides[0] if left else sides[1], row, known)
    weights = [side.get("leaf_count", side.get("internal_count")) for side in sides]
    return sum(weight * expected(side, row, known) for weight, side in zip(weights, sides, strict=True)) / sum(weights)


def test_one_odd_value_or_a_constant_column_does_not_decide_a_logistic_margin() -> None:
    x = np.column_stack([X, np.zeros(600)])
    fitted = Logistic((*FEATURES, "constant")).fit(x, REACHED)
    odd = np.array([[40.0, 3.0, 2.0, 1e300]])
    assert np.isfinite(fitted.margins(odd)).all()
    assert abs(fitted.contributions(odd)[0, 0, 3]) < 1


def test_a_column_that_is_always_missing_is_harmless() -> None:
    x = np.column_stack([X, np.full(600, np.nan)])
    fitted = Logistic((*FEATURES, "never")).fit(x, REACHED)
    assert np.isfinite(fitted.margins(x)).all()


@pytest.mark.parametrize("interactions", [0, 2])
def test_a_glass_box_says_what_the_library_says(interactions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_by_library = []
    fit = ExplainableBoostingClassifier.fit
    monkeypatch.setattr(
        ExplainableBoostingClassifier, "fit", lambda self, x, y: fitted_by_library.append(fit(self, x, y)) or self
    )
    x = np.column_stack([X, np.full(600, np.nan)])
    parameters = {**ADDITIVE, "max_rounds": 60, "interactions": interactions}
    fitted = ExplainableBoosting((*FEATURES, "never"), parameters).fit(x, REACHED)
    assert {len(term.features) for term in fitted.machines[0].terms} == ({1, 2} if interactions else {1})
    rows = np.vstack([x, [[np.inf, -np.inf, 1e300, 5.0]], [[0.5, 1.5, 2.5, 3.5]]])
    for k, machine in enumerate(fitted_by_library):
        np.testing.assert_allclose(fitted.margins(rows)[:, k], machine.decision_function(rows), rtol=0, atol=1e-12)


def test_a_saved_glass_box_predicts_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = MAKERS["ebm"]().fit(X, REACHED)
    fitted.save(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "interpret"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert ExplainableBoosting.load(tmp_path).margins(X).tobytes() == fitted.margins(X).tobytes()
    with pytest.raises(ImportError):
        MAKERS["ebm"]().fit(X, REACHED)


def test_a_logistic_model_learns_from_rows_spread_over_all_of_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.estimators import logistic

    monkeypatch.setattr(logistic, "MOST_ROWS", 200)
    monkeypatch.setattr(logistic, "BLOCK", 7)
    found = Logistic(FEATURES).fit(X, REACHED)
    monkeypatch.undo()
    thinned = Logistic(FEATURES).fit(X[::3], REACHED[::3])
    assert found.margins(X).tobytes() == thinned.margins(X).tobytes()

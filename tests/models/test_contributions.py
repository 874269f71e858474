"""Tabulated contributions are LightGBM's own, whatever the row holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import shap
from hypothesis import given
from hypothesis import strategies as st

from models import contributions, forest
from models.contributions import Tables
from models.estimators import Boosted
from models.forest import ForestError
from models.trees import TreeError, read_trees

RNG = np.random.default_rng(3)
N, FEATURES = 1500, 5
FULL = np.column_stack([RNG.integers(0, 6, N), RNG.normal(0, 1, (N, 3)), RNG.integers(0, 2, N)]).astype(float)
GAPS = np.where(RNG.random(FULL.shape) < 0.15, np.nan, FULL)
DRIVE = np.nan_to_num(GAPS[:, 0]) + np.nan_to_num(GAPS[:, 1]) * np.nan_to_num(GAPS[:, 2]) + RNG.normal(0, 1, N)
QUIET: dict[str, Any] = {"verbosity": -1, "seed": 1, "num_threads": 1, "min_child_samples": 5, "learning_rate": 0.3}


def boost(x: np.ndarray, y: np.ndarray, rounds: int = 12, **more: Any) -> lgb.Booster:
    rows = lgb.Dataset(x, y, categorical_feature=more.pop("categories", "auto"))
    return lgb.train({**QUIET, "objective": "binary", **more}, rows, rounds)


MODELS: dict[str, Callable[[], lgb.Booster]] = {
    "missing values in training": lambda: boost(GAPS, DRIVE > 3, num_leaves=8, bagging_fraction=0.7, bagging_freq=1),
    "no missing value in training": lambda: boost(FULL, DRIVE > 3, num_leaves=8),
    "missing values not used": lambda: boost(GAPS, DRIVE > 3, num_leaves=6, use_missing=False),
    "trees of several parts": lambda: boost(GAPS, DRIVE > 3, num_leaves=24, max_depth=7),
    "rising in one feature": lambda: boost(GAPS, DRIVE > 3, num_leaves=8, monotone_constraints=[1, 0, 0, 0, 0]),
    "three classes": lambda: boost(
        GAPS, np.digitize(DRIVE, [2, 4]), objective="multiclass", num_class=3, num_leaves=8
    ),
    "nothing to split by": lambda: boost(FULL * 0, DRIVE > 3, num_leaves=8),
}  # fmt: skip
FITTED = {name: make() for name, make in MODELS.items()}


def reference(booster: lgb.Booster, x: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(x, pred_contrib=True)).reshape(len(x), -1, x.shape[1] + 1)


def tables(booster: lgb.Booster) -> Tables:
    return Tables.of(read_trees([booster]), FEATURES)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_are_those_of_lightgbm(name: str) -> None:
    booster = FITTED[name]
    for rows in (GAPS[:700], FULL[:3]):
        np.testing.assert_allclose(tables(booster).contributions(rows), reference(booster, rows), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_add_up_to_the_margin(name: str) -> None:
    margins = np.asarray(FITTED[name].predict(GAPS, raw_score=True)).reshape(N, -1)
    np.testing.assert_allclose(tables(FITTED[name]).contributions(GAPS).sum(2), margins, rtol=0, atol=1e-9)


EDGES = sorted({split.edge for booster in FITTED.values() for tree in read_trees([booster]) for split in tree.splits})
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 5e-324, 1e300, -1e300]
NEAR = [*EDGES, *np.nextafter(EDGES, np.inf), *np.nextafter(EDGES, -np.inf)]
values = st.one_of(st.sampled_from(ODD), st.sampled_from(NEAR), st.floats(-4, 7))


rows = st.lists(st.lists(values, min_size=FEATURES, max_size=FEATURES), min_size=1, max_size=7)


@given(rows, st.sampled_from([*MODELS]))
def test_rows_at_the_edges_missing_or_absurd_go_where_lightgbm_sends_them(rows: list[list[float]], name: str) -> None:
    x, booster = np.array(rows), FITTED[name]
    np.testing.assert_allclose(TABLES[name].contributions(x), reference(booster, x), rtol=0, atol=1e-9)


TABLES = {name: tables(booster) for name, booster in FITTED.items()}


def test_one_row_alone_gets_the_bits_of_the_batch_and_of_any_block() -> None:
    found = TABLES["trees of several parts"]
    together = found.contributions(GAPS)
    alone = np.concatenate([found.contributions(GAPS[at : at + 1]) for at in range(600)])
    assert alone.tobytes() == together[:600].tobytes()
    assert found.contributions(np.asfortranarray(GAPS)).tobytes() == together.tobytes()


def test_the_library_of_shap_agrees_on_every_margin() -> None:
    """A model of several classes must give a column of values for each; a sum over the classes is none of them."""
    for name, classes in (("missing values in training", 1), ("three classes", 3)):
        explainer = shap.TreeExplainer(FITTED[name], feature_perturbation="tree_path_dependent")
        values = np.asarray(explainer(GAPS[:50]).values).reshape(50, FEATURES, classes)
        np.testing.assert_allclose(
            TABLES[name].contributions(GAPS[:50])[:, :, :-1], values.transpose(0, 2, 1), rtol=0, atol=1e-9
        )


def test_what_is_compiled_is_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = TABLES["trees of several parts"]
    for name in ("_share_of", "_add_leaf", "_explain_few", "_explain_many"):
        monkeypatch.setattr(contributions, name, getattr(contributions, name).py_func)
    for name in ("passed", "_read_few", "read_block"):
        monkeypatch.setattr(forest, name, getattr(forest, name).py_func)
    monkeypatch.setattr(contributions, "read_block", forest.read_block)
    written = Tables.of(read_trees([FITTED["trees of several parts"]])[:3], FEATURES)
    assert written.layout[-1].tobytes() == compiled.layout[-1][: written.layout[-1].size].tobytes()
    for rows in (3, 7):
        monkeypatch.setattr(contributions, "BLOCK", 4)
        found = written.contributions(GAPS[:rows]).sum(2)
        trees = FITTED["trees of several parts"].predict(GAPS[:rows], raw_score=True, num_iteration=3)
        np.testing.assert_allclose(found[:, 0], trees, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("more", "rows", "sentence"),
    [
        ({"categories": [0]}, FULL, "feature 0 is split by category"),
        ({"zero_as_missing": True}, GAPS, "takes zero for missing"),
        ({"linear_tree": True}, FULL, "a leaf holds a linear model"),
        ({"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, FULL, "averaged as in a random forest"),
    ],
)
def test_trees_that_ask_something_else_are_refused(more: dict[str, Any], rows: np.ndarray, sentence: str) -> None:
    with pytest.raises(TreeError, match=sentence):
        read_trees([boost(rows, DRIVE > 3, 3, **more)])


def test_paths_and_parts_have_their_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = boost(GAPS, DRIVE > 3, 3, num_leaves=200, min_child_samples=1)
    with pytest.raises(ForestError, match=r"a path has \d+ splits; train with max_depth of 12 or less"):
        tables(deep)
    monkeypatch.setattr(forest, "MOST_PARTS", 2)
    with pytest.raises(ForestError, match="the trees have 12 parts, more than 2"):
        tables(FITTED["missing values in training"])


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(ForestError, match=r"rows have shape \(2, 3\), the trees read 5 features"):
        TABLES["three classes"].contributions(np.zeros((2, 3)))


def test_a_model_that_cannot_give_its_reasons_is_not_saved(tmp_path: Any) -> None:
    deep = Boosted(
        ("a", "b", "c", "d", "e"), {**QUIET, "objective": "binary", "num_leaves": 200, "min_child_samples": 1}, 3
    )
    with pytest.raises(ForestError, match="a path has"):
        deep.fit(GAPS, (DRIVE > 3)[:, None]).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_memory_is_stated() -> None:
    assert TABLES["nothing to split by"].nbytes < TABLES["missing values in training"].nbytes < 12 * 128 * 8 * 8

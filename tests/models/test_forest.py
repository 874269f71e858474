"""Tabulated margins are LightGBM's own to the last bit, whatever the row holds and however many come together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import forest
from models.forest import Forest, ForestError, parts_of
from models.trees import Leaf, Split, Step, Tree, read_trees
from tests.models.test_contributions import DRIVE, FEATURES, FITTED, FULL, GAPS, MODELS, N, boost, values

BOOSTERS = {name: FITTED[name] for name in MODELS}
FORESTS = {name: Forest.of(parts_of(read_trees([booster])), FEATURES) for name, booster in BOOSTERS.items()}
ROWS = st.lists(st.lists(values, min_size=FEATURES, max_size=FEATURES), min_size=1, max_size=9)
NAMES = st.sampled_from([*MODELS])


def of_lightgbm(name: str, x: np.ndarray) -> np.ndarray:
    return np.asarray(BOOSTERS[name].predict(x, raw_score=True)).reshape(len(x), -1)


@pytest.mark.parametrize("name", MODELS)
def test_margins_have_the_bits_of_lightgbm(name: str) -> None:
    for rows in (GAPS, FULL[:4], FULL[:1], np.asfortranarray(GAPS[:70]), GAPS[:0]):
        expected = of_lightgbm(name, rows) if len(rows) else np.empty((0, FORESTS[name].outputs))
        assert FORESTS[name].margins(rows).tobytes() == expected.tobytes()


@given(ROWS, NAMES)
def test_rows_at_the_edges_missing_or_absurd_get_the_bits_of_lightgbm(rows: list[list[float]], name: str) -> None:
    x = np.array(rows)
    expected = of_lightgbm(name, x)
    assert FORESTS[name].margins(x).tobytes() == expected.tobytes()
    alone = np.vstack([FORESTS[name].margins(row[None]) for row in x])
    assert alone.tobytes() == expected.tobytes()


@given(st.integers(2, 12), st.integers(1, 9), st.integers(0, 99), st.booleans())
def test_drawn_models_have_the_bits_of_lightgbm(leaves: int, rounds: int, seed: int, gaps: bool) -> None:
    x = GAPS if gaps else FULL
    booster = boost(x, DRIVE > 3, rounds, num_leaves=leaves, seed=seed, feature_fraction=0.7)
    found = Forest.of(parts_of(read_trees([booster])), FEATURES).margins(GAPS[:50])
    assert found.tobytes() == np.asarray(booster.predict(GAPS[:50], raw_score=True)).tobytes()


@given(ROWS, NAMES, st.lists(st.integers(0, FEATURES - 1), max_size=FEATURES, unique=True))
def test_rows_that_differ_in_some_columns_get_the_bits_that_each_gets_alone(
    rows: list[list[float]], name: str, changed: list[int]
) -> None:
    x, columns = np.array(rows), np.array(changed, np.int64)
    together = FORESTS[name].margins_alike(GAPS[3], columns, x[:, columns])
    written = np.repeat(GAPS[3][None], len(x), axis=0)
    written[:, columns] = x[:, columns]
    assert together.tobytes() == of_lightgbm(name, written).tobytes()


def test_what_lightgbm_takes_for_zero_is_zero() -> None:
    """It reads numbers this small as zero when it predicts, also at an edge that lies among them."""
    tree = Tree(0, (Split(0, 0.0, missing_left=True),), tuple(
        Leaf(value, (Step(0, left, 0.5),)) for value, left in ((1.0, True), (2.0, False))
    ))  # fmt: skip
    found = Forest.of(parts_of([tree]), 1).margins(np.array([[0.0], [1e-36], [-1e-36], [1e-34]]))
    assert found[:, 0].tolist() == [1.0, 1.0, 1.0, 2.0]


def test_two_forests_read_as_one_add_up_to_what_each_does() -> None:
    one, other = FORESTS["trees of several parts"], FORESTS["three classes"]
    both = one.beside(other)
    apart = np.hstack([one.margins(GAPS), other.margins(GAPS)])
    assert both.margins(GAPS).tobytes() == apart.tobytes()
    assert (both.read(GAPS[:3])[0][:, : one.parts] == one.read(GAPS[:3])[0]).all()
    assert both.nbytes > max(one.nbytes, other.nbytes)
    assert FORESTS["nothing to split by"].beside(one).margins(GAPS)[:, 1:].tobytes() == one.margins(GAPS).tobytes()


def test_forests_that_read_other_rows_are_not_one() -> None:
    with pytest.raises(ForestError, match="trees that read 5 and 6 features do not read the same row"):
        FORESTS["three classes"].beside(replace(FORESTS["three classes"], features=6))


def test_no_trees_add_nothing() -> None:
    none = Forest.of([], 3)
    assert none.margins(np.zeros((2, 3))).shape == (2, 0)
    assert none.beside(none).parts == 0


def test_what_is_compiled_is_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("passed", "_read_few", "read_block", "_sum_many", "_read_same", "_read_moved", "_sum_alike")
    for name in names:
        monkeypatch.setattr(forest, name, getattr(forest, name).py_func)
    made = Forest.of(parts_of(read_trees([FITTED["three classes"]])[:6]), FEATURES)
    trees = np.asarray(FITTED["three classes"].predict(GAPS[:9], raw_score=True, num_iteration=2))
    monkeypatch.setattr(forest, "BLOCK", 4)
    assert made.margins(GAPS[:9]).tobytes() == trees.tobytes()
    assert made.margins(GAPS[:2]).tobytes() == trees[:2].tobytes()
    columns = np.array([0, 2])
    alike = made.margins_alike(GAPS[0], columns, GAPS[:9][:, columns])
    written = np.repeat(GAPS[:1], 9, axis=0)
    written[:, columns] = GAPS[:9][:, columns]
    assert alike.tobytes() == made.margins(written).tobytes()


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(ForestError, match=r"rows have shape \(7, 3\), the trees read 5 features"):
        FORESTS["three classes"].margins(np.zeros((7, 3)))
    assert len(GAPS) == N

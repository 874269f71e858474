"""Resampling whole patients: the same samples for every model, and every row of a patient or none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import bootstrap
from training.bootstrap import Order, Resamples, interval
from training.scores import auroc

RNG = np.random.default_rng(3)


def test_every_sample_draws_as_many_patients_as_there_are() -> None:
    found = np.concatenate(list(Resamples.of(["a", "a", "b", "c"], 50).counts()))
    assert found.shape == (50, 3)
    assert (found.sum(1) == 3).all()


def test_the_blocks_do_not_change_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(Resamples.of(np.arange(10), 20).counts()))
    monkeypatch.setattr(bootstrap, "CELLS", 30)
    blocks = list(Resamples.of(np.arange(10), 20).counts())
    assert len(blocks) == 7
    assert np.array_equal(np.concatenate(blocks), whole)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=4, max_size=30))
def test_replicates_are_figures_of_the_repeated_rows(rows: list[tuple[int, bool, int]]) -> None:
    value, y, group = (np.array(column) for column in zip(*rows, strict=True))
    resamples = Resamples.of(group, 5)
    sums = resamples.sums(np.stack([value, y], axis=1).astype(np.float64))
    aurocs = resamples.aurocs(value, y)
    counts = np.concatenate(list(resamples.counts()))
    for at in range(5):
        times = counts[at][resamples.group].astype(int)
        repeated = np.repeat(np.arange(len(rows)), times)
        assert sums[at].tolist() == [value[repeated].sum(), y[repeated].sum()]
        if 0 < y[repeated].sum() < len(repeated):
            assert aurocs[at] == pytest.approx(auroc(value[repeated], y[repeated]), abs=1e-12)
        else:
            assert np.isnan(aurocs[at])


def test_two_models_on_the_same_rows_get_the_same_samples() -> None:
    groups = RNG.integers(0, 40, 200)
    y = RNG.random(200) < 0.3
    value = RNG.normal(size=200)
    one, other = (Resamples.of(groups, 30).aurocs(scale * value, y) for scale in (1, 7))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, Resamples.of(groups, 30, seed=2).aurocs(value, y))


def test_an_order_is_sorted_once_and_weighed_often() -> None:
    order = Order.of([0.1, 0.4, 0.4, 0.8], [False, True, False, True])
    assert order.auroc() == 0.875
    assert np.isnan(order.auroc(np.array([1.0, 0, 0, 0])))


def test_no_replicates_make_no_interval() -> None:
    assert np.isnan(interval([float("nan")])).all()
    assert interval([1.0, float("nan"), 1.0]) == (1.0, 1.0)

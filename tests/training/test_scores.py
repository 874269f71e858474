from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from training.scores import ScoresError, auroc, bootstrap_auroc, score

RNG = np.random.default_rng(5)
MARGIN = RNG.normal(-1, 1.5, 4000)
Y = RNG.random(4000) < 1 / (1 + np.exp(-MARGIN))
P = 1 / (1 + np.exp(-MARGIN))
GROUPS = np.arange(4000) // 2


def test_figures_agree_with_the_library() -> None:
    found = score(P, Y, GROUPS, resamples=200)
    assert found.auroc == pytest.approx(roc_auc_score(Y, P), abs=1e-12)
    assert found.log_loss == pytest.approx(log_loss(Y, P), abs=1e-12)
    assert found.brier == pytest.approx(brier_score_loss(Y, P), abs=1e-12)
    assert (found.n, found.events) == (4000, int(Y.sum()))


def test_slope_agrees_with_a_logistic_regression() -> None:
    distorted = 1 / (1 + np.exp(-(0.5 * MARGIN + 0.3)))
    reference = LogisticRegression(C=np.inf).fit((0.5 * MARGIN + 0.3)[:, None], Y)
    assert score(distorted, Y, GROUPS, 10).slope == pytest.approx(reference.coef_[0, 0], abs=1e-3)


def test_probabilities_that_made_the_outcomes_are_calibrated() -> None:
    found = score(P, Y, GROUPS, 10)
    assert found.slope == pytest.approx(1, abs=0.1)
    assert found.intercept == pytest.approx(0, abs=0.1)


def test_probabilities_that_are_too_high_have_a_negative_intercept() -> None:
    assert score(1 / (1 + np.exp(-(MARGIN + 1))), Y, GROUPS, 10).intercept == pytest.approx(-1, abs=0.1)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40))
def test_weights_count_rows_as_often_as_repeating_them(rows: list[tuple[int, bool, int]]) -> None:
    value, y, weight = (np.array(column) for column in zip(*rows, strict=True))
    if not 0 < (weight * y).sum() < weight.sum():
        return
    repeated = roc_auc_score(np.repeat(y, weight), np.repeat(value, weight))
    assert auroc(value, y, weight) == pytest.approx(repeated, abs=1e-12)


def test_the_interval_holds_the_figure_and_is_wider_when_groups_are_larger() -> None:
    alone, grouped = score(P, Y, np.arange(4000), 300), score(P, Y, np.arange(4000) // 400, 300)
    assert alone.auroc_low < alone.auroc < alone.auroc_high
    blocks = np.sort(RNG.normal(size=4000))
    together = bootstrap_auroc(P + blocks, Y, np.arange(4000) // 400, 300, 1)
    assert together.std() > bootstrap_auroc(P + blocks, Y, np.arange(4000), 300, 1).std()
    assert grouped.n == alone.n


def test_the_bootstrap_is_reproducible() -> None:
    assert bootstrap_auroc(P, Y, GROUPS, 20, 1).tolist() == bootstrap_auroc(P, Y, GROUPS, 20, 1).tolist()


@pytest.mark.parametrize("y", [np.zeros(3, bool), np.ones(3, bool)])
def test_one_kind_of_outcome_cannot_be_ranked(y: np.ndarray) -> None:
    with pytest.raises(ScoresError, match="of 3 rows reached the threshold: nothing can be ranked"):
        score([0.1, 0.2, 0.3], y, [1, 2, 3])

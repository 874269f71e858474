"""How good probabilities are: discrimination, calibration and overall error, with intervals by group.

Intervals are percentile bootstrap intervals that resample whole groups (patients, families), because the rows of one
group are not independent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

Floats = NDArray[np.float64]
EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1 where their logarithm is taken."""


@dataclass(frozen=True)
class Scores:
    """Figures of one model at one threshold on one set of rows.

    Attributes:
        n: rows.
        events: rows that reached the threshold.
        auroc: area under the ROC curve, with the 95 % interval `auroc_low` to `auroc_high`.
        log_loss: mean negative log-likelihood, natural logarithm.
        brier: mean squared error of the probability.
        slope: calibration slope; 1 is ideal, below 1 the probabilities are too extreme.
        intercept: calibration in the large, log-odds (slope fixed at 1); 0 is ideal, below 0 they are too high.
    """

    n: int
    events: int
    auroc: float
    auroc_low: float
    auroc_high: float
    log_loss: float
    brier: float
    slope: float
    intercept: float

    def figures(self) -> dict[str, float]:
        """All figures by name."""
        return asdict(self)


class ScoresError(ValueError):
    """Rows on which nothing can be measured."""


def score(
    probability: ArrayLike, reached: ArrayLike, groups: ArrayLike, resamples: int = 1000, seed: int = 1
) -> Scores:
    """Measure probabilities against what happened.

    Args:
        probability: predicted, shape (n,).
        reached: what happened, bool, shape (n,).
        groups: patient or family of each row, shape (n,).
        resamples: bootstrap samples of groups.
        seed: of the bootstrap.

    Raises:
        ScoresError: no row, or only one kind of outcome.
    """
    p = np.clip(np.asarray(probability, np.float64), EDGE, 1 - EDGE)
    y = np.asarray(reached, np.bool_)
    if y.all() or not y.any():
        raise ScoresError(f"{int(y.sum())} of {len(y)} rows reached the threshold: nothing can be ranked")
    low, high = np.quantile(bootstrap_auroc(p, y, groups, resamples, seed), [0.025, 0.975])
    slope, _ = _line(logit(p), y, fixed_slope=False)
    _, intercept = _line(logit(p), y, fixed_slope=True)
    error = np.where(y, np.log(p), np.log1p(-p))
    return Scores(len(y), int(y.sum()), auroc(p, y), float(low), float(high), float(-error.mean()),
                  float(((p - y) ** 2).mean()), slope, intercept)  # fmt: skip


def auroc(ranking: ArrayLike, reached: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a row that reached the threshold ranks above one that did not; ties count half.

    `weights` are how often each row counts.
    """
    value, y = np.asarray(ranking, np.float64), np.asarray(reached, np.bool_)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    return _weighted_auroc(_tied(value), y, w)


def bootstrap_auroc(probability: ArrayLike, reached: ArrayLike, groups: ArrayLike, resamples: int, seed: int) -> Floats:
    """AUROC of every bootstrap sample of groups that holds both outcomes."""
    y = np.asarray(reached, np.bool_)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    count = int(group.max()) + 1
    tied = _tied(np.asarray(probability, np.float64))
    random = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        w = np.bincount(random.integers(0, count, count), minlength=count)[group].astype(np.float64)
        if 0 < w[y].sum() < w.sum():
            found.append(_weighted_auroc(tied, y, w))
    return np.array(found)


def _tied(value: Floats) -> NDArray[np.int64]:
    """Rank of each value among the distinct ones."""
    return np.unique(value, return_inverse=True)[1].astype(np.int64)


def _weighted_auroc(rank: NDArray[np.int64], y: NDArray[np.bool_], w: Floats) -> float:
    size = int(rank.max()) + 1
    with_event = np.bincount(rank, w * y, size)
    without = np.bincount(rank, w * ~y, size)
    below = np.cumsum(without) - without
    return float((with_event * (below + without / 2)).sum() / (with_event.sum() * without.sum()))


def _line(log_odds: Floats, y: NDArray[np.bool_], *, fixed_slope: bool) -> tuple[float, float]:
    """Slope and intercept of the logistic line of the outcome on the log-odds."""

    def loss(line: Floats) -> tuple[float, Floats]:
        at = line[0] * log_odds + line[1]
        error = expit(at) - y
        return float(-np.where(y, log_expit(at), log_expit(-at)).mean()), np.array(
            [(error * log_odds).mean(), error.mean()]
        )

    bounds = [(1.0, 1.0) if fixed_slope else (None, None), (None, None)]
    found = minimize(
        loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-10}
    )
    return float(found.x[0]), float(found.x[1])

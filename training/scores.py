"""How good probabilities are: discrimination, calibration and overall error, with intervals by group.

Intervals are percentile bootstrap intervals that resample whole groups (patients, families), because the rows of one
group are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from training.bootstrap import Order, Resamples, interval

Floats = NDArray[np.float64]
SUPPORTING = ("observed_to_expected", "brier_scaled")
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
        observed_to_expected: events that happened to those expected; 1 is ideal, below 1 the probabilities are too
            high.
        brier_scaled: Brier score against that of giving everyone the mean; 1 is perfect, 0 is no better.
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
    observed_to_expected: float = float("nan")
    brier_scaled: float = float("nan")

    def figures(self) -> dict[str, float]:
        """The figures that every table and file holds, by name."""
        return {name: value for name, value in asdict(self).items() if name not in SUPPORTING}

    def supporting(self) -> dict[str, float]:
        """The figures that support them, by name."""
        return {name: getattr(self, name) for name in SUPPORTING}


ScoresBySegment: TypeAlias = Mapping[str, Scores]
"""Scores of one model by the name of the segment that the threshold leads into."""


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
    p, y = clipped(probability), np.asarray(reached, np.bool_)
    low, high = interval(Resamples.of(groups, resamples, seed).aurocs(p, y))
    return of_rows(p, y, (low, high))


def of_rows(p: Floats, y: NDArray[np.bool_], bounds: tuple[float, float]) -> Scores:
    """Figures of clipped probabilities; `bounds` is the interval of AUROC.

    Raises:
        ScoresError: as `score`.
    """
    if y.all() or not y.any():
        raise ScoresError(f"{int(y.sum())} of {len(y)} rows reached the threshold: nothing can be ranked")
    slope, _ = _line(logit(p), y, fixed_slope=False)
    _, intercept = _line(logit(p), y, fixed_slope=True)
    error, share = float(((p - y) ** 2).mean()), float(y.mean())
    return Scores(len(y), int(y.sum()), auroc(p, y), *bounds, float(log_losses(p, y).mean()), error, slope, intercept,
                  float(y.sum() / p.sum()), 1 - error / (share * (1 - share)))  # fmt: skip


def clipped(probability: ArrayLike) -> Floats:
    """Probabilities kept away from 0 and 1 by `EDGE`."""
    return np.clip(np.asarray(probability, np.float64), EDGE, 1 - EDGE)


def log_losses(p: Floats, y: NDArray[np.bool_]) -> Floats:
    """Negative log-likelihood of each row."""
    return -np.where(y, np.log(p), np.log1p(-p))


def auroc(ranking: ArrayLike, reached: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a row that reached the threshold ranks above one that did not; ties count half.

    `weights` are how often each row counts.
    """
    order = Order.of(ranking, reached)
    return order.auroc(None if weights is None else np.asarray(weights, np.float64)[order.rows])


def bootstrap_auroc(probability: ArrayLike, reached: ArrayLike, groups: ArrayLike, resamples: int, seed: int) -> Floats:
    """AUROC of every bootstrap sample of groups that holds both outcomes."""
    found = Resamples.of(groups, resamples, seed).aurocs(probability, reached)
    return found[~np.isnan(found)]


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

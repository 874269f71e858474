"""Models of counts on MEPS: dental visits of the same year. A sanity check, for nothing is forecast.

The project's own way to a count (probabilities of segments times what each takes on average) stands beside a constant,
a Poisson regression, scikit-learn's and LightGBM's boosting of Poisson deviance, and LightGBM's of Tweedie's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.paired import RESAMPLES, Difference
from benchmarks.tasks import Task
from models.calibration import segment_probabilities
from models.estimators import SHALLOW, Boosted
from training.fit import fit
from training.scores import auroc

Floats = NDArray[np.float64]
CUTS = (1.0, 2.0, 4.0)
TWEEDIE_POWER = 1.5
LEAST = 1e-3
"""Expected visits are kept above this, where their logarithm is taken."""
BASE = "poisson regression"


@dataclass(frozen=True)
class CountScores:
    """Figures of expected counts on test rows.

    Attributes:
        poisson, negative_binomial, tweedie: mean deviances (the second's dispersion is fitted on the test rows; the
            third's power is 1.5); less is better.
        observed_expected: all visits over all visits expected.
        auroc: of any visit, ranked by the expected number.
        top_tenth: share of all visits had by the tenth of people with the most expected.
        over: Poisson deviance minus that of the Poisson regression, with its interval over households.
    """

    poisson: float
    negative_binomial: float
    tweedie: float
    observed_expected: float
    auroc: float
    top_tenth: float
    over: Difference


def measure_counts(task: Task) -> dict[str, CountScores]:
    """Fit all models of counts and score them on the test rows."""
    expected = {name: np.maximum(make(task), LEAST) for name, make in MODELS.items()}
    return {name: _scores(task, mu, expected[BASE]) for name, mu in expected.items()}


def _scores(task: Task, mu: Floats, base: Floats) -> CountScores:
    y = task.test.outcome
    most = np.argsort(-mu, kind="stable")[: max(len(y) // 10, 1)]
    return CountScores(
        poisson=float(poisson_deviance(y, mu).mean()),
        negative_binomial=_negative_binomial(y, mu),
        tweedie=float(_tweedie(y, mu).mean()),
        observed_expected=float(y.sum() / mu.sum()),
        auroc=auroc(mu, y > 0),
        top_tenth=float(y[most].sum() / y.sum()),
        over=_difference(task, poisson_deviance(y, mu) - poisson_deviance(y, base)),
    )


def _difference(task: Task, each: Floats) -> Difference:
    _, group = np.unique(task.test.groups, return_inverse=True)
    count, random = int(group.max()) + 1, np.random.default_rng(1)
    drawn = []
    for _ in range(RESAMPLES):
        weight = np.bincount(random.integers(0, count, count), minlength=count)[group]
        drawn.append(np.average(each, weights=weight))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(float(each.mean()), float(low), float(high))


def poisson_deviance(y: Floats, mu: Floats) -> Floats:
    """Deviance of each row; 0 where the expectation is what happened."""
    ratio = np.where(y > 0, y, 1.0) / mu
    return np.asarray(2 * (np.where(y > 0, y * np.log(ratio), 0.0) - (y - mu)))


def _tweedie(y: Floats, mu: Floats) -> Floats:
    p = TWEEDIE_POWER
    own = np.maximum(y, 0) ** (2 - p) / ((1 - p) * (2 - p))
    return np.asarray(2 * (own - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p)))


def _negative_binomial(y: Floats, mu: Floats) -> float:
    """Twice the mean negative log-likelihood at the best dispersion."""

    def loss(log_size: float) -> float:
        size = np.exp(log_size)
        log = gammaln(y + size) - gammaln(size) - gammaln(y + 1) + size * np.log(size / (size + mu))
        return float(-2 * (log + y * np.log(mu / (size + mu))).mean())

    return float(minimize_scalar(loss, bounds=(-4, 8), method="bounded").fun)


def _constant(task: Task) -> Floats:
    return np.full(len(task.test.x), task.learn.outcome.mean())


def _regression(task: Task) -> Floats:
    imputed = SimpleImputer(strategy="median", add_indicator=True)
    model = make_pipeline(imputed, StandardScaler(), PoissonRegressor(alpha=1e-3, max_iter=500))
    return np.asarray(model.fit(task.learn.x, task.learn.outcome).predict(task.test.x))


def _hist(task: Task) -> Floats:
    model = HistGradientBoostingRegressor(loss="poisson", early_stopping=True, random_state=1)
    return np.asarray(model.fit(task.learn.x, task.learn.outcome).predict(task.test.x))


def _lightgbm(objective: str) -> Callable[[Task], Floats]:
    def predict(task: Task) -> Floats:
        rows = lgb.Dataset(task.learn.x, task.learn.outcome)
        own = {**SHALLOW, "objective": objective, "tweedie_variance_power": TWEEDIE_POWER}
        return np.asarray(lgb.train(own, rows, 300).predict(task.test.x))

    return predict


def _segments(task: Task) -> Floats:
    """The project's own: what each segment takes on average, by its probability."""
    reached = task.learn.outcome[:, None] >= np.array(CUTS)
    estimator, calibrator = fit(lambda: Boosted(task.catalogue.names), task.learn.x, reached, task.learn.groups)
    segment = reached.sum(axis=1)
    means = [task.learn.outcome[segment == k].mean() for k in range(len(CUTS) + 1)]
    probabilities = segment_probabilities(calibrator.at_least(estimator.margins(task.test.x)))
    return np.asarray((probabilities * np.array(means)).sum(axis=1))


MODELS: Mapping[str, Callable[[Task], Floats]] = {
    "constant": _constant,
    BASE: _regression,
    "segments (ours)": _segments,
    "lightgbm poisson": _lightgbm("poisson"),
    "lightgbm tweedie": _lightgbm("tweedie"),
    "histgb poisson": _hist,
}

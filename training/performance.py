"""How a model performs at one threshold: figures with intervals, and the curves that are drawn of them.

Primary, after Van Calster et al. (Lancet Digit Health 2025;7:100916): AUROC for discrimination, the calibration plot,
net benefit with its decision curve for utility, and the distribution of the predicted risk by outcome. The rest
supports them. Accuracy, sensitivity at a cut-off and F1 are left out on purpose: away from a threshold of one half
they can prefer a model with wrong probabilities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import SplineTransformer

from training.bootstrap import Resamples, interval
from training.evaluation import Bin, Bounds, Curves, Performance
from training.scores import Scores, clipped, log_losses, of_rows
from training.slices import LEAST_SHOWN
from training.utility import decision_curve, declared

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TENTHS = 10
RISK_BANDS = np.round(np.arange(0, 1.0, 0.05), 2)
NORMAL_95 = 1.959963984540054
SMOOTH_POINTS = 41


def perform(probability: Floats, y: Bools, resamples: Resamples, thresholds: tuple[float, ...]) -> Performance:
    """Measure probabilities at one threshold.

    Args:
        probability: of reaching the threshold, shape (n,).
        y: whether it was reached.
        resamples: of the rows' patients.
        thresholds: declared threshold probabilities of net benefit.

    Raises:
        ScoresError: no row, or only one kind of outcome.
    """
    p = clipped(probability)
    of_rows(p, y, (0.0, 0.0))  # refuses rows that cannot be ranked before time is spent on them
    aurocs = resamples.aurocs(p, y)
    scores = of_rows(p, y, interval(aurocs))
    sums = resamples.sums(np.stack([np.ones(len(p)), y.astype(np.float64), p, log_losses(p, y), (p - y) ** 2], axis=1))
    n, events, expected, loss, squares = sums.T
    share = events / n
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = 1 - squares / n / (share * (1 - share))
    benefit, replicates = declared(p, y, thresholds, resamples)
    replicates |= {"auroc": aurocs, "log_loss": loss / n}
    bounds = {"observed_to_expected": interval(events / expected), "brier_scaled": interval(scaled)}
    bounds |= line_bounds(p, y, resamples, scores)
    kept = {name: tuple(np.round(values, 7).tolist()) for name, values in replicates.items()}
    return Performance(scores, bounds, benefit, kept)


def line_bounds(p: Floats, y: Bools, resamples: Resamples, scores: Scores) -> dict[str, Bounds]:
    """95 % intervals of calibration slope and intercept, from the sandwich estimator clustered by patient."""
    z = logit(p)
    slope, base = scores.slope, _base(z, y, scores.slope)
    with_slope = _sandwich(np.stack([z, np.ones(len(z))], axis=1), expit(slope * z + base), y, resamples)
    alone = _sandwich(np.ones((len(z), 1)), expit(z + scores.intercept), y, resamples)

    def around(value: float, variance: float) -> Bounds:
        half = NORMAL_95 * float(np.sqrt(variance))
        return value - half, value + half

    return {"slope": around(slope, with_slope[0, 0]), "intercept": around(scores.intercept, alone[0, 0])}


def _base(z: Floats, y: Bools, slope: float) -> float:
    """The intercept beside a given slope, by Newton steps on a concave likelihood."""
    base = 0.0
    for _ in range(25):
        p = expit(slope * z + base)
        base += float((y - p).sum() / max((p * (1 - p)).sum(), 1e-12))
    return base


def _sandwich(x: Floats, p: Floats, y: Bools, resamples: Resamples) -> Floats:
    """Covariance of logistic coefficients at the solution, rows of one group taken together."""
    bread = np.linalg.pinv((x * (p * (1 - p))[:, None]).T @ x)
    each = x * (y - p)[:, None]
    by_group = np.stack([np.bincount(resamples.group, column, resamples.groups) for column in each.T], axis=1)
    return np.asarray(bread @ (by_group.T @ by_group) @ bread)


def curves(probability: Floats, y: Bools) -> Curves:
    """What is drawn of probabilities at one threshold."""
    p = clipped(probability)
    smooth = Smooth(p, y)
    grid = np.quantile(p, np.linspace(0.005, 0.995, SMOOTH_POINTS))
    line = tuple(zip(grid.tolist(), smooth(grid).tolist(), strict=True))
    return Curves(bins(p, y), line, float(np.abs(smooth(p) - p).mean()), decision_curve(p, y), _risk(p, y))


def bins(p: Floats, y: Bools) -> tuple[Bin, ...]:
    """Tenths of the rows by probability; equal probabilities stay together, so there may be fewer."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, TENTHS + 1)))
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for at in np.unique(place).tolist():
        rows = place == at
        share, n = float(y[rows].mean()), int(rows.sum())
        found.append(Bin(float(p[rows].mean()), share, *wilson(share, n), n))
    return tuple(found)


def wilson(share: float, n: int) -> Bounds:
    """Wilson's 95 % interval of a share of n."""
    z = NORMAL_95**2
    middle, half = (share + z / (2 * n)), NORMAL_95 * np.sqrt(share * (1 - share) / n + z / (4 * n * n))
    return max(0.0, float((middle - half) / (1 + z / n))), min(1.0, float((middle + half) / (1 + z / n)))


class Smooth:
    """The observed share as a smooth function of the probability: logistic regression on a spline of the log-odds."""

    def __init__(self, p: Floats, y: Bools) -> None:
        z = logit(p)[:, None]
        self._flat = float(y.mean()) if len(np.unique(z)) < TENTHS else None
        if self._flat is None:
            self._spline = SplineTransformer(n_knots=4, degree=3, knots="quantile", extrapolation="linear").fit(z)
            self._fit = LogisticRegression(C=100.0, max_iter=500).fit(self._spline.transform(z), y)

    def __call__(self, p: Floats) -> Floats:
        """The smoothed share at each probability."""
        if self._flat is not None:
            return np.full(len(p), self._flat)
        found: Floats = self._fit.predict_proba(self._spline.transform(logit(p)[:, None]))[:, 1]
        return found


def _risk(p: Floats, y: Bools) -> tuple[tuple[float, int, int], ...]:
    """Bands of the predicted risk with rows by outcome; bands are merged until no count is of 1 to 4 people."""
    place = np.clip(np.searchsorted(RISK_BANDS, p, side="right") - 1, 0, len(RISK_BANDS) - 1)
    counts = np.stack([np.bincount(place[rows], minlength=len(RISK_BANDS)) for rows in (y, ~y)], axis=1)
    bands: list[tuple[float, int, int]] = []
    start, held = float(RISK_BANDS[0]), np.zeros(2, np.int64)
    for edge, count in zip(np.append(RISK_BANDS[1:], 1.0).tolist(), counts, strict=True):
        held = held + count
        if _may_show(held):
            bands.append((start, int(held[0]), int(held[1])))
            start, held = edge, np.zeros(2, np.int64)
    while bands and not _may_show(held):
        start, *last = bands.pop()
        held = held + np.array(last)
    return (*bands, (start, int(held[0]), int(held[1]))) if held.any() else tuple(bands)


def _may_show(counts: NDArray[np.int64]) -> bool:
    return bool(((counts == 0) | (counts >= LEAST_SHOWN)).all())

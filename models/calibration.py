"""From margins to probabilities: one logistic curve a threshold, rising by construction.

Because the curve rises, a larger margin never gives a smaller probability, and a reason that raises the margin never
contradicts the probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]
LEAST_SLOPE = 1e-3
"""Below this a margin does not rank at all; the curve is kept rising so that order is never reversed."""


@dataclass(frozen=True)
class Calibrator:
    """Probability of reaching threshold *k*: expit(slope[k] x margin + intercept[k])."""

    slope: tuple[float, ...]
    intercept: tuple[float, ...]

    @classmethod
    def fit(cls, margins: Floats, reached: NDArray[np.bool_]) -> Self:
        """Fit by maximum likelihood on margins of rows that the estimator has not learnt from.

        Args:
            margins: shape (n, thresholds).
            reached: bool, the same shape.
        """
        curves = [_curve(margins[:, k], reached[:, k].astype(np.float64)) for k in range(margins.shape[1])]
        return cls(tuple(slope for slope, _ in curves), tuple(intercept for _, intercept in curves))

    def at_least(self, margins: Floats) -> Floats:
        """Probability of needing at least each segment but the first, shape (n, thresholds), never rising along it."""
        raised = expit(margins * np.array(self.slope) + np.array(self.intercept))
        return np.minimum.accumulate(raised, axis=1)


def segment_probabilities(at_least: Floats) -> Floats:
    """Probability of each segment, shape (n, thresholds + 1), from the probabilities of needing at least each."""
    edges = np.hstack([np.ones((len(at_least), 1)), at_least, np.zeros((len(at_least), 1))])
    return edges[:, :-1] - edges[:, 1:]


def _curve(margin: Floats, reached: Floats) -> tuple[float, float]:
    # Platt's targets keep the curve finite when margins separate the rows perfectly.
    events = reached.sum()
    target = np.where(reached > 0, (events + 1) / (events + 2), 1 / (len(reached) - events + 2))
    centre, spread = margin.mean(), max(float(margin.std()), 1e-9)
    z = (margin - centre) / spread

    def loss(line: Floats) -> tuple[float, Floats]:
        at = line[0] * z + line[1]
        value = -(target * log_expit(at) + (1 - target) * log_expit(-at)).mean()
        error = expit(at) - target
        return float(value), np.array([(error * z).mean(), error.mean()])

    start = np.array([1.0, np.log(target.mean() / (1 - target.mean()))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(LEAST_SLOPE, None), (None, None)])
    slope = float(found.x[0]) / spread
    return slope, float(found.x[1] - slope * centre)

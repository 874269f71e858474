"""Penalised logistic regression as an estimator."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from typing_extensions import override

from models.estimators.base import Bools, Estimator, Floats, read, write

LEAST_SPREAD = 1e-6
"""Standard deviation below which a column counts as constant."""
MOST_ROWS = 200_000
"""Rows that are learnt from; of more, every second or third or so is taken: a few hundred weights gain nothing from
more, and the columns of millions of rows do not fit into memory."""
BLOCK = 20_000
"""Rows whose columns are in memory at a time when predicting."""
FARTHEST = 8.0
"""Standard deviations beyond which a value counts no further: one odd value never decides an assessment."""


@dataclass
class Logistic(Estimator):
    """Penalised logistic regression, one for each threshold.

    Values are taken as sign(x) log(1 + |x|), because counts, days and money are skewed; missing ones as the median,
    with an indicator of their own; nothing counts beyond `FARTHEST`. `strength` is the inverse of the ridge penalty on
    standardised columns.
    """

    kind: ClassVar[str] = "logistic"
    features: tuple[str, ...]
    strength: float = 0.01
    fill: Floats = field(default_factory=lambda: np.empty(0))
    centre: Floats = field(default_factory=lambda: np.empty(0))
    scale: Floats = field(default_factory=lambda: np.empty(0))
    weights: Floats = field(default_factory=lambda: np.empty((0, 0)))
    base: Floats = field(default_factory=lambda: np.empty(0))

    @override
    def fit(self, x: Floats, reached: Bools) -> Self:
        every = -(-len(x) // MOST_ROWS)
        x, reached = x[::every], reached[::every]
        squeezed = _squeeze(x)
        known = ~np.isnan(squeezed).all(0)
        self.fill = np.zeros(x.shape[1])
        self.fill[known] = np.nanmedian(squeezed[:, known], axis=0)
        self.centre, self.scale = np.zeros(2 * x.shape[1]), np.ones(2 * x.shape[1])
        raw = self._columns(x)
        self.centre, spread = raw.mean(0), raw.std(0)
        self.scale = np.where(spread > LEAST_SPREAD, spread, 1.0)
        columns = self._columns(x)
        fits = [
            LogisticRegression(C=self.strength, max_iter=1000).fit(columns, reached[:, k])
            for k in range(reached.shape[1])
        ]
        self.weights = np.stack([fit.coef_[0] for fit in fits])
        self.base = np.array([fit.intercept_[0] for fit in fits])
        return self

    @override
    def margins(self, x: Floats) -> Floats:
        # Summed row by row and never by matrix product, whose last bits depend on how many rows come together.
        found = np.empty((len(x), len(self.weights)))
        for first in range(0, len(x), BLOCK):
            columns = self._columns(x[first : first + BLOCK])
            for k, weight in enumerate(self.weights):
                found[first : first + BLOCK, k] = (columns * weight).sum(1)
        return found + self.base

    @override
    def contributions(self, x: Floats) -> Floats:
        each = self._columns(x)[:, None, :] * self.weights[None]
        width = len(self.features)
        both = each[:, :, :width] + each[:, :, width:]
        return np.concatenate([both, np.broadcast_to(self.base[None, :, None], (*both.shape[:2], 1))], axis=2)

    def _columns(self, x: Floats) -> Floats:
        squeezed = _squeeze(x)
        missing = np.isnan(squeezed)
        filled = np.hstack([np.where(missing, self.fill, squeezed), missing.astype(np.float64)])
        return np.clip((filled - self.centre) / self.scale, -FARTHEST, FARTHEST)

    @override
    def save(self, folder: Path) -> None:
        arrays = {name: getattr(self, name).tolist() for name in ("fill", "centre", "scale", "weights", "base")}
        write(folder, self.features, strength=self.strength, **arrays)

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = read(folder)
        arrays = {name: np.array(said[name]) for name in ("fill", "centre", "scale", "weights", "base")}
        return cls(said["features"], said["strength"], **arrays)


def _squeeze(x: Floats) -> Floats:
    return np.sign(x) * np.log1p(np.abs(x))

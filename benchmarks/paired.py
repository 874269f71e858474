"""Paired comparison of models on the same rows: differences with bootstrap intervals over whole groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.scores import EDGE, Scores, auroc, score

Floats = NDArray[np.float64]
RESAMPLES = 1000

RESOLUTION: Mapping[str, float] = {
    "nhanes need": 0.002,
    "nhanes urgent": 0.004,
    "rand any": 0.003,
    "rand heavy": 0.009,
    "creighton lost": 0.014,
    "creighton lost_known": 0.014,
}
"""Differences of AUROC that rows of this number can show at all, as measured beforehand on other splits of the same
sources. Smaller ones are not called differences, whatever their interval."""


@dataclass(frozen=True)
class Difference:
    """One figure of a model minus that of another, with its 95 % interval."""

    value: float
    low: float
    high: float

    def verdict(self, resolution: float = 0.0, *, higher_is_better: bool = True) -> str:
        """`better`, `worse` or `no difference visible`: the interval holds 0, or the rows cannot show so little."""
        if self.low <= 0 <= self.high or abs(self.value) < resolution:
            return "no difference visible"
        return "better" if (self.value > 0) == higher_is_better else "worse"


@dataclass(frozen=True)
class Outcome:
    """What happened to test rows.

    Attributes:
        reached: whether each row reached the target.
        groups: person, family or household of each row.
        places: positions of the rows, repeated where some stand for others.
    """

    reached: NDArray[np.bool_]
    groups: NDArray[np.str_]
    places: NDArray[np.int64]

    def score(self, probability: Floats) -> Scores:
        """All figures of one model. The numbers of rows and of events are those of real rows."""
        at = self.places
        found = score(probability[at], self.reached[at], self.groups[at], RESAMPLES)
        return replace(found, n=len(self.reached), events=int(self.reached.sum()))

    def compare(self, one: Floats, two: Floats) -> dict[str, Difference]:
        """Model one minus model two: `auroc` and `log_loss`, over the same bootstrap samples of groups."""
        at = self.places
        y, (p, q) = self.reached[at], (each[at] for each in (one, two))
        losses = _log_loss(p, y), _log_loss(q, y)
        _, group = np.unique(self.groups[at], return_inverse=True)
        count, random = int(group.max()) + 1, np.random.default_rng(1)
        drawn: list[tuple[float, float]] = []
        for _ in range(RESAMPLES):
            weight = np.bincount(random.integers(0, count, count), minlength=count)[group].astype(np.float64)
            if 0 < weight[y].sum() < weight.sum():
                ranked = auroc(p, y, weight) - auroc(q, y, weight)
                drawn.append((ranked, float(np.average(losses[0] - losses[1], weights=weight))))
        whole = auroc(p, y) - auroc(q, y), float((losses[0] - losses[1]).mean())
        low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
        return {
            name: Difference(value, float(low[k]), float(high[k]))
            for k, (name, value) in enumerate(zip(("auroc", "log_loss"), whole, strict=True))
        }


def _log_loss(probability: Floats, reached: NDArray[np.bool_]) -> Floats:
    p = np.clip(probability, EDGE, 1 - EDGE)
    return -np.where(reached, np.log(p), np.log1p(-p))

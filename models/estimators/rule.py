"""Today's interview as an estimator: points for a few facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from models.estimators.base import Bools, Estimator, Floats, read, write


@dataclass
class PointsRule(Estimator):
    """The interview of today as a rule: points for a few facts, added up.

    Attributes:
        features: columns of `x`.
        points: points for each unit of a feature; a missing value gives none, or the points of `unanswered`.
        unanswered: the value to take for a missing one.
    """

    kind: ClassVar[str] = "rule"
    features: tuple[str, ...]
    points: Mapping[str, float]
    unanswered: Mapping[str, float] = field(default_factory=dict)
    thresholds: int = 1

    @override
    def fit(self, x: Floats, reached: Bools) -> Self:
        del x  # nothing is learnt but how many thresholds there are
        self.thresholds = reached.shape[1]
        return self

    @override
    def margins(self, x: Floats) -> Floats:
        return np.asarray(self.contributions(x).sum(2))

    @override
    def contributions(self, x: Floats) -> Floats:
        found = np.zeros((len(x), self.thresholds, len(self.features) + 1))
        for name, points in self.points.items():
            at = self.features.index(name)
            value = np.where(np.isnan(x[:, at]), self.unanswered.get(name, 0.0), x[:, at])
            found[:, :, at] = (points * value)[:, None]
        return found

    @override
    def save(self, folder: Path) -> None:
        write(
            folder,
            self.features,
            points=dict(self.points),
            unanswered=dict(self.unanswered),
            thresholds=self.thresholds,
        )

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = read(folder)
        return cls(said["features"], said["points"], said["unanswered"], said["thresholds"])

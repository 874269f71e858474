"""Estimators of need: feature values in, one log-odds margin for every threshold between segments out.

With K segments there are K - 1 thresholds; margin *k* ranks patients by whether they need segment *k* + 1 or more.
Every estimator can say how each feature moved a margin: contributions and the base add up to it exactly. One margin a
threshold, instead of a single ordered margin, because "needs anything" and "needs much" can be different people
(on the RAND data a single ordered margin lost .119 of AUROC).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from typing_extensions import override

from models.contributions import Tables
from models.trees import read_trees

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Estimator(ABC):
    """What every estimator can do.

    `x` is float64 of shape (n, features), NaN for missing, columns in the order of `features`; `reached` is bool of
    shape (n, thresholds): whether the need reached each threshold.
    """

    kind: ClassVar[str]
    features: tuple[str, ...]

    @abstractmethod
    def fit(self, x: Floats, reached: Bools) -> Self:
        """Learn from rows; returns itself."""

    @abstractmethod
    def margins(self, x: Floats) -> Floats:
        """Log-odds, shape (n, thresholds)."""

    @abstractmethod
    def contributions(self, x: Floats) -> Floats:
        """Shape (n, thresholds, features + 1); the last column is the base. Sums over it are the margins."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write text files only; nothing in them is executed when read."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


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
        _write(
            folder,
            self.features,
            points=dict(self.points),
            unanswered=dict(self.unanswered),
            thresholds=self.thresholds,
        )

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = _read(folder)
        return cls(said["features"], said["points"], said["unanswered"], said["thresholds"])


LEAST_SPREAD = 1e-6
"""Standard deviation below which a column counts as constant."""
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
        columns = self._columns(x)
        return np.stack([(columns * weight).sum(1) for weight in self.weights], axis=1) + self.base

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
        _write(folder, self.features, strength=self.strength, **arrays)

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = _read(folder)
        arrays = {name: np.array(said[name]) for name in ("fill", "centre", "scale", "weights", "base")}
        return cls(said["features"], said["strength"], **arrays)


SHALLOW: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_child_samples": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
"""Parameters for a few thousand to a few hundred thousand rows; shallow, so that a reason concerns few features."""


@dataclass
class Boosted(Estimator):
    """LightGBM, one shallow booster for each threshold."""

    kind: ClassVar[str] = "lightgbm"
    features: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=lambda: dict(SHALLOW))
    rounds: int = 300
    boosters: Sequence[lgb.Booster] = ()
    _tables: Tables | None = field(default=None, init=False, repr=False, compare=False)

    @override
    def fit(self, x: Floats, reached: Bools) -> Self:
        self.boosters = [self._boost(x, reached[:, k]) for k in range(reached.shape[1])]
        self._tables = None
        return self

    def tables(self) -> Tables:
        """What contributions are looked up in; made when first asked for, which takes tenths of a second.

        Raises:
            ContributionsError: the trees are too deep to be tabulated.
            TreeError: the trees ask what is never asked here.
        """
        if self._tables is None:
            self._tables = Tables.of(read_trees(self.boosters), len(self.features))
        return self._tables

    def _boost(self, x: Floats, reached: NDArray[np.bool_]) -> lgb.Booster:
        rows = lgb.Dataset(x, reached.astype(np.float64), feature_name=list(self.features), free_raw_data=True)
        return lgb.train(dict(self.parameters), rows, self.rounds)

    @override
    def margins(self, x: Floats) -> Floats:
        return np.stack([np.asarray(booster.predict(x, raw_score=True)) for booster in self.boosters], axis=1)

    @override
    def contributions(self, x: Floats) -> Floats:
        return self.tables().contributions(x)

    @override
    def save(self, folder: Path) -> None:
        """Write text files only; trees whose contributions cannot be tabulated are refused as by `tables`."""
        self.tables()
        _write(
            folder, self.features, parameters=dict(self.parameters), rounds=self.rounds, thresholds=len(self.boosters)
        )
        for k, booster in enumerate(self.boosters):
            booster.save_model(folder / f"threshold-{k + 1}.txt")

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = _read(folder)
        boosters = [lgb.Booster(model_file=folder / f"threshold-{k + 1}.txt") for k in range(said["thresholds"])]
        loaded = cls(said["features"], said["parameters"], said["rounds"], boosters)
        loaded.tables()  # now, so that the first patient does not wait for it
        return loaded


KINDS: Mapping[str, type[Estimator]] = {kind.kind: kind for kind in (PointsRule, Logistic, Boosted)}


def _squeeze(x: Floats) -> Floats:
    return np.sign(x) * np.log1p(np.abs(x))


def _write(folder: Path, features: tuple[str, ...], **said: object) -> None:
    text = json.dumps({"features": list(features), **said}, indent=1)
    (folder / "estimator.json").write_text(text, encoding="utf-8")


def _read(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "estimator.json").read_text(encoding="utf-8"))
    return said | {"features": tuple(said["features"])}

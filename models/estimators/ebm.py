"""The explainable boosting machine as an estimator: a glass box, one curve for each feature added up.

Nori and others, InterpretML, arXiv:1909.09223. It is fitted by the library `interpret`; predicting needs the curves
only, so a saved machine is read without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.estimators.base import Bools, Estimator, Floats, read, write

ADDITIVE: Mapping[str, Any] = {
    "interactions": 0,
    "outer_bags": 4,
    "max_bins": 64,
    "max_rounds": 4000,
    "n_jobs": 1,
    "random_state": 1,
}
"""Parameters of a machine without pairs: what it says of a feature is one curve, whatever the other values are."""


@dataclass(frozen=True)
class Term:
    """A curve over one feature, or a surface over two.

    Attributes:
        features: positions of its features.
        cuts: rising cut points of each feature; a value lies in bin 1 + the number of cuts at or below it, a missing
            one in bin 0.
        scores: log-odds of each bin, nested lists with one level for each feature.
    """

    features: tuple[int, ...]
    cuts: tuple[tuple[float, ...], ...]
    scores: Sequence[Any]

    def score(self, x: Floats) -> Floats:
        """Log-odds that the term adds to each row."""
        bins = tuple(
            _bins(x[:, feature], np.array(cuts)) for feature, cuts in zip(self.features, self.cuts, strict=True)
        )
        return np.asarray(np.array(self.scores)[bins], np.float64)


@dataclass(frozen=True)
class Machine:
    """The terms of one threshold and the base."""

    base: float
    terms: tuple[Term, ...]


@dataclass
class ExplainableBoosting(Estimator):
    """One explainable boosting machine for each threshold.

    A pair's score counts half for each of its two features. `parameters` are those of
    `interpret.glassbox.ExplainableBoostingClassifier`.
    """

    kind: ClassVar[str] = "ebm"
    features: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=lambda: dict(ADDITIVE))
    machines: Sequence[Machine] = ()

    @override
    def fit(self, x: Floats, reached: Bools) -> Self:
        self.machines = [_fitted(self.parameters, x, reached[:, k]) for k in range(reached.shape[1])]
        return self

    @override
    def margins(self, x: Floats) -> Floats:
        return np.asarray(self.contributions(x).sum(2))

    @override
    def contributions(self, x: Floats) -> Floats:
        found = np.zeros((len(x), len(self.machines), len(self.features) + 1))
        for k, machine in enumerate(self.machines):
            found[:, k, -1] = machine.base
            for term in machine.terms:
                share = term.score(x) / len(term.features)
                for feature in term.features:
                    found[:, k, feature] += share
        return found

    @override
    def save(self, folder: Path) -> None:
        write(folder, self.features, parameters=dict(self.parameters), machines=[asdict(one) for one in self.machines])

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = read(folder)
        machines = [
            Machine(
                one["base"],
                tuple(
                    Term(tuple(term["features"]), tuple(tuple(cuts) for cuts in term["cuts"]), term["scores"])
                    for term in one["terms"]
                ),
            )
            for one in said["machines"]
        ]
        return cls(said["features"], said["parameters"], machines)


def _fitted(parameters: Mapping[str, Any], x: Floats, reached: NDArray[np.bool_]) -> Machine:
    # Slow to import, and a model that only predicts never needs it.
    from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415

    with warnings.catch_warnings():
        # Its pictures do not show missing values, and a column may be missing throughout.
        warnings.filterwarnings("ignore", "Missing values detected", UserWarning)
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        fitted = ExplainableBoostingClassifier(**parameters).fit(x, reached)
    terms = tuple(
        Term(
            tuple(int(feature) for feature in features),
            tuple(_cuts(fitted.bins_[feature], len(features)) for feature in features),
            scores.tolist(),
        )
        for features, scores in zip(fitted.term_features_, fitted.term_scores_, strict=True)
    )
    return Machine(float(np.ravel(fitted.intercept_)[0]), terms)


def _cuts(bins: Sequence[NDArray[np.float64]], order: int) -> tuple[float, ...]:
    """A feature has coarser bins in a pair, where it occurs in one."""
    return tuple(bins[min(order, len(bins)) - 1].tolist())


def _bins(values: Floats, cuts: Floats) -> NDArray[np.int64]:
    return np.where(np.isnan(values), 0, 1 + np.searchsorted(cuts, values, side="right"))

"""Fitting: an estimator on all rows, calibrated on margins of rows that it had not learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold

from models.calibration import Calibrator

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FOLDS = 5


class Ranker(Protocol):
    """What can be fitted and calibrated: every estimator of `models.estimators`, and what benchmarks try out."""

    def fit(self, x: Floats, reached: Bools) -> Self:
        """Learn from rows; returns itself."""

    def margins(self, x: Floats) -> Floats:
        """Log-odds, shape (n, thresholds)."""


R = TypeVar("R", bound=Ranker)


def fit(
    make: Callable[[], R], x: Floats, reached: Bools, groups: ArrayLike, folds: int = FOLDS
) -> tuple[R, Calibrator]:
    """Fit an estimator and its calibrator.

    Args:
        make: makes an unfitted estimator.
        x: feature values, shape (n, features).
        reached: shape (n, thresholds).
        groups: patient or family of each row; a group is never on both sides of a fold.
        folds: rows are held out in so many folds to get the margins to calibrate on.
    """
    margins = held_out_margins(make, x, reached, groups, folds)
    return make().fit(x, reached), Calibrator.fit(margins, reached)


def held_out_margins(
    make: Callable[[], Ranker], x: Floats, reached: Bools, groups: ArrayLike, folds: int = FOLDS
) -> Floats:
    """Margins of every row from an estimator that saw none of its group, shape (n, thresholds)."""
    margins = np.empty(reached.shape)
    for learn, hold in GroupKFold(folds, shuffle=True, random_state=1).split(x, groups=np.asarray(groups)):
        margins[hold] = make().fit(x[learn], reached[learn]).margins(x[hold])
    return margins

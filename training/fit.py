"""Fitting: an estimator, its calibration and the whole need model, each on rows that what it corrects had not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold

from features.catalogue import Catalogue
from models.amounts import Amounts
from models.calibration import AnyCalibrator, Calibrator, Change, Recalibrated, refit
from models.conformal import Conformal
from models.differences import usual_values
from models.estimators import Estimator
from models.intervals import Intervals
from models.need import NeedModel, NeedTable, Uncertainty
from models.segments import SegmentTable
from records.schema import PROFESSIONS
from training.examples import Examples
from training.hashing import hashed_share

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FOLDS = 5
CALIBRATED_ON = 0.25
"""Share of the groups that only calibrates where a model is fitted once."""


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


def fit_once(
    make: Callable[[], R], x: Floats, reached: Bools, groups: ArrayLike, share: float = CALIBRATED_ON
) -> tuple[R, Calibrator]:
    """As `fit` with one fit instead of one a fold: a share of the groups only calibrates, the others are learnt from.

    For what is fitted many times over and never used, such as the folds of a validation.
    """
    held = hashed_share(groups, "once ") < share
    estimator = make().fit(x[~held], reached[~held])
    return estimator, Calibrator.fit(estimator.margins(x[held]), reached[held])


def held_out_margins(
    make: Callable[[], Ranker], x: Floats, reached: Bools, groups: ArrayLike, folds: int = FOLDS
) -> Floats:
    """Margins of every row from an estimator that saw none of its group, shape (n, thresholds)."""
    margins = np.empty(reached.shape)
    for learn, hold in GroupKFold(folds, shuffle=True, random_state=1).split(x, groups=np.asarray(groups)):
        margins[hold] = make().fit(x[learn], reached[learn]).margins(x[hold])
    return margins


@dataclass(frozen=True)
class Plan:
    """How the rows to learn from are used.

    Attributes:
        folds: rows are held out in so many folds to calibrate the margins.
        calibration_share: share of the patients, chosen by a hash of their id, from whom only sets and intervals are
            learnt; 0 makes a model without them.
        confidence: of sets and intervals.
    """

    folds: int = FOLDS
    calibration_share: float = 0.2
    confidence: float = 0.8


DEFAULT = Plan()


def fit_need(
    make: Callable[[], Estimator], learn: Examples, table: SegmentTable, *, plan: Plan = DEFAULT,
    catalogue: Catalogue | None = None, sites: ArrayLike | None = None,
) -> NeedModel:  # fmt: skip
    """Fit a need model: estimator, calibration, amounts, prediction sets and intervals.

    Args:
        make: makes an unfitted estimator.
        learn: rows to learn from.
        table: cuts the segments.
        plan: how the rows are used.
        catalogue: of the features; with it the model keeps the usual values of those that a person can change.
        sites: of each row, for sets and intervals that hold within each site with enough rows.

    Raises:
        ModelError: a segment has no episode to average.
    """
    held = calibration_rows(learn, plan.calibration_share)
    rows = learn.take(~held)
    segment, reached = need_of(rows, table)
    need = NeedTable.fit(segment, rows.visits, rows.minutes, PROFESSIONS, len(table.segments))
    margins = held_out_margins(make, rows.x, reached, rows.patient_ids, plan.folds)
    calibrator = Calibrator.fit(margins, reached)
    amounts = Amounts.fit(rows.x, calibrator.at_least(margins), rows.visits, rows.minutes, segment, PROFESSIONS)
    estimator = make().fit(rows.x, reached)
    model = NeedModel(estimator, calibrator, need, learn.catalogue, table.valid_from.isoformat(), amounts,
                      ranges={} if catalogue is None else usual_values(catalogue, rows.x))  # fmt: skip
    if not held.any():
        return model
    of_held = None if sites is None else np.asarray(sites, np.str_)[held]
    return replace(
        model, uncertainty=_uncertainty(model, (rows, segment), learn.take(held), table, plan=plan, sites=of_held)
    )


def calibration_rows(rows: Examples, share: float) -> Bools:
    """Rows of the patients who are held back for sets and intervals: by a hash, so the same every time."""
    return np.asarray(hashed_share(rows.patient_ids, "calibration ") < share)


def recalibrate(
    model: NeedModel, rows: Examples, table: SegmentTable, *, sites: ArrayLike | None = None, slopes: bool = False,
    plan: Plan = DEFAULT,
) -> tuple[NeedModel, tuple[Change, ...]]:  # fmt: skip
    """Fit the levels of a model anew for the period that some rows are from, and for each of their sites.

    The estimator, its ranking and its reasons stay. Half of the patients calibrate the levels, the other half the sets
    and intervals; few rows move little. What changed is returned, the period's change first, under the name "".
    """
    segment, reached = need_of(rows, table)
    half = calibration_rows(rows, 0.5)
    margins = model.estimator.margins(rows.x)
    base = model.calibrator.base if isinstance(model.calibrator, Recalibrated) else model.calibrator
    period, changes = refit(base, margins[~half], reached[~half], slopes=slopes)
    calibrator: AnyCalibrator = period
    named = None if sites is None else np.asarray(sites, np.str_)
    if named is not None:
        calibrator, of_sites = Recalibrated.fit(period, margins[~half], reached[~half], named[~half], slopes=slopes)
        changes += of_sites
    shifted = replace(model, calibrator=calibrator, uncertainty=None)
    seen = (rows.take(~half), segment[~half])
    of_half = None if named is None else named[half]
    uncertainty = _uncertainty(shifted, seen, rows.take(half), table, plan=plan, sites=of_half)
    return replace(shifted, uncertainty=uncertainty), changes


def segment_of(rows: Examples, table: SegmentTable) -> NDArray[np.int64]:
    """The place of the segment of each row's need, shape (n,)."""
    return table.of_visits(rows.visits.sum(1))


def need_of(rows: Examples, table: SegmentTable) -> tuple[NDArray[np.int64], Bools]:
    """The segment of each row's need, and whether it reached each threshold."""
    segment = segment_of(rows, table)
    return segment, segment[:, None] >= np.arange(1, len(table.segments))


def _uncertainty(
    model: NeedModel, seen: tuple[Examples, NDArray[np.int64]], held: Examples, table: SegmentTable, *, plan: Plan,
    sites: ArrayLike | None,
) -> Uncertainty:  # fmt: skip
    """Sets and intervals from rows that the model has not seen; the amounts of the segments from rows that it has."""
    predicted, segment = model.predict(held.x, sites), segment_of(held, table)
    rows, of_rows = seen
    visits, minutes = (
        Intervals.fit((of_rows, before.sum(1)), predicted.probabilities, amount.sum(1), sites,
                      confidence=plan.confidence)
        for before, amount in ((rows.visits, held.visits), (rows.minutes, held.minutes))
    )  # fmt: skip
    return Uncertainty(Conformal.fit(predicted.at_least, segment, sites, confidence=plan.confidence), visits, minutes)

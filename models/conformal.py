"""Prediction sets: the segments that cannot be ruled out, with coverage that holds within every segment.

Class-conditional (Mondrian) split conformal prediction: of the patients whose need turns out to be heavy, at least
`confidence` have heavy in their set, and the same for every other segment, as long as patients come from where the
calibration rows came from (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, chapter 4). With
groups, the same holds within every site or period that has enough rows of its own.

How badly a segment fits a patient is the larger of the chances that the need lies above it and that it lies below it.
So a set runs without a gap from its lowest to its highest segment; where the rows would have it otherwise, the gap is
filled. A set always holds the most probable segment, so it is never empty and never contradicts the probabilities:
that adds to the coverage and takes nothing from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.compiled import ROWS, compiled
from models.groups import numbered, places

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CONFIDENCE = 0.8
LEAST_ROWS = 100
"""Calibration rows of a segment that a group needs for a limit of its own; with 100 rows the coverage of a limit has a
standard deviation of 4 percentage points (it is a beta variable)."""
NO_LIMIT = 1.0
"""No misfit is larger: the segment is always in the set."""


@dataclass(frozen=True)
class Conformal:
    """Limits of misfit: a segment is in the set of a patient whom it fits no worse.

    Attributes:
        limits: by segment.
        groups: by the name of a group that has its own, by segment.
        confidence: share of the patients of a segment whose sets hold it, at the least.
    """

    limits: tuple[float, ...]
    groups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    confidence: float = CONFIDENCE

    @classmethod
    def fit(
        cls, at_least: Floats, segment: Ints, groups: ArrayLike | None = None, *, confidence: float = CONFIDENCE,
        least_rows: int = LEAST_ROWS,
    ) -> Self:  # fmt: skip
        """Fit on calibration rows, which neither the estimator nor the calibrator has learnt from.

        Args:
            at_least: probability of needing at least each segment but the first, shape (n, segments - 1).
            segment: position of the segment that was needed, shape (n,).
            groups: site or period of each row; an empty name is no group.
            confidence: between 0 and 1.
            least_rows: a segment with fewer rows in a group has the limit of all groups there.
        """
        fits = misfits(at_least)
        everywhere = tuple(_limit(fits[segment == k, k], confidence) for k in range(fits.shape[1]))
        own: dict[str, tuple[float, ...]] = {}
        names = np.full(len(segment), "") if groups is None else np.asarray(groups, np.str_)
        for name in sorted({*names.tolist()} - {""}):
            mine = [fits[(names == name) & (segment == k), k] for k in range(fits.shape[1])]
            if any(len(rows) >= least_rows for rows in mine):
                own[name] = tuple(
                    _limit(rows, confidence) if len(rows) >= least_rows else limit
                    for rows, limit in zip(mine, everywhere, strict=True)
                )
        return cls(everywhere, own, confidence)

    def sets(self, at_least: Floats, groups: ArrayLike | None = None) -> Bools:
        """Whether each segment is in the set of each row, shape (n, segments).

        Args:
            at_least: as in `fit`.
            groups: of each row; the limits of all rows hold for groups without their own.
        """
        numbers, limits = self._table
        place = places(numbers, groups, len(at_least))
        found = np.empty((len(at_least), at_least.shape[1] + 1), np.bool_)
        _sets(np.ascontiguousarray(at_least), limits, place, found)
        return found

    def fitting(self, at_least: Floats, groups: ArrayLike | None = None) -> Bools:
        """The bare conformal sets: segments within their limits, which may be none."""
        numbers, limits = self._table
        return misfits(at_least) <= limits[places(numbers, groups, len(at_least))]

    @cached_property
    def _table(self) -> tuple[dict[str, int], Floats]:
        """Where each group stands, and the limits, shape (groups + 1, segments)."""
        return numbered(self.groups), np.array([self.limits, *self.groups.values()], np.float64)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` and JSON have made of it."""
        groups = {name: tuple(own) for name, own in said["groups"].items()}
        return cls(tuple(said["limits"]), groups, said["confidence"])


@compiled(f"void({ROWS}, f8[:, ::1], i8[::1], b1[:, ::1])")
def _sets(at_least: Floats, limits: Floats, place: Ints, found: Bools) -> None:
    """Segments within their limits, with the most probable one and all between, row by row."""
    last = at_least.shape[1]
    for row in range(len(at_least)):
        low, high, probable, most = last + 1, -1, 0, -1.0
        for k in range(last + 1):
            above = 1.0 if k == 0 else at_least[row, k - 1]
            below = 0.0 if k == last else at_least[row, k]
            if above - below > most:
                most, probable = above - below, k
            if max(1.0 - above, below) <= limits[place[row], k]:
                low, high = min(low, k), k
        low, high = min(low, probable), max(high, probable)
        for k in range(last + 1):
            found[row, k] = low <= k <= high


def holding(sets: Bools, suggested: Ints) -> Bools:
    """Sets of segments widened to hold the suggested one, and all between, shape (n, segments)."""
    inside = sets.copy()
    inside[np.arange(len(inside)), suggested] = True
    return np.logical_or.accumulate(inside, 1) & np.logical_or.accumulate(inside[:, ::-1], 1)[:, ::-1]


def misfits(at_least: Floats) -> Floats:
    """How badly each segment fits each row, shape (n, segments): 0 not at all, 1 entirely."""
    nobody = np.zeros((len(at_least), 1))
    return np.maximum(np.hstack([nobody, 1 - at_least]), np.hstack([at_least, nobody]))


def _limit(calibrated: Floats, confidence: float) -> float:
    """The smallest misfit that at least `confidence` of n + 1 exchangeable rows do not exceed."""
    rank = ceil((len(calibrated) + 1) * confidence - 1e-9)
    return float(np.sort(calibrated)[rank - 1]) if rank <= len(calibrated) else NO_LIMIT

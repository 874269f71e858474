"""A model in every subgroup: by sex, age, language, district, site, period, use so far, and true access if known.

A subgroup with fewer rows or events than the policy declares is "not assessable": a figure of few people misleads more
than none. Intervals resample patients within the subgroup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Resamples, interval
from training.evaluation import Subgroup, SubgroupFigures
from training.scores import clipped, of_rows
from training.slices import Words, levels, shown
from training.utility import net_benefit, treat_all

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Assessable:
    """From when on a subgroup is assessed: rows, and events as well as rows without an event."""

    rows: int
    events: int

    def __call__(self, y: Bools) -> bool:
        """Whether figures of these rows say anything."""
        return len(y) >= self.rows and self.events <= int(y.sum()) <= len(y) - self.events


@dataclass(frozen=True)
class Measured:
    """What subgroups are measured on; every array has one entry a row.

    Attributes:
        at_least: probability of each threshold, shape (n, thresholds). `reached`: what happened, the same shape.
        over, under: minutes booked too many and too few.
        patients: whose row it is.
        segments: names that the thresholds lead into.
        benefit_at: threshold probability of the net benefit shown.
    """

    at_least: Floats
    reached: Bools
    over: Floats
    under: Floats
    patients: NDArray[np.str_]
    segments: tuple[str, ...]
    benefit_at: float


def subgroups(
    measured: Measured, dimensions: Mapping[str, Words], assessable: Assessable, times: int
) -> Iterator[Subgroup]:
    """Every level of every dimension.

    Args:
        measured: the rows.
        dimensions: level of each row by dimension.
        assessable: from when on figures are given.
        times: bootstrap samples of each subgroup.
    """
    for dimension, words in dimensions.items():
        found = list(levels(words))
        counts = shown([int(rows.sum()) for _, rows in found])
        for (level, rows), count in zip(found, counts, strict=True):
            yield _subgroup(measured, rows, assessable, times, (dimension, level, count))


def _subgroup(
    measured: Measured, rows: Bools, assessable: Assessable, times: int, named: tuple[str, str, str]
) -> Subgroup:
    resamples = Resamples.of(measured.patients[rows], times)
    figures = {}
    for k, segment in enumerate(measured.segments):
        p, y = clipped(measured.at_least[rows, k]), measured.reached[rows, k]
        if assessable(y):
            figures[segment] = _figures(p, y, resamples, measured.benefit_at)
    if not figures:
        return Subgroup(*named, {}, None, None)
    over, under = (float(100 * each[rows].mean()) for each in (measured.over, measured.under))
    return Subgroup(*named, figures, over, under)


def _figures(p: Floats, y: Bools, resamples: Resamples, at: float) -> SubgroupFigures:
    low, high = interval(resamples.aurocs(p, y))
    scores = of_rows(p, y, (low, high))
    events, expected = resamples.sums(np.stack([y.astype(np.float64), p], axis=1)).T
    return SubgroupFigures(
        events=f"{scores.events:,}",
        auroc=(scores.auroc, low, high),
        observed_to_expected=(scores.observed_to_expected, *interval(events / expected)),
        slope=scores.slope,
        brier_scaled=scores.brier_scaled,
        gain=net_benefit(p, y, at) - max(treat_all(y, at), 0.0),
    )

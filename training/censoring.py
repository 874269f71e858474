"""How far needs that were not observed could move the figures.

People who died or moved within the horizon are censored, and people who never came left no need to record. Both are
left out of learning. Leaving the censored out would bend the figures if leaving went with need; so rows that stayed
are also weighed by the inverse of their probability of staying (inverse probability of censoring weights), and the
worst that the missing needs could have been is worked out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.estimators import Logistic
from models.segments import SegmentTable
from training.cohort import ABSENT, LEFT, OBSERVED
from training.compare import reached
from training.evaluation import WhatIf
from training.examples import Examples
from training.scores import auroc
from training.slices import LEAST_SHOWN

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LEAST_STAYING = 0.05
"""Weights are capped at 1 / .05 = 20, so that no single row decides a figure."""


def staying(everyone: Examples) -> Floats:
    """Probability of each row that its person stayed for the whole horizon, from what was known at the moment."""
    left = everyone.fate == LEFT
    if left.sum() < LEAST_SHOWN:
        return np.ones(len(everyone))
    fitted = Logistic(everyone.names).fit(everyone.x, left[:, None])
    leaving: Floats = expit(fitted.margins(everyone.x)[:, 0])
    return np.maximum(1 - leaving, LEAST_STAYING)


@dataclass(frozen=True)
class _Case:
    """Rows as an assumption takes them: which, what they reached, and how much each counts."""

    assumption: str
    rows: Bools
    reached: Bools
    weights: Floats


def what_ifs(everyone: Examples, at_least: Floats, table: SegmentTable) -> Iterator[WhatIf]:
    """Share with need, AUROC and calibration under each assumption about the needs that were not observed.

    Args:
        everyone: test rows, also those whose need was not observed.
        at_least: their predicted probabilities, shape (n, thresholds).
        table: the segments.
    """
    for case in _cases(everyone, table):
        for k, segment in enumerate(table.names[1:]):
            rows = case.rows
            p, y, w = at_least[rows, k], case.reached[rows, k], case.weights[rows]
            happened = float((w * y).sum())
            yield WhatIf(case.assumption, segment, int(rows.sum()), happened / float(w.sum()), auroc(p, y, w),
                         happened / float((w * p).sum()))  # fmt: skip


def _cases(everyone: Examples, table: SegmentTable) -> Iterator[_Case]:
    seen, even = reached(everyone, table), np.ones(len(everyone))
    here, left, absent = (everyone.fate == fate for fate in (OBSERVED, LEFT, ABSENT))
    yield _Case("as reported: only needs that were observed", here, seen, even)
    yield _Case("those who stayed stand for those who left (weighted)", here, seen, 1 / staying(everyone))
    yield _Case("those who left needed no more than they had got", here | left, seen, even)
    yield _Case("those who left would all have needed heavy care", here | left, seen | left[:, None], even)
    yield _Case("those who never came needed nothing", here | absent, seen, even)
    if everyone.truth:
        need = table.of_visits(everyone.truth["need_visits"])[:, None] >= np.arange(1, len(table.segments))
        yield _Case("true need of everyone (simulated)", np.ones(len(everyone), np.bool_), need, even)

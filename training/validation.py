"""Validation beyond one split: in every later period, at a site never seen, and against what could be known at best.

Every fold fits the estimator anew, so folds are bounded: at most so many origins and sites, at most so many rows to
learn from, and one fit each: a quarter of a fold's patients calibrates, the others are learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.estimators import Boosted, Estimator
from models.segments import SegmentTable
from training import truth
from training.bootstrap import Resamples, interval
from training.cohort import DAY
from training.compare import Split, reached
from training.evaluation import Ceiling, Fold
from training.examples import Examples
from training.fit import fit_once
from training.groups import Assessable
from training.hashing import hashed_share
from training.scores import auroc, clipped, of_rows

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bounded:
    """How much validation may cost.

    Attributes:
        origins: periods of a year that are predicted from everything before them, latest first.
        sites: sites that are left out one at a time, largest first.
        rows: rows to learn from in each fold; more are thinned out by patient.
        resamples: bootstrap samples of each fold.
    """

    origins: int
    sites: int
    rows: int
    resamples: int


@dataclass(frozen=True)
class _Task:
    """A fold to be run: which rows are learnt from and tested on."""

    kind: Literal["site", "origin"]
    name: str
    learn: Bools
    test: Bools


def folds(
    examples: Examples, make: Callable[[], Estimator], table: SegmentTable, bounded: Bounded, assessable: Assessable
) -> Iterator[Fold]:
    """Rolling origins and left-out sites; a fold that is too small to learn from or to assess is left out."""
    goal, segments = reached(examples, table), table.names[1:]
    tasks = [*_origins(examples, table.horizon_days, bounded.origins), *_sites(examples, bounded.sites)]
    usable = [task for task in tasks if assessable(goal[task.learn, -1]) and assessable(goal[task.test, -1])]
    for task in tqdm(usable, "validation", unit="fold"):
        learn = task.learn & _thinned(examples, task.learn, bounded.rows)
        estimator, calibrator = fit_once(make, examples.x[learn], goal[learn], examples.patient_ids[learn])
        chance = calibrator.at_least(estimator.margins(examples.x[task.test]))
        resamples = Resamples.of(examples.patient_ids[task.test], bounded.resamples)
        figures = {
            segment: _figures(clipped(chance[:, k]), goal[task.test, k], resamples)
            for k, segment in enumerate(segments)
        }
        yield Fold(task.kind, task.name, int(learn.sum()), int(task.test.sum()), figures)


def _origins(examples: Examples, horizon_days: int, most: int) -> Iterator[_Task]:
    """The last years one by one: learnt from what was over before each began, other patients than those tested."""
    tested = hashed_share(examples.patient_ids) < 0.5
    latest = int(examples.as_of.max())
    for back in range(most, 0, -1):
        start = latest - back * 365 * DAY
        learn = ~tested & (examples.as_of + horizon_days * DAY < start)
        test = tested & (examples.as_of >= start) & (examples.as_of < start + 365 * DAY)
        yield _Task("origin", str(np.datetime64(start, "us").astype("datetime64[D]")), learn, test)


def _sites(examples: Examples, most: int) -> Iterator[_Task]:
    """The largest sites one by one: learnt from patients who were never seen there."""
    site = examples.about.get("site")
    if site is None:
        return
    names, counts = np.unique(site, return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")][:most].tolist():
        there = site == name
        known_there = np.isin(examples.patient_ids, examples.patient_ids[there])
        yield _Task("site", name, ~known_there, there)


def _thinned(examples: Examples, learn: Bools, rows: int) -> Bools:
    """Whole patients, by hash, so that at most about so many rows are learnt from."""
    return np.asarray(hashed_share(examples.patient_ids, "thin") < rows / max(int(learn.sum()), 1))


def _figures(p: Floats, y: Bools, resamples: Resamples) -> tuple[float, float, float, float, float]:
    scores = of_rows(p, y, interval(resamples.aurocs(p, y)))
    return scores.auroc, scores.auroc_low, scores.auroc_high, scores.slope, scores.observed_to_expected


def ceiling(parts: Split, table: SegmentTable, resamples: Resamples) -> Iterator[Ceiling]:
    """What the same estimator reaches on the test rows when it knows the true state; nothing without the truth."""
    if not parts.test.truth:
        return
    names = tuple(name for name in parts.learn.truth if name not in truth.NEED)

    def known(side: Examples) -> Floats:
        return np.stack([side.truth[name] for name in names], axis=1)

    fitted = Boosted(names).fit(known(parts.learn), reached(parts.learn, table))
    margins, happened = fitted.margins(known(parts.test)), reached(parts.test, table)
    for k, segment in enumerate(table.names[1:]):
        ranking, y = margins[:, k], happened[:, k]
        yield Ceiling(segment, auroc(ranking, y), interval(resamples.aurocs(ranking, y)))

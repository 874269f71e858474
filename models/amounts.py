"""A patient's expected visits and minutes: totals that follow from the probabilities, divided by what else is known.

The total is a mean over the segments, weighted by their probabilities. Within a segment the mean rises with the chance
of needing more: who is nearly heavy takes more visits than who is hardly moderate. Every curve rises and a higher
segment lies above a lower one, so a patient whose probabilities are higher never has fewer visits or minutes expected.
How the total divides among the professions is a model of its own (LightGBM, shallow): gums call for hygienists, broken
teeth for dentists. Shares only divide: they change no total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from features.compiled import ROW, ROWS, compiled
from models.forest import Forest, joined, parts_of, starts
from models.trees import read_trees

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KNOTS = 50
"""Points of a curve at the most."""
LEAST_ROWS = 30
"""Episodes behind each point of a curve, at the least."""
SHARING: Mapping[str, Any] = {
    "objective": "multiclass",
    "learning_rate": 0.1,
    "num_leaves": 6,
    "min_child_samples": 50,
    "feature_fraction": 0.5,
    "lambda_l2": 5.0,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
SHARING_ROUNDS = 40
"""Of the shares' booster; more rounds gained nothing on simulated rows."""
SHARING_ROWS = 200_000
"""Episodes that the shares are learnt from; of more, every second or third or so is taken."""
BOOSTER_FILE = "shares.txt"


class AmountsError(ValueError):
    """Rows from which no amounts can be learnt."""


@dataclass(frozen=True)
class Curve:
    """A rising line through points; level before the first and after the last."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def fit(cls, x: Floats, y: Floats) -> Self:
        """Isotonic regression of `y` on `x` through the means of at most `KNOTS` stretches of `x`."""
        stretches = np.array_split(np.argsort(x, kind="stable"), min(KNOTS, max(1, len(x) // LEAST_ROWS)))
        at, means = (np.array([each[rows].mean() for rows in stretches]) for each in (x, y))
        at, place = np.unique(at, return_inverse=True)
        weight = np.bincount(place, [len(rows) for rows in stretches])
        means = np.bincount(place, means * [len(rows) for rows in stretches]) / weight
        risen = IsotonicRegression().fit_transform(at, means, sample_weight=weight)
        return cls(tuple(at.tolist()), tuple(risen.tolist()))

    def at(self, x: Floats) -> Floats:
        """Heights."""
        return np.interp(x, *self._arrays)

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats]:
        return np.array(self.x), np.array(self.y)


@dataclass(frozen=True)
class Amounts:
    """Expected visits and minutes, by profession.

    Attributes:
        professions: columns of what is expected.
        visits: for each segment, mean visits of its episodes by the chance of needing more (see `drive`).
        minutes: the same of chair minutes.
        minutes_a_visit: by profession.
        shared: positions of the professions among which visits are divided.
        booster: log-odds of the shares, one output for each of `shared`; None where there is one profession.
    """

    professions: tuple[str, ...]
    visits: tuple[Curve, ...]
    minutes: tuple[Curve, ...]
    minutes_a_visit: tuple[float, ...]
    shared: tuple[int, ...]
    booster: lgb.Booster | None

    @classmethod
    def fit(  # noqa: PLR0917 - the columns of the episodes
        cls, x: Floats, at_least: Floats, visits: Floats, minutes: Floats, segment: Ints, professions: tuple[str, ...]
    ) -> Self:  # fmt: skip
        """Learn from episodes.

        Args:
            x: feature values, shape (n, features).
            at_least: probability of needing at least each segment but the first, from an estimator that had not learnt
                from the row, shape (n, segments - 1).
            visits: visits of the episode, shape (n, professions).
            minutes: chair minutes, the same shape.
            segment: position of the segment that was needed, shape (n,).
            professions: names of the columns.

        Raises:
            AmountsError: a segment has no episode.
        """
        segments = at_least.shape[1] + 1
        for k in range(segments):
            if not (segment == k).any():
                raise AmountsError(f"nobody reached segment {k + 1} of {segments}: there is no amount to learn")
        drives = drive(at_least)

        def curves(amount: Floats) -> tuple[Curve, ...]:
            return tuple(Curve.fit(drives[segment == k, k], amount[segment == k]) for k in range(segments))

        given = visits.sum(0)
        each = np.where(given > 0, minutes.sum(0) / np.maximum(given, 1), 0.0)
        shared = tuple(np.flatnonzero(given).tolist())
        booster = _share(x, visits[:, list(shared)]) if len(shared) > 1 else None
        return cls(professions, curves(visits.sum(1)), curves(minutes.sum(1)), tuple(each.tolist()), shared, booster)

    def expected(self, x: Floats, at_least: Floats, scores: Floats | None = None) -> tuple[Floats, Floats]:
        """Expected visits and minutes, each of shape (n, professions).

        Args:
            x: feature values, shape (n, features).
            at_least: probability of needing at least each segment but the first, shape (n, segments - 1).
            scores: what `forest` gives for the rows, where they were read already.
        """
        visits, minutes = found = np.zeros((2, len(x), len(self.professions)))
        _divide(self._weights(x, scores), np.ascontiguousarray(at_least), *self._layout, visits, minutes)
        return found[0], found[1]

    @cached_property
    def forest(self) -> Forest | None:
        """The booster's trees as tables, which give its scores to the bit; None where there is one profession."""
        return (
            None
            if self.booster is None
            else Forest.of(parts_of(read_trees([self.booster])), self.booster.num_feature())
        )

    def _weights(self, x: Floats, scores: Floats | None) -> Floats:
        """What the shares are in proportion to, shape (n, shared)."""
        if self.forest is None:
            return np.ones((len(x), 1))
        scores = self.forest.margins(x) if scores is None else scores
        # As softmax of SciPy shifts them, and by the exponential of NumPy: another one's last bits differ.
        return np.asarray(np.exp(scores - scores.max(1, keepdims=True)))

    @cached_property
    def _layout(self) -> tuple[NDArray[Any], ...]:
        """What the compiled function reads, in the order of its arguments."""
        curves = (*self.visits, *self.minutes)
        return (
            np.array(self.shared, np.int64), np.array(self.minutes_a_visit, np.float64),
            starts(len(one.x) for one in curves),
            joined([np.array(one.x) for one in curves]), joined([np.array(one.y) for one in curves]),
        )  # fmt: skip

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the booster into an existing folder, as text; returns the rest as plain data."""
        if self.booster is not None:
            self.booster.save_model(folder / BOOSTER_FILE)
        return {
            "professions": self.professions,
            "visits": [[curve.x, curve.y] for curve in self.visits],
            "minutes": [[curve.x, curve.y] for curve in self.minutes],
            "minutes_a_visit": self.minutes_a_visit,
            "shared": self.shared,
        }

    @classmethod
    def load(cls, folder: Path, said: Mapping[str, Any]) -> Self:
        """Read what `save` wrote and returned."""
        booster = lgb.Booster(model_file=folder / BOOSTER_FILE) if len(said["shared"]) > 1 else None
        return cls(
            tuple(said["professions"]), _curves(said["visits"]), _curves(said["minutes"]),
            tuple(said["minutes_a_visit"]), tuple(said["shared"]), booster,
        )  # fmt: skip


def drive(at_least: Floats) -> Floats:
    """For each segment, the chance that its mean rises with, shape (n, segments): of needing more, or the most."""
    return np.hstack([at_least, at_least[:, -1:]])


@compiled("f8(f8, i8[::1], f8[::1], f8[::1], i8)")
def _height(at: float, curve_start: Ints, knots: Floats, heights: Floats, curve: int) -> Any:
    """The height of one of the curves, as `numpy.interp` works it out."""
    low, high = curve_start[curve], curve_start[curve + 1] - 1
    if np.isnan(at):
        return at
    if at <= knots[low]:
        return heights[low]
    if at >= knots[high]:
        return heights[high]
    while high - low > 1:
        middle = (low + high) >> 1
        if knots[middle] <= at:
            low = middle
        else:
            high = middle
    slope = (heights[low + 1] - heights[low]) / (knots[low + 1] - knots[low])
    return slope * (at - knots[low]) + heights[low]


@compiled(f"f8({ROW}, i8[::1], f8[::1], f8[::1], i8)")
def _total(at_least: Floats, curve_start: Ints, knots: Floats, heights: Floats, first: int) -> float:
    """The mean over the segments of one patient; `first` is the curve of the lowest segment."""
    last, total, highest, above = len(at_least), 0.0, -np.inf, 1.0
    for k in range(last + 1):
        below = 0.0 if k == last else at_least[k]
        drive = at_least[min(k, last - 1)]
        highest = max(highest, _height(drive, curve_start, knots, heights, first + k))
        total += (above - below) * highest
        above = below
    return total


@compiled(f"void(f8[:, ::1], {ROWS}, i8[::1], f8[::1], i8[::1], f8[::1], f8[::1], f8[:, ::1], f8[:, ::1])")
def _divide(  # noqa: PLR0917 - compiled code takes plain arrays
    weights: Floats, at_least: Floats, shared: Ints, each: Floats, curve_start: Ints, knots: Floats, heights: Floats,
    visits: Floats, minutes: Floats,
) -> None:  # fmt: skip
    """Divide each patient's totals among the professions: visits by weight, minutes by what a visit takes too."""
    segments = at_least.shape[1] + 1
    for row in range(len(weights)):
        whole, taken = 0.0, 0.0
        for at in range(len(shared)):
            whole += weights[row, at]
        for at in range(len(shared)):
            visits[row, shared[at]] = weights[row, at] / whole
        for at in range(len(each)):
            minutes[row, at] = visits[row, at] * each[at]
            taken += minutes[row, at]
        in_visits = _total(at_least[row], curve_start, knots, heights, 0)
        in_minutes = _total(at_least[row], curve_start, knots, heights, segments)
        for at in range(len(each)):
            share = minutes[row, at] / taken if taken > 0 else visits[row, at]
            minutes[row, at] = share * in_minutes
            visits[row, at] *= in_visits


def _share(x: Floats, visits: Floats) -> lgb.Booster:
    """A booster of which profession a visit is given by; an episode counts as often as it has visits."""
    every = -(-len(x) // SHARING_ROWS)
    x, visits = x[::every], visits[::every]
    row, profession = np.nonzero(visits)
    rows = lgb.Dataset(x[row], profession.astype(np.float64), weight=visits[row, profession])
    return lgb.train({**SHARING, "num_class": visits.shape[1]}, rows, SHARING_ROUNDS)


def _curves(said: Sequence[Any]) -> tuple[Curve, ...]:
    return tuple(Curve(tuple(x), tuple(y)) for x, y in said)

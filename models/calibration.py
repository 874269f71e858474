"""From margins to probabilities: one logistic curve a threshold, rising by construction.

Because the curve rises, a larger margin never gives a smaller probability, and a reason that raises the margin never
contradicts the probability. Levels of need shift between years and sites while the ranking holds, so a fitted curve
can be fitted anew for a period (`refit`) and for each site (`Recalibrated`) without touching the estimator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from models.groups import numbered, places

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LEAST_SLOPE = 1e-3
"""Below this a margin does not rank at all; the curve is kept rising so that order is never reversed."""
LEVEL_SPREAD = 0.5
SLOPE_SPREAD = 0.2
"""How far groups are expected to lie from the curve they share, as standard deviations of the level (log-odds) and of
the logarithm of the slope: conventions of the project. A group with few rows stays close to the shared curve, one with
many goes where its rows say."""


@dataclass(frozen=True)
class Calibrator:
    """Probability of reaching threshold *k*: expit(slope[k] x margin + intercept[k])."""

    slope: tuple[float, ...]
    intercept: tuple[float, ...]

    @classmethod
    def fit(cls, margins: Floats, reached: Bools) -> Self:
        """Fit by maximum likelihood on margins of rows that the estimator has not learnt from.

        Args:
            margins: shape (n, thresholds).
            reached: bool, the same shape.
        """
        curves = [_curve(margins[:, k], reached[:, k].astype(np.float64)) for k in range(margins.shape[1])]
        return cls(tuple(slope for slope, _ in curves), tuple(intercept for _, intercept in curves))

    def log_odds(self, margins: Floats) -> Floats:
        """Calibrated log-odds of reaching each threshold, the shape of the margins."""
        slope, intercept = self.line
        return np.asarray(margins * slope + intercept)

    @cached_property
    def line(self) -> tuple[Floats, Floats]:
        """Slopes and intercepts as arrays."""
        return np.array(self.slope, np.float64), np.array(self.intercept, np.float64)

    def at_least(self, margins: Floats, groups: ArrayLike | None = None) -> Floats:
        """Probability of needing at least each segment but the first, shape (n, thresholds), never rising along it.

        A plain calibrator is the same for every group.
        """
        del groups
        return _ordered(self.log_odds(margins))


@dataclass(frozen=True)
class Change:
    """What recalibration changed for one group at one threshold.

    Attributes:
        group: the site or period.
        threshold: position of the threshold, from 0.
        n: rows of the group.
        events: rows that reached the threshold.
        expected_before: how many were expected to, by the curve before.
        expected_after: and by the curve after.
        level: added to the log-odds.
        slope: what the log-odds were multiplied by; 1 where only the level was fitted.
    """

    group: str
    threshold: int
    n: int
    events: int
    expected_before: float
    expected_after: float
    level: float
    slope: float


@dataclass(frozen=True)
class Recalibrated:
    """A shared curve, and a curve of their own for the groups that were fitted.

    Attributes:
        base: the curve of every other group.
        groups: curves by the name of the group.
    """

    base: Calibrator
    groups: Mapping[str, Calibrator]

    @classmethod
    def fit(
        cls, base: Calibrator, margins: Floats, reached: Bools, groups: ArrayLike, *, slopes: bool = False
    ) -> tuple[Self, tuple[Change, ...]]:
        """Fit a curve for each group, drawn towards the shared one the more the fewer its rows.

        Args:
            base: the shared curve.
            margins: of rows that the estimator has not learnt from, shape (n, thresholds).
            reached: what happened, bool, the same shape.
            groups: site or period of each row; an empty name is no group.
            slopes: whether the slope may differ too, and not the level alone.

        Returns:
            The curves, and what changed, by group and threshold.
        """
        names = np.asarray(groups, np.str_)
        found: dict[str, Calibrator] = {}
        changes: list[Change] = []
        for name in sorted({*names.tolist()} - {""}):
            rows = names == name
            found[name], changed = refit(base, margins[rows], reached[rows], slopes=slopes, group=name)
            changes += changed
        return cls(base, found), tuple(changes)

    def at_least(self, margins: Floats, groups: ArrayLike | None = None) -> Floats:
        """As `Calibrator.at_least`, each row by the curve of its group; without groups all by the shared curve."""
        numbers, slope, intercept = self._table
        place = places(numbers, groups, len(margins))
        return _ordered(margins * slope[place] + intercept[place])

    @cached_property
    def _table(self) -> tuple[dict[str, int], Floats, Floats]:
        """Where each group stands, and the slopes and intercepts, shape (groups + 1, thresholds)."""
        lines = [curve.line for curve in (self.base, *self.groups.values())]
        return numbered(self.groups), np.stack([slope for slope, _ in lines]), np.stack([level for _, level in lines])


def refit(
    base: Calibrator, margins: Floats, reached: Bools, *, slopes: bool = False, group: str = ""
) -> tuple[Calibrator, tuple[Change, ...]]:
    """Fit a curve anew on rows of one period or site, drawn towards `base` where the rows are few.

    The new curve rises too: ranking within the rows stays as it is.
    """
    before = base.log_odds(margins)
    fits = [_shift(before[:, k], reached[:, k], slopes=slopes) for k in range(margins.shape[1])]
    after = Calibrator(
        tuple(slope * old for (slope, _), old in zip(fits, base.slope, strict=True)),
        tuple(slope * old + level for (slope, level), old in zip(fits, base.intercept, strict=True)),
    )
    expected = [expit(curve.log_odds(margins)).sum(0) for curve in (base, after)]
    changes = tuple(
        Change(group, k, len(margins), int(reached[:, k].sum()), float(expected[0][k]), float(expected[1][k]),
               level, slope)
        for k, (slope, level) in enumerate(fits)
    )  # fmt: skip
    return after, changes


def changes_text(changes: Sequence[Change]) -> str:
    """What recalibration changed, as an aligned table with observed to expected before and after."""
    lines = [["group", "threshold", "n", "events", "O:E before", "O:E after", "level", "slope"]]
    lines += [
        [one.group, str(one.threshold + 1), str(one.n), str(one.events), f"{one.events / one.expected_before:.2f}",
         f"{one.events / one.expected_after:.2f}", f"{one.level:+.2f}", f"{one.slope:.2f}"]
        for one in changes
    ]  # fmt: skip
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


AnyCalibrator = Calibrator | Recalibrated


def to_json(calibrator: AnyCalibrator) -> dict[str, Any]:
    """A calibrator as plain data."""
    return asdict(calibrator)


def from_json(said: Mapping[str, Any]) -> AnyCalibrator:
    """What `to_json` made.

    Raises:
        KeyError: it is no calibrator.
    """
    if "base" in said:
        return Recalibrated(_plain(said["base"]), {name: _plain(curve) for name, curve in said["groups"].items()})
    return _plain(said)


def segment_probabilities(at_least: Floats) -> Floats:
    """Probability of each segment, shape (n, thresholds + 1), from the probabilities of needing at least each."""
    found = np.empty((len(at_least), at_least.shape[1] + 1))
    found[:, 0] = 1.0
    found[:, 1:] = at_least
    found[:, :-1] -= at_least
    return found


def _plain(said: Mapping[str, Any]) -> Calibrator:
    return Calibrator(*(tuple(said[one.name]) for one in fields(Calibrator)))


def _ordered(log_odds: Floats) -> Floats:
    return np.minimum.accumulate(expit(log_odds), axis=1)


def _curve(margin: Floats, reached: Floats) -> tuple[float, float]:
    # Platt's targets keep the curve finite when margins separate the rows perfectly.
    events = reached.sum()
    target = np.where(reached > 0, (events + 1) / (events + 2), 1 / (len(reached) - events + 2))
    centre, spread = margin.mean(), max(float(margin.std()), 1e-9)
    z = (margin - centre) / spread

    def loss(line: Floats) -> tuple[float, Floats]:
        at = line[0] * z + line[1]
        value = -(target * log_expit(at) + (1 - target) * log_expit(-at)).mean()
        error = expit(at) - target
        return float(value), np.array([(error * z).mean(), error.mean()])

    start = np.array([1.0, np.log(target.mean() / (1 - target.mean()))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(LEAST_SLOPE, None), (None, None)])
    slope = float(found.x[0]) / spread
    return slope, float(found.x[1] - slope * centre)


def _shift(log_odds: Floats, reached: Bools, *, slopes: bool) -> tuple[float, float]:
    """Slope and level by penalised maximum likelihood: both are drawn towards 1 and 0 as their spreads say."""

    def loss(at: Floats) -> tuple[float, Floats]:
        slope = np.exp(at[0])
        line = slope * log_odds + at[1]
        error = expit(line) - reached
        value = -np.where(reached, log_expit(line), log_expit(-line)).sum()
        value += (at[0] / SLOPE_SPREAD) ** 2 / 2 + (at[1] / LEVEL_SPREAD) ** 2 / 2
        slant = (error * slope * log_odds).sum() + at[0] / SLOPE_SPREAD**2
        return float(value), np.array([slant, error.sum() + at[1] / LEVEL_SPREAD**2])

    bounds = [(None, None) if slopes else (0.0, 0.0), (None, None)]
    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])), float(found.x[1])

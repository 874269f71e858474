"""Resampling whole patients: intervals of any figure, and paired differences between models on the same rows.

Rows of one patient are not independent, so every resample draws patients with replacement and takes all their rows.
Two sets of resamples of the same groups, number and seed are the same resamples: replicates of two models made from
them are paired, number by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CELLS = 4_000_000
"""Counts kept in memory at once: 32 MB."""


@dataclass(frozen=True)
class Resamples:
    """Bootstrap samples of groups.

    Attributes:
        group: position of each row's group, shape (n,).
        times: number of samples.
        seed: of the draws.
    """

    group: Ints
    times: int
    seed: int = 1

    @classmethod
    def of(cls, groups: ArrayLike, times: int, seed: int = 1) -> Resamples:
        """Resamples of rows whose group (a patient, a family) is given, shape (n,)."""
        return cls(np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64), times, seed)

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max(initial=-1)) + 1

    def counts(self) -> Iterator[Floats]:
        """How often each group is drawn, in blocks of samples, each of shape (samples, groups)."""
        random, size, left = np.random.default_rng(self.seed), self.groups, self.times
        while left:
            some = min(left, max(1, CELLS // size))
            drawn = random.integers(0, size, (some, size)) + size * np.arange(some)[:, None]
            yield np.bincount(drawn.ravel(), minlength=some * size).reshape(some, size).astype(np.float64)
            left -= some

    def sums(self, values: Floats) -> Floats:
        """Sum of each column over the rows of every sample, shape (times, columns); `values` is (n, columns)."""
        by_group = np.stack([np.bincount(self.group, column, self.groups) for column in values.T], axis=1)
        return np.concatenate([counts @ by_group for counts in self.counts()])

    def aurocs(self, ranking: ArrayLike, reached: ArrayLike) -> Floats:
        """AUROC of every sample, NaN where a sample holds one kind of outcome only, shape (times,)."""
        order = Order.of(ranking, reached)
        group = self.group[order.rows]
        return np.array([order.auroc(count[group]) for counts in self.counts() for count in counts])


@dataclass(frozen=True)
class Order:
    """Rows in rising order of a ranking, with where each run of equal values starts."""

    rows: Ints
    reached: Floats
    starts: Ints

    @classmethod
    def of(cls, ranking: ArrayLike, reached: ArrayLike) -> Order:
        """Sort once, for any number of weightings."""
        value = np.asarray(ranking, np.float64)
        rows = np.argsort(value, kind="stable")
        ranked = value[rows]
        starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
        return cls(rows, np.asarray(reached, np.float64)[rows], starts)

    def auroc(self, weights: Floats | None = None) -> float:
        """AUROC with each row, in this order, counted `weights` times; ties count half."""
        w = np.ones(len(self.rows)) if weights is None else weights
        with_event = w * self.reached
        without = np.add.reduceat(w - with_event, self.starts)
        with_event = np.add.reduceat(with_event, self.starts)
        pairs = with_event.sum() * without.sum()
        below = np.cumsum(without) - without
        return float((with_event * (below + without / 2)).sum() / pairs) if pairs else float("nan")


def interval(replicates: ArrayLike) -> tuple[float, float]:
    """The 95 % percentile interval of replicates; NaN twice when there are none."""
    known = np.asarray(replicates, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)

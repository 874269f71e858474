"""Intervals for visits and minutes: cut from the same segment probabilities as everything else, and calibrated.

Distributional conformal prediction (Chernozhukov, Wüthrich and Zhu, PNAS 2021;118:e2107794118): the amount's
distribution is the mixture of what episodes of each segment took, weighted by the patient's segment probabilities. An
interval takes the middle of it, as much of it as held the amounts of `confidence` of the calibration rows. Patients are
calibrated in bands of the expected amount: visits are few and whole, so that the interval of a patient who expects two
holds its number more often than asked, which must not be made up for by patients who expect eight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.compiled import ROW, ROWS, compiled
from models.conformal import LEAST_ROWS
from models.groups import numbered, places

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONFIDENCE = 0.8
BANDS = 5
MOST_VALUES = 200
"""Values at which the distributions are kept; more than that are thinned to quantiles."""
BLOCK = 4096
"""Rows whose mixtures are held in memory at a time."""
MEDIAN = 0.5
WHOLE = 0.5
"""Reach to both ends of the distribution: the interval holds every amount that was ever seen."""
LAST_BITS = 1e-12
"""What rounding may take from a share."""


class IntervalsError(ValueError):
    """Rows from which no interval can be made."""


@dataclass(frozen=True)
class Intervals:
    """The distribution of an amount in each segment, and how much of a mixture to take.

    Attributes:
        values: amounts, rising.
        shares: for each segment, the share of its episodes that took at most each value.
        edges: of the bands, in expected amounts.
        reach: for each band, how far an interval reaches from the median to each side, as a share of the distribution.
        groups: the reach by band in groups that have their own.
        confidence: share of amounts inside their intervals, at the least.
    """

    values: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]
    edges: tuple[float, ...]
    reach: tuple[float, ...]
    groups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    confidence: float = CONFIDENCE

    @classmethod
    def fit(
        cls, seen: tuple[Ints, Floats], probabilities: Floats, amount: Floats, groups: ArrayLike | None = None, *,
        confidence: float = CONFIDENCE, least_rows: int = LEAST_ROWS,
    ) -> Self:  # fmt: skip
        """Fit on calibration rows, which neither the estimator nor the calibrator has learnt from.

        Args:
            seen: segment and amount of the episodes that the distributions are made of.
            probabilities: of each segment, of the calibration rows, shape (n, segments).
            amount: what their episodes took, shape (n,).
            groups: site or period of each calibration row; an empty name is no group.
            confidence: between 0 and 1.
            least_rows: with fewer rows there is one band; a group with fewer rows in a band has the reach of all.

        Raises:
            IntervalsError: a segment has no episode, or there are no calibration rows.
        """
        values, shares = _distributions(*seen, probabilities.shape[1])
        if not len(amount):
            raise IntervalsError("an interval needs rows to be calibrated on")
        expected = cls(values, shares, (), (WHOLE,)).expected(probabilities)
        bands = min(BANDS, max(1, len(amount) // least_rows))
        edges = tuple(np.unique(np.quantile(expected, np.linspace(0, 1, bands + 1)[1:-1])).tolist())
        made = cls(values, shares, edges, (WHOLE,) * (len(edges) + 1))
        needed, band = made.needed(probabilities, amount), made.band(probabilities)
        everywhere = tuple(_reach(needed[band == at], confidence) for at in range(len(made.reach)))
        own: dict[str, tuple[float, ...]] = {}
        names = np.full(len(amount), "") if groups is None else np.asarray(groups, np.str_)
        for name in sorted({*names.tolist()} - {""}):
            mine = [needed[(names == name) & (band == at)] for at in range(len(everywhere))]
            if any(len(rows) >= least_rows for rows in mine):
                own[name] = tuple(
                    _reach(rows, confidence) if len(rows) >= least_rows else reach
                    for rows, reach in zip(mine, everywhere, strict=True)
                )
        return cls(values, shares, edges, everywhere, own, confidence)

    def of(self, probabilities: Floats, groups: ArrayLike | None = None, holding: Floats | None = None) -> Floats:
        """Lowest and highest amount of each row, shape (n, 2).

        Args:
            probabilities: of each segment, shape (n, segments).
            groups: site or period of each row.
            holding: what is expected of each row, shape (n,); an interval that does not hold it is widened to the whole
                numbers around it.
        """
        numbers, edges, reach = self._bands
        found = np.empty((len(probabilities), 2))
        place = places(numbers, groups, len(probabilities))
        _spans(np.ascontiguousarray(probabilities), place, *self._arrays, edges, reach, found)
        if holding is not None:
            _widen(found, np.ascontiguousarray(holding))
        return found

    def needed(self, probabilities: Floats, amount: Floats) -> Floats:
        """The least reach with which each row's interval holds its amount, shape (n,)."""
        upto, below = (np.searchsorted(self.values, amount, side=side) for side in ("right", "left"))
        found = np.empty(len(amount))
        for rows, mixture in self._mixtures(probabilities):
            shares = np.hstack([np.zeros((len(mixture), 1)), mixture])
            each = np.arange(len(mixture))
            found[rows] = np.maximum(MEDIAN - shares[each, upto[rows]], shares[each, below[rows]] - MEDIAN)
        return np.maximum(found, 0.0)

    def expected(self, probabilities: Floats) -> Floats:
        """The mean of each row's mixture, shape (n,)."""
        return np.asarray((probabilities * self._arrays[2]).sum(1))

    def band(self, probabilities: Floats) -> Ints:
        """The band of each row's expected amount, shape (n,)."""
        return np.searchsorted(self.edges, self.expected(probabilities), side="right").astype(np.int64)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` and JSON have made of it."""
        return cls(
            tuple(said["values"]), tuple(tuple(one) for one in said["shares"]), tuple(said["edges"]),
            tuple(said["reach"]), {name: tuple(own) for name, own in said["groups"].items()}, said["confidence"],
        )  # fmt: skip

    def _mixtures(self, probabilities: Floats) -> Iterator[tuple[slice, Floats]]:
        """Chance that the amount is at most each value, shape (rows, values), block by block."""
        for first in range(0, len(probabilities), BLOCK):
            rows = slice(first, first + BLOCK)
            # One segment after another: a matrix product's last bits depend on how many rows come together.
            total = np.zeros((len(probabilities[rows]), len(self.values)))
            for k, shares in enumerate(self._arrays[1]):
                total += probabilities[rows, k, None] * shares
            yield rows, total

    @cached_property
    def _bands(self) -> tuple[dict[str, int], Floats, Floats]:
        """Where each group stands, the edges of the bands, and the reach, shape (groups + 1, bands)."""
        reach = np.array([self.reach, *self.groups.values()], np.float64)
        return numbered(self.groups), np.array(self.edges, np.float64), reach

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, Floats]:
        """Values, shares, and the mean of each segment."""
        values, shares = np.array(self.values, np.float64), np.array(self.shares, np.float64)
        return values, shares, (np.diff(shares, prepend=0.0) * values).sum(1)


@compiled(f"void({ROWS}, i8[::1], f8[::1], f8[:, ::1], f8[::1], f8[::1], f8[:, ::1], f8[:, ::1])")
def _spans(  # noqa: PLR0917 - compiled code takes plain arrays
    probabilities: Floats, place: Ints, values: Floats, shares: Floats, means: Floats, edges: Floats, reach: Floats,
    found: Floats,
) -> None:  # fmt: skip
    """Cut each row's interval from its mixture, as `expected`, `band` and `_mixtures` work them out."""
    mixture = np.empty(len(values))
    for row in range(len(probabilities)):
        expected, band = 0.0, 0
        for k in range(len(shares)):
            expected += probabilities[row, k] * means[k]
        while band < len(edges) and edges[band] <= expected:
            band += 1
        mine, low, high = reach[place[row], band], 0, 0
        mixture[:] = 0.0
        for k in range(len(shares)):
            for at in range(len(values)):
                mixture[at] += probabilities[row, k] * shares[k, at]
        for at in range(len(values)):
            low += mixture[at] < MEDIAN - mine - LAST_BITS
            high += mixture[at] <= MEDIAN + mine + LAST_BITS
        found[row, 0] = values[min(low, len(values) - 1)]
        found[row, 1] = values[min(high, len(values) - 1)]


@compiled(f"void(f8[:, ::1], {ROW})")
def _widen(spans: Floats, holding: Floats) -> None:
    """Widen each span to the whole numbers around a number, where that lies outside of it."""
    for row in range(len(spans)):
        spans[row, 0] = min(spans[row, 0], np.floor(holding[row]))
        spans[row, 1] = max(spans[row, 1], np.ceil(holding[row]))


def _distributions(
    segment: Ints, amount: Floats, segments: int
) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Values and, for each segment, the share of its episodes at or below them."""
    for k in range(segments):
        if not (segment == k).any():
            raise IntervalsError(f"nobody reached segment {k + 1} of {segments}: there is no amount to learn from")
    values = np.unique(amount)
    if len(values) > MOST_VALUES:
        values = np.unique(np.quantile(amount, np.linspace(0, 1, MOST_VALUES), method="higher"))
    shares = np.stack([
        np.searchsorted(np.sort(amount[segment == k]), values, side="right") / (segment == k).sum()
        for k in range(segments)
    ])  # fmt: skip
    # A higher segment takes more, also where few of its episodes say otherwise.
    shares = np.minimum.accumulate(shares)
    return tuple(values.tolist()), tuple(tuple(one) for one in shares.tolist())


def _reach(needed: Floats, confidence: float) -> float:
    rank = ceil((len(needed) + 1) * confidence - LAST_BITS)
    return float(np.sort(needed)[rank - 1]) if rank <= len(needed) else WHOLE

"""How often prediction sets and intervals hold what came about, by segment and subgroup.

Sets promise that of the people whose need turns out to be of a segment, at least so many have it in their set; so
coverage is counted among them, not among all. Intervals promise it of everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Resamples, interval
from training.evaluation import Coverage
from training.groups import Assessable
from training.slices import Words, levels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
EVERYONE = "everyone"


@dataclass(frozen=True)
class Among:
    """Whom coverage is counted among.

    Attributes:
        dimensions: level of each row by dimension. `patients`: whose row it is.
        assessable: from when on a subgroup is; a segment needs as many rows there as events.
        times: bootstrap samples.
    """

    dimensions: Mapping[str, Words]
    patients: Words
    assessable: Assessable
    times: int

    def subgroups(self) -> Iterator[tuple[str, str, Bools]]:
        """Dimension, level and rows: everyone first."""
        yield EVERYONE, "", np.ones(len(self.patients), np.bool_)
        for dimension, words in self.dimensions.items():
            for level, rows in levels(words):
                yield dimension, level, rows


def of_sets(sets: Bools, segment: Ints, names: tuple[str, ...], among: Among) -> Iterator[Coverage]:
    """Coverage of sets by segment, for everyone and in every subgroup with enough people of the segment.

    Args:
        sets: whether each segment is in the set of each row, shape (n, segments).
        segment: position of the segment that came about.
        names: of the segments.
        among: whom to count among.
    """
    for dimension, level, rows in among.subgroups():
        for k, name in enumerate(names):
            these = rows & (segment == k)
            if these.sum() >= among.assessable.events:
                size = sets[these].sum(1)
                yield _coverage((dimension, level, name), sets[these, k], size, among.patients[these], among.times)


def of_interval(name: str, bounds: Floats, amount: Floats, among: Among) -> Iterator[Coverage]:
    """Coverage of an interval, shape (n, 2), of what episodes took, shape (n,), as `of_sets`; its size is its width."""
    held, width = (bounds[:, 0] <= amount) & (amount <= bounds[:, 1]), bounds[:, 1] - bounds[:, 0]
    for dimension, level, rows in among.subgroups():
        if rows.sum() >= among.assessable.rows:
            yield _coverage((dimension, level, name), held[rows], width[rows], among.patients[rows], among.times)


def _coverage(named: tuple[str, str, str], held: Bools, size: Floats, patients: Words, times: int) -> Coverage:
    columns = np.stack([held, np.ones(len(held), np.bool_)], axis=1).astype(np.float64)
    sums = Resamples.of(patients, times).sums(columns)
    dimension, level, segment = named
    return Coverage(dimension, level, f"{len(held):,}", segment, float(held.mean()), interval(sums[:, 0] / sums[:, 1]),
                    float(size.mean()))  # fmt: skip

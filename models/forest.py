"""LightGBM's trees as tables: what each adds to its margin by the outcomes of its splits, to LightGBM's own last bit.

A tree of 8 leaves has 7 splits, so a row is one of 128 patterns of outcomes to it, and each pattern ends in one leaf. A
tree with more than `MOST_SPLITS` is taken as the sum of parts (`models.trees`): a row ends in one of them and gets zero
from the others. A margin is the sum of the leaves in the order of the trees, as LightGBM adds them.

To be read, a row costs one search among the edges of each feature, and a mark for each split at which it turns right:
most values are small or missing and turn right at few. Trees of several boosters can be read as one forest, so that a
row is searched for once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.compiled import ROW, ROWS, compiled
from models.trees import Leaf, Split, Tree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint16]
Bools = NDArray[np.bool_]

MOST_SPLITS = 10
"""Splits of one part, where the tree can be cut so that no part has more: 1,024 patterns."""
LONGEST_PATH = 12
"""Splits above one leaf, which cannot be cut any further; there are 4,096 patterns by then."""
MOST_PARTS = 65_536
"""Their numbers are unsigned 16-bit numbers."""
BLOCK = 64
"""Rows taken together: their patterns stay in a core's own cache, and a part's table is fetched once for all."""
FEW = 4
"""Up to so many rows are taken one by one, which costs less than setting up a block."""
ZERO = float(np.float32(1e-35))
"""Values no farther from zero than this are zero to LightGBM when it predicts."""


class ForestError(ValueError):
    """Trees that cannot be tabulated, or rows that they do not read."""


@compiled("i8(f8, b1, f8[::1], i8, i8)")
def passed(value: float, missing_last: bool, edge: Floats, first: int, last: int) -> int:  # noqa: FBT001 - compiled
    """Where among rising edges (from `first` to `last`) a value stands: the row goes right at the edges before that."""
    if np.isnan(value):
        return last if missing_last else first
    if -ZERO <= value <= ZERO:
        value = 0.0
    while first < last:
        middle = (first + last) >> 1
        if edge[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first


SPLITS = "i8[::1], b1[::1], i8[::1], f8[::1], u2[::1], u2[::1]"
"""Column, missing last, start, edge, part, bit: what a row is asked."""
LEAVES = "u2[::1], i8[::1], f8[::1]"
"""Output, leaf start, leaf: where the answers lead."""


@compiled(f"void({ROWS}, {SPLITS}, {LEAVES}, u2[:, ::1], f8[:, ::1])")
def _read_few(  # noqa: PLR0917 - compiled code takes plain arrays
    x: Floats, column: Ints, missing_last: Bools, start: Ints, edge: Floats, part: Codes, bit: Codes, output: Codes,
    leaf_start: Ints, leaf: Floats, patterns: Codes, sums: Floats,
) -> None:  # fmt: skip
    """Find the patterns of each part, shape (n, parts), and add up their leaves, row by row."""
    for row in range(len(x)):
        for at in range(len(column)):
            last = passed(x[row, column[at]], missing_last[at], edge, start[at], start[at + 1])
            for each in range(start[at], last):
                patterns[row, part[each]] |= bit[each]
        for at in range(len(output)):
            sums[row, output[at]] += leaf[leaf_start[at] + patterns[row, at]]


@compiled(f"void({ROWS}, {SPLITS}, u2[:, ::1])")
def read_block(  # noqa: PLR0917 - compiled code takes plain arrays
    x: Floats, column: Ints, missing_last: Bools, start: Ints, edge: Floats, part: Codes, bit: Codes, patterns: Codes
) -> None:  # fmt: skip
    """Find the patterns of each part, shape (parts, n), column by column."""
    patterns[:] = 0
    turned = np.empty(len(x), np.int64)
    for at in range(len(column)):
        for row in range(len(x)):
            turned[row] = passed(x[row, column[at]], missing_last[at], edge, start[at], start[at + 1])
        for each in range(start[at], turned.max()):
            mine, turn = patterns[part[each]], bit[each]
            for row in range(len(x)):
                mine[row] |= np.uint16(turned[row] > each) * turn


@compiled(f"void({ROWS}, {SPLITS}, {LEAVES}, f8[:, ::1])")
def _sum_many(  # noqa: PLR0917 - compiled code takes plain arrays
    x: Floats, column: Ints, missing_last: Bools, start: Ints, edge: Floats, part: Codes, bit: Codes, output: Codes,
    leaf_start: Ints, leaf: Floats, found: Floats,
) -> None:  # fmt: skip
    """Sums of the leaves, shape (n, outputs), block by block: the same in the same order as row by row."""
    for first in range(0, len(x), BLOCK):
        rows = x[first : first + BLOCK]
        patterns, sums = np.empty((len(output), len(rows)), np.uint16), np.zeros((found.shape[1], len(rows)))
        read_block(rows, column, missing_last, start, edge, part, bit, patterns)
        for at in range(len(output)):
            total, mine, leaves = sums[output[at]], patterns[at], leaf[leaf_start[at] :]
            for row in range(len(rows)):
                total[row] += leaves[mine[row]]
        found[first : first + BLOCK] = sums.T


@compiled(f"void({ROW}, i8[::1], {SPLITS}, u2[::1], b1[::1])")
def _read_same(  # noqa: PLR0917 - compiled code takes plain arrays
    base: Floats, place: Ints, column: Ints, missing_last: Bools, start: Ints, edge: Floats, part: Codes, bit: Codes,
    same: Codes, moved: Bools,
) -> None:  # fmt: skip
    """Find the patterns that rows have in common which are one row but for some columns.

    Args (arrays apart from the layout):
        place: where among the values each column of the row stands; -1 where it is the same in all.
        same: the patterns, by part.
        moved: the parts that ask about the other columns too.
    """
    for at in range(len(column)):
        if place[column[at]] < 0:
            last = passed(base[column[at]], missing_last[at], edge, start[at], start[at + 1])
            for each in range(start[at], last):
                same[part[each]] |= bit[each]
        else:
            for each in range(start[at], start[at + 1]):
                moved[part[each]] = True


@compiled(f"void(i8[::1], {ROWS}, {SPLITS}, u2[::1], b1[::1], u2[:, ::1])")
def _read_moved(  # noqa: PLR0917 - compiled code takes plain arrays
    place: Ints, values: Floats, column: Ints, missing_last: Bools, start: Ints, edge: Floats, part: Codes, bit: Codes,
    same: Codes, moved: Bools, patterns: Codes,
) -> None:  # fmt: skip
    """Find the patterns of the moved parts, shape (parts, n), which begin as what is the same in all rows."""
    for mine in range(len(moved)):
        if moved[mine]:
            patterns[mine] = same[mine]
    turned = np.empty(len(values), np.uint32)
    for at in range(len(column)):
        if place[column[at]] < 0:
            continue
        for row in range(len(values)):
            value = values[row, place[column[at]]]
            turned[row] = passed(value, missing_last[at], edge, start[at], start[at + 1]) - start[at]
        for each in range(start[at], start[at + 1]):
            pattern, turn, before = patterns[part[each]], bit[each], np.uint32(each - start[at])
            for row in range(len(values)):
                pattern[row] |= turn if turned[row] > before else np.uint16(0)


@compiled(f"void({ROW}, i8[::1], {ROWS}, {SPLITS}, {LEAVES}, f8[:, ::1])")
def _sum_alike(  # noqa: PLR0917 - compiled code takes plain arrays
    base: Floats, place: Ints, values: Floats, column: Ints, missing_last: Bools, start: Ints, edge: Floats,
    part: Codes, bit: Codes, output: Codes, leaf_start: Ints, leaf: Floats, found: Floats,
) -> None:  # fmt: skip
    """Sums of the leaves of rows that are one row but for some columns: the same in the same order as row by row."""
    same, moved = np.zeros(len(output), np.uint16), np.zeros(len(output), np.bool_)
    patterns = np.empty((len(output), len(values)), np.uint16)
    _read_same(base, place, column, missing_last, start, edge, part, bit, same, moved)
    _read_moved(place, values, column, missing_last, start, edge, part, bit, same, moved, patterns)
    sums = np.zeros((found.shape[1], len(values)))
    for at in range(len(output)):
        total, mine, leaves = sums[output[at]], patterns[at], leaf[leaf_start[at] :]
        if moved[at]:
            for row in range(len(values)):
                total[row] += leaves[mine[row]]
        else:
            total += leaves[same[at]]
    found[:] = sums.T


@dataclass(frozen=True)
class Part:
    """A part of a tree: the tree, the places of its splits there, and the leaves that end in it."""

    tree: Tree
    places: tuple[int, ...]
    leaves: tuple[Leaf, ...]

    @property
    def splits(self) -> list[Split]:
        """Its splits, in the order of the bits of a pattern."""
        return [self.tree.splits[place] for place in self.places]

    @property
    def features(self) -> list[int]:
        """The features that it asks about, rising."""
        return sorted({split.feature for split in self.splits})

    def values(self) -> Floats:
        """What is added at each pattern: the value of the leaf that it ends in, or nothing."""
        found = np.zeros(2 ** len(self.places))
        pattern = np.arange(len(found))
        for leaf in self.leaves:
            asked = sum(1 << self.places.index(step.split) for step in leaf.path)
            right = sum(1 << self.places.index(step.split) for step in leaf.path if not step.left)
            found[pattern & asked == right] = leaf.value
        return found


@dataclass(frozen=True)
class Forest:
    """The trees of a model as tables.

    Attributes:
        features: columns of a row.
        outputs: margins of a row.
        splits: what the compiled functions read to find patterns, in the order of their arguments: all splits column by
            column, their edges rising, so that those which a value has passed stand together.
        leaves: what they read to add up leaves.
    """

    features: int
    outputs: int
    splits: tuple[NDArray[Any], ...] = field(repr=False)
    leaves: tuple[NDArray[Any], ...] = field(repr=False)

    @classmethod
    def of(cls, parts: Sequence[Part], features: int) -> Self:
        """Tabulate the trees of a model that reads so many features.

        Args:
            parts: its trees in their order, in parts (see `parts_of`).
            features: columns of a row.

        Raises:
            ForestError: there are too many parts.
        """
        outputs = [part.tree.output for part in parts]
        return cls._of(features, outputs, [part.splits for part in parts], [part.values() for part in parts])

    @classmethod
    def _of(cls, features: int, outputs: list[int], asked: list[list[Split]], values: list[Floats]) -> Self:
        if len(asked) > MOST_PARTS:
            raise ForestError(f"the trees have {len(asked)} parts, more than {MOST_PARTS}")
        turns = sorted(
            (split.feature, not split.missing_left, split.edge, part, bit)
            for part, splits in enumerate(asked) for bit, split in enumerate(splits)
        )  # fmt: skip
        columns = Counter(turn[:2] for turn in turns)
        splits = (
            ints(feature for feature, _ in columns), np.array([last for _, last in columns], np.bool_),
            starts(columns.values()), np.array([turn[2] for turn in turns], np.float64),
            np.array([turn[3] for turn in turns], np.uint16), np.array([1 << turn[4] for turn in turns], np.uint16),
        )  # fmt: skip
        leaves = (np.array(outputs, np.uint16), starts(map(len, values))[:-1], joined(values))
        return cls(features, max(outputs, default=-1) + 1, splits, leaves)

    def beside(self, other: Forest) -> Forest:
        """Both as one, which reads a row once: the parts and outputs of the other come after.

        Raises:
            ForestError: they read other rows, or there are too many parts.
        """
        if self.features != other.features:
            raise ForestError(f"trees that read {self.features} and {other.features} features do not read the same row")
        outputs = [*self.leaves[0].tolist(), *(other.leaves[0] + self.outputs).tolist()]
        values = [np.split(one.leaves[2], one.leaves[1][1:]) if one.parts else [] for one in (self, other)]
        return Forest._of(self.features, outputs, [*self._asked(), *other._asked()], [*values[0], *values[1]])

    def _asked(self) -> list[list[Split]]:
        """The splits of each part, in the order of the bits."""
        column, missing_last, start, edge, part, bit = self.splits
        each = np.repeat(np.arange(len(column)), np.diff(start))
        order = np.lexsort((bit, part))
        columns = (column[each], edge, ~missing_last[each])
        every = list(map(Split, *(values[order].tolist() for values in columns)))
        return [every[first:last] for first, last in pairwise(starts(np.bincount(part, minlength=self.parts)).tolist())]

    @property
    def parts(self) -> int:
        """Number of parts of its trees."""
        return len(self.leaves[0])

    @property
    def nbytes(self) -> int:
        """Memory of the tables."""
        return sum(array.nbytes for array in (*self.splits, *self.leaves))

    def read(self, x: Floats) -> tuple[Codes, Floats]:
        """How the rows answer each part's splits, shape (n, parts), and their margins; row by row, so for a few.

        Raises:
            ForestError: the rows have another number of columns.
        """
        rows = self.rows(x)
        patterns, sums = np.zeros((len(rows), self.parts), np.uint16), np.zeros((len(rows), self.outputs))
        _read_few(rows, *self.splits, *self.leaves, patterns, sums)
        return patterns, sums

    def margins(self, x: Floats) -> Floats:
        """What LightGBM gives with `raw_score=True`, shape (n, outputs). Rows are taken as float64, NaN for missing.

        Raises:
            ForestError: the rows have another number of columns.
        """
        if len(x) <= FEW:
            return self.read(x)[1]
        rows = self.rows(x)
        found = np.empty((len(rows), self.outputs))
        _sum_many(rows, *self.splits, *self.leaves, found)
        return found

    def margins_alike(self, row: Floats, columns: Ints, values: Floats) -> Floats:
        """The margins of rows that are one row but for some columns, shape (n, outputs).

        What the columns do not touch is read once for all.

        Args:
            row: shape (features,).
            columns: positions of the columns that differ.
            values: what stands there, shape (n, columns).

        Raises:
            ForestError: the row has another number of columns.
        """
        if len(values) <= FEW:
            rows = np.repeat(row[None], len(values), axis=0)
            rows[:, columns] = values
            return self.read(rows)[1]
        (base,) = self.rows(row[None])
        found, place = np.empty((len(values), self.outputs)), np.full(self.features, -1)
        place[columns] = np.arange(len(columns))
        _sum_alike(base, place, np.ascontiguousarray(values), *self.splits, *self.leaves, found)
        return found

    def rows(self, x: Floats) -> Floats:
        """The rows as compiled functions take them.

        Raises:
            ForestError: they have another number of columns.
        """
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ForestError(f"rows have shape {x.shape}, the trees read {self.features} features")
        return np.ascontiguousarray(x, np.float64)


def parts_of(trees: Sequence[Tree]) -> list[Part]:
    """Trees in parts that can be tabulated, in their order.

    Raises:
        ForestError: a path is too long for a table.
    """
    return [_part(tree, leaves) for tree in trees for leaves in tree.parts(MOST_SPLITS)]


def _part(tree: Tree, leaves: tuple[Leaf, ...]) -> Part:
    places = tuple(sorted({step.split for leaf in leaves for step in leaf.path}))
    if len(places) > max(MOST_SPLITS, LONGEST_PATH):
        raise ForestError(f"a path has {len(places)} splits; train with max_depth of {LONGEST_PATH} or less")
    return Part(tree, places, leaves)


def ints(values: Iterable[int]) -> Ints:
    """Whole numbers as an array."""
    return np.array(list(values), np.int64)


def starts(lengths: Iterable[int]) -> Ints:
    """Where each of some stretches begins, and where the last ends."""
    return ints([0, *accumulate(lengths)])


def joined(arrays: Sequence[Floats]) -> Floats:
    """Some arrays, or none, one after the other."""
    return np.concatenate([np.empty(0), *arrays])

"""What every feature adds to LightGBM's margins: exact, and tabulated once per model so that a row costs look-ups only.

A contribution is the path-dependent Shapley value (Lundberg and others, Nature Machine Intelligence 2020;2:56-67), what
LightGBM gives with `pred_contrib=True`. In one tree it depends on a row only through the outcomes of the splits: a tree
of 8 leaves has 7 splits, so 128 patterns of outcomes, however many patients there are. A tree with more than
`MOST_SPLITS` is taken as the sum of parts (`models.trees`), each with its own table.

A row then costs one search among the model's edges for each feature, one comparison of small whole numbers for each
split, and one addition for each feature of a part. Missing values go where LightGBM sends them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import factorial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from models.trees import Leaf, Tree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint16]

MOST_SPLITS = 10
"""Splits of one table, where the tree can be cut so that no part has more: 1,024 rows of at most 10 columns."""
LONGEST_PATH = 12
"""Splits above one leaf, which cannot be cut any further; its table has 4,096 rows by then."""
MOST_EDGES = 65_535
"""Codes are unsigned 16-bit numbers; the highest is kept for missing values."""
BLOCK = 512
"""Rows explained together: their codes and sums stay in a core's own cache, and a part's table is fetched once."""
FEW = 4
"""Up to so many rows are explained one by one, which costs less than setting up a block."""


class ContributionsError(ValueError):
    """Trees whose contributions cannot be tabulated."""


@compiled("f8(f8[::1], f8[::1], i8, f8[::1])")
def _share_of(known: Floats, shares: Floats, mine: int, factorials: Floats) -> float:
    """Shapley-weighted mean, over all sets of other players, of the product of their `known` or `shares`."""
    players = len(known)
    ways = np.zeros(players)
    ways[0] = 1.0
    for other in range(players):
        if other != mine:
            for size in range(players - 1, 0, -1):
                ways[size] = ways[size] * shares[other] + ways[size - 1] * known[other]
            ways[0] *= shares[other]
    total = 0.0
    for size in range(players):
        total += factorials[size] * factorials[players - 1 - size] / factorials[players] * ways[size]
    return total


@compiled("void(f8, i8[::1], b1[::1], f8[::1], i8[::1], i8[::1], f8[::1], f8[:, ::1])")
def _add_leaf(  # noqa: PLR0917 - compiled code takes plain arrays
    value: float, bit: Ints, right: NDArray[np.bool_], share: Floats, player: Ints, players: Ints, factorials: Floats,
    table: Floats,
) -> None:  # fmt: skip
    """Add one leaf's contributions to a part's table: a row for each pattern (bit set: right), a column a feature.

    The arrays describe the steps of the leaf's path; `player` is the column of a step's feature, `players` are the
    columns that occur. A feature that is split twice on the path leads here only if both outcomes do.
    """
    known, shares = np.empty(len(players)), np.empty(len(players))
    for pattern in range(table.shape[0]):
        for at in range(len(players)):
            known[at], shares[at] = 1.0, 1.0
            for step in range(len(bit)):
                if player[step] == players[at]:
                    shares[at] *= share[step]
                    if ((pattern >> bit[step]) & 1 == 1) != right[step]:
                        known[at] = 0.0
        for at in range(len(players)):
            weight = _share_of(known, shares, at, factorials)
            table[pattern, players[at]] += value * (known[at] - shares[at]) * weight


@compiled("u2(f8, b1, f8[::1], i8, i8)")
def _code(value: float, missing_last: bool, edges: Floats, low: int, high: int) -> int:  # noqa: FBT001 - compiled
    """Number of the feature's edges (from `low` to `high`) below a value: the row goes right at the edges passed."""
    if np.isnan(value):
        return MOST_EDGES if missing_last else 0
    first = low
    while low < high:
        middle = (low + high) >> 1
        if edges[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low - first


_LAYOUT = "i8[::1], b1[::1], f8[::1], i8[::1], i8[::1], i8[::1], u2[::1], i8[::1], i8[::1], i8[::1], f8[::1]"


@compiled(f"void(f8[:, ::1], {_LAYOUT}, f8[:, ::1])")
def _explain_few(  # noqa: PLR0917 - compiled code takes plain arrays
    x: Floats, column: Ints, missing_last: NDArray[np.bool_], edges: Floats, edge_start: Ints, split_start: Ints,
    split: Ints, split_code: Codes, cell_start: Ints, cell: Ints, table_start: Ints, table: Floats, found: Floats,
) -> None:  # fmt: skip
    """Add contributions to `found`, row by row."""
    codes = np.empty(len(column), np.uint16)
    for row in range(len(x)):
        for at in range(len(column)):
            codes[at] = _code(x[row, column[at]], missing_last[at], edges, edge_start[at], edge_start[at + 1])
        for part in range(len(table_start)):
            pattern = 0
            for at in range(split_start[part], split_start[part + 1]):
                pattern |= (codes[split[at]] > split_code[at]) << (at - split_start[part])
            first, width = cell_start[part], cell_start[part + 1] - cell_start[part]
            for each in range(width):
                found[row, cell[first + each]] += table[table_start[part] + pattern * width + each]


@compiled(f"void(f8[:, ::1], {_LAYOUT}, f8[:, ::1])")
def _explain_many(  # noqa: C901, PLR0917 - compiled code takes plain arrays
    x: Floats, column: Ints, missing_last: NDArray[np.bool_], edges: Floats, edge_start: Ints, split_start: Ints,
    split: Ints, split_code: Codes, cell_start: Ints, cell: Ints, table_start: Ints, table: Floats, found: Floats,
) -> None:  # fmt: skip
    """Add contributions to `found`, block by block: the same sums in the same order as `_explain_few`."""
    block = min(BLOCK, len(x))
    codes = np.empty((len(column), block), np.uint16)
    pattern = np.empty(block, np.uint16)
    sums = np.empty((found.shape[1], block))
    for first in range(0, len(x), BLOCK):
        rows = min(BLOCK, len(x) - first)
        sums[:] = 0.0
        for at in range(len(column)):
            low, high = edge_start[at], edge_start[at + 1]
            for row in range(rows):
                codes[at, row] = _code(x[first + row, column[at]], missing_last[at], edges, low, high)
        for part in range(len(table_start)):
            pattern[:] = 0
            for at in range(split_start[part], split_start[part + 1]):
                mine, limit, bit = codes[split[at]], split_code[at], np.uint16(1 << (at - split_start[part]))
                for row in range(rows):
                    pattern[row] |= np.uint16(mine[row] > limit) * bit
            width = cell_start[part + 1] - cell_start[part]
            for each in range(width):
                total, values = sums[cell[cell_start[part] + each]], table[table_start[part] + each :]
                for row in range(rows):
                    total[row] += values[pattern[row] * width]
        for row in range(rows):
            for each in range(found.shape[1]):
                found[first + row, each] += sums[each, row]


@dataclass(frozen=True)
class Tables:
    """The contribution tables of one model.

    Attributes:
        features: columns of a row.
        base: mean margin over the training rows, one an output.
        layout: what the compiled functions read, in the order of their arguments.
    """

    features: int
    base: Floats
    layout: tuple[NDArray[Any], ...] = field(repr=False)

    @classmethod
    def of(cls, trees: Sequence[Tree], features: int) -> Self:
        """Tabulate the trees of a model that reads so many features.

        Raises:
            ContributionsError: a path is too long for a table, or a feature has too many edges.
        """
        base = np.zeros(max((tree.output for tree in trees), default=-1) + 1)
        for tree in trees:
            base[tree.output] += tree.base
        edges = _edges(trees)
        parts = [_part(tree, leaves, edges) for tree in trees for leaves in tree.parts(MOST_SPLITS) if leaves[0].path]
        cells = [[part.output * (features + 1) + feature for feature in part.features] for part in parts]
        columns = sorted({split[:2] for part in parts for split in part.splits})
        place = {column: at for at, column in enumerate(columns)}
        layout = (
            _ints(feature for feature, _ in columns),
            np.array([last for _, last in columns], np.bool_),
            _joined([edges[feature] for feature, _ in columns], np.float64),
            _starts(len(edges[feature]) for feature, _ in columns),
            _starts(len(part.splits) for part in parts),
            _ints(place[split[:2]] for part in parts for split in part.splits),
            np.array([code for part in parts for _, _, code in part.splits], np.uint16),
            _starts(len(part.features) for part in parts),
            _ints(cell for each in cells for cell in each),
            _starts(part.table.size for part in parts)[:-1],
            _joined([part.table.ravel() for part in parts], np.float64),
        )
        return cls(features, base, layout)

    @property
    def nbytes(self) -> int:
        """Memory of the tables."""
        return sum(array.nbytes for array in self.layout)

    def contributions(self, x: Floats) -> Floats:
        """Shape (n, outputs, features + 1); the last column is the base. Rows are taken as float64, NaN for missing.

        Raises:
            ContributionsError: the rows have another number of columns.
        """
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ContributionsError(f"rows have shape {x.shape}, the trees read {self.features} features")
        found = np.zeros((len(x), len(self.base), self.features + 1))
        explain = _explain_few if len(x) <= FEW else _explain_many
        explain(np.ascontiguousarray(x, np.float64), *self.layout, found.reshape(len(x), -1))
        found[:, :, -1] = self.base
        return found


@dataclass(frozen=True)
class _Part:
    """A part of a tree: its output, its features, its splits as (feature, missing last, code), and its table."""

    output: int
    features: list[int]
    splits: list[tuple[int, bool, int]]
    table: Floats


def _part(tree: Tree, leaves: tuple[Leaf, ...], edges: dict[int, Floats]) -> _Part:
    places = sorted({step.split for leaf in leaves for step in leaf.path})
    if len(places) > max(MOST_SPLITS, LONGEST_PATH):
        raise ContributionsError(f"a path has {len(places)} splits; train with max_depth of {LONGEST_PATH} or less")
    splits = [tree.splits[place] for place in places]
    features = sorted({split.feature for split in splits})
    table = np.zeros((2 ** len(splits), len(features)))
    factorials = np.array([factorial(size) for size in range(len(features) + 1)], np.float64)
    for leaf in leaves:
        path = leaf.path
        bits = _ints(places.index(step.split) for step in path)
        players = _ints(features.index(tree.splits[step.split].feature) for step in path)
        right, shares = np.array([not step.left for step in path]), np.array([step.share for step in path])
        _add_leaf(leaf.value, bits, right, shares, players, _ints(sorted({*players.tolist()})), factorials, table)
    codes = [
        (split.feature, not split.missing_left, int(np.searchsorted(edges[split.feature], split.edge)))
        for split in splits
    ]
    return _Part(tree.output, features, codes, table)


def _edges(trees: Sequence[Tree]) -> dict[int, Floats]:
    """All edges of the model by feature, rising."""
    found: dict[int, set[float]] = {}
    for tree in trees:
        for split in tree.splits:
            found.setdefault(split.feature, set()).add(split.edge)
    for feature, edges in found.items():
        if len(edges) >= MOST_EDGES:
            raise ContributionsError(f"feature {feature} is split at {len(edges)} edges, more than {MOST_EDGES - 1}")
    return {feature: np.array(sorted(edges)) for feature, edges in found.items()}


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)


def _starts(lengths: Iterable[int]) -> Ints:
    return np.array([0, *accumulate(lengths)], np.int64)


def _joined(arrays: list[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.empty(0), *arrays]).astype(kind)

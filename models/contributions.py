"""What every feature adds to LightGBM's margins: exact, and tabulated once per model, so that a row costs look-ups.

A contribution is the path-dependent Shapley value (Lundberg and others, Nature Machine Intelligence 2020;2:56-67), what
LightGBM gives with `pred_contrib=True`. In one tree it depends on a row only through the outcomes of the splits, as the
margin does: beside the leaf of each pattern (`models.forest`) stands a row with a column for each feature of the part.

A row then costs one addition for each feature of a part, once its patterns are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.compiled import ROWS, compiled
from models.forest import (
    BLOCK,
    FEW,
    SPLITS,
    Codes,
    Floats,
    Forest,
    Ints,
    Part,
    ints,
    joined,
    parts_of,
    read_block,
    starts,
)
from models.trees import Tree


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


_TABLES = "u2[::1], i8[::1], u2[::1], i8[::1], f8[::1]"
"""Output, cell start, cell, table start, table: what each pattern adds to which feature."""


@compiled(f"void(u2[:, ::1], i8, {_TABLES}, f8[:, :, ::1])")
def _explain_few(  # noqa: PLR0917 - compiled code takes plain arrays
    patterns: Codes, first: int, output: Codes, cell_start: Ints, cell: Codes, table_start: Ints, table: Floats,
    found: Floats,
) -> None:  # fmt: skip
    """Add the contributions of rows whose patterns are known to `found`, for its outputs, counted from `first`."""
    for row in range(len(found)):
        for part in range(len(output)):
            mine = output[part] - first
            if 0 <= mine < found.shape[1]:
                start, width = cell_start[part], cell_start[part + 1] - cell_start[part]
                values = table_start[part] + patterns[row, part] * width
                for each in range(width):
                    found[row, mine, cell[start + each]] += table[values + each]


@compiled(f"void({ROWS}, {SPLITS}, {_TABLES}, f8[:, :, ::1])")
def _explain_many(  # noqa: PLR0917 - compiled code takes plain arrays
    x: Floats, column: Ints, missing_last: NDArray[np.bool_], start: Ints, edge: Floats, part: Codes, bit: Codes,
    output: Codes, cell_start: Ints, cell: Codes, table_start: Ints, table: Floats, found: Floats,
) -> None:  # fmt: skip
    """Contributions of many rows, block by block: the same sums in the same order as `_explain_few`."""
    for first in range(0, len(x), BLOCK):
        rows = x[first : first + BLOCK]
        patterns = np.empty((len(output), len(rows)), np.uint16)
        sums = np.zeros((found.shape[1], found.shape[2], len(rows)))
        read_block(rows, column, missing_last, start, edge, part, bit, patterns)
        for at in range(len(output)):
            width, mine = cell_start[at + 1] - cell_start[at], patterns[at]
            for each in range(width):
                total = sums[output[at], cell[cell_start[at] + each]]
                values = table[table_start[at] + each :]
                for row in range(len(rows)):
                    total[row] += values[mine[row] * width]
        for row in range(len(rows)):
            found[first + row] = sums[:, :, row]


@dataclass(frozen=True)
class Tables:
    """The contribution tables of one model.

    Attributes:
        forest: its trees.
        base: mean margin over the training rows, one an output.
        layout: what the compiled functions read beside the forest, in the order of their arguments.
    """

    forest: Forest
    base: Floats
    layout: tuple[NDArray[Any], ...] = field(repr=False)

    @classmethod
    def of(cls, trees: Sequence[Tree], features: int) -> Self:
        """Tabulate the trees of a model that reads so many features.

        Raises:
            ForestError: a path is too long for a table, or there are too many parts.
        """
        parts = parts_of(trees)
        forest = Forest.of(parts, features)
        base = np.zeros(forest.outputs)
        for tree in trees:
            base[tree.output] += tree.base
        cells = [part.features for part in parts]
        tables = [_table(part) for part in parts]
        layout = (
            forest.leaves[0], starts(map(len, cells)),
            np.array([cell for each in cells for cell in each], np.uint16),
            starts(table.size for table in tables)[:-1], joined([table.ravel() for table in tables]),
        )  # fmt: skip
        return cls(forest, base, layout)

    @property
    def nbytes(self) -> int:
        """Memory of the tables, with the forest's."""
        return self.forest.nbytes + sum(array.nbytes for array in self.layout[1:])

    def contributions(self, x: Floats) -> Floats:
        """Shape (n, outputs, features + 1); the last column is the base. Rows are taken as float64, NaN for missing.

        Raises:
            ForestError: the rows have another number of columns.
        """
        found = np.zeros((len(x), len(self.base), self.forest.features + 1))
        if len(x) <= FEW:
            _explain_few(self.forest.read(x)[0], 0, *self.layout, found)
        else:
            _explain_many(self.forest.rows(x), *self.forest.splits, *self.layout, found)
        found[:, :, -1] = self.base
        return found

    def explained(self, patterns: Codes, output: int) -> Floats:
        """Contributions to one output of rows that answer so, shape (n, features), without the base.

        Args:
            patterns: as `Forest.read` finds them, of these trees or of more that come after them.
            output: which margin.
        """
        found = np.zeros((len(patterns), 1, self.forest.features))
        _explain_few(patterns, output, *self.layout, found)
        return found[:, 0]


def _table(part: Part) -> Floats:
    """What each pattern adds, shape (patterns, features of the part)."""
    features = part.features
    table = np.zeros((2 ** len(part.places), len(features)))
    if not features:
        return table
    factorials = np.array([factorial(size) for size in range(len(features) + 1)], np.float64)
    for leaf in part.leaves:
        path = leaf.path
        bits = ints(part.places.index(step.split) for step in path)
        players = ints(features.index(part.tree.splits[step.split].feature) for step in path)
        right, shares = np.array([not step.left for step in path]), np.array([step.share for step in path])
        _add_leaf(leaf.value, bits, right, shares, players, ints(sorted({*players.tolist()})), factorials, table)
    return table

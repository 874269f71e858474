"""What a report may show: counts in which nobody can be found, and from which nobody can be found by subtraction.

A number about fewer than five people is not struck out, because what is struck out can often be had back by
subtraction. Instead the table is made coarser until every number in it is zero or about five people at least: rare
columns are counted together, neighbouring months are counted together, small providers are counted together. What is
shown adds up exactly, and whatever is added or subtracted within a table is again zero or about five people at least.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Self

LIMIT = 5
"""The fewest people whom a number may be about, as in Soite's reports of heavy users (innokyla.fi)."""


@dataclass(frozen=True)
class Cell:
    """A count and whom it is about.

    Attributes:
        count: vouchers, messages or whatever is counted.
        people: who they concern, at most `LIMIT` of them: more are never asked about.
    """

    count: int = 0
    people: frozenset[Hashable] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, count: int, people: Collection[Hashable]) -> Self:
        """A cell that concerns these people."""
        return cls(count, frozenset(sorted(people, key=str)[:LIMIT]))

    def __add__(self, other: Cell) -> Cell:
        return Cell.of(self.count + other.count, self.people | other.people)

    @property
    def safe(self) -> bool:
        """Whether it may be shown: it counts nothing, or concerns enough people."""
        return self.count == 0 or len(self.people) >= LIMIT


EMPTY = Cell()

Groups = tuple[tuple[str, ...], ...]
"""Names that are counted together, group by group."""


@dataclass(frozen=True)
class Counts:
    """What is to be published: cells by row and column; a cell that is not there is empty.

    Attributes:
        rows: names of the rows, in order.
        columns: names of the columns, in order; the columns divide what is counted.
        cells: by row and column.
        ordered: whether only neighbouring rows may be counted together (months).
        kept: columns that stand alone if any way allows it, whatever else is counted together.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[tuple[str, str], Cell]
    ordered: bool = False
    kept: Collection[str] = ()

    def sum(self, rows: Collection[str], columns: Collection[str]) -> Cell:
        """All cells of some rows and columns together."""
        return reduce(add, (self.cells.get((row, column), EMPTY) for row in rows for column in columns), EMPTY)


@dataclass(frozen=True)
class Published:
    """A table that may be shown.

    Attributes:
        rows, columns: what is counted together; a group of one is a row or column of its own. No rows, when all
            together is about too few people.
        counts: one number for each group of rows and group of columns.
    """

    rows: Groups
    columns: Groups
    counts: tuple[tuple[int, ...], ...]


def publish(counts: Counts) -> Published:
    """The finest table that may be shown.

    Columns are counted together rarest first. Of all the ways, one in which the kept columns stand alone is taken, and
    of these the one that tells most: rows, which are what is asked by, weigh twice as much as columns.
    """

    def finer(way: Published) -> tuple[int, int]:
        alone = sum((column,) in way.columns for column in counts.kept) if way.rows else 0
        return alone, len(way.rows) ** 2 * len(way.columns)

    return max((_by_rows(counts, columns) for columns in _column_groups(counts)), key=finer)


def _column_groups(counts: Counts) -> list[Groups]:
    """All ways to count columns together, each coarser than the one before: one group grows, rarest columns first."""
    totals = {column: counts.sum(counts.rows, [column]) for column in counts.columns}
    occurring = [column for column in counts.columns if totals[column].count]
    rarest_first = sorted(occurring, key=lambda column: (column in counts.kept, totals[column].count))
    ways: list[Groups] = [tuple((column,) for column in counts.columns)]
    for size in range(2, len(rarest_first) + 1):
        together = {*rarest_first[:size]}
        alone: Groups = tuple((column,) for column in counts.columns if column not in together)
        ways.append((*alone, tuple(column for column in counts.columns if column in together)))
    return ways


def _by_rows(counts: Counts, columns: Groups) -> Published:
    if not _safe(counts, counts.rows, columns):
        return Published((), columns, ())
    rows = _neighbours(counts, columns) if counts.ordered else _with_the_rest(counts, columns)
    numbers = tuple(tuple(counts.sum(row, column).count for column in columns) for row in rows)
    return Published(rows, columns, numbers)


def _safe(counts: Counts, rows: Sequence[str], columns: Groups) -> bool:
    return all(counts.sum(rows, column).safe for column in columns)


def _neighbours(counts: Counts, columns: Groups) -> Groups:
    """The most groups of neighbouring rows that are all safe: the best cuts before each row, then back from the end."""
    best: dict[int, tuple[int, ...]] = {0: (0,)}
    starts = _safe_starts(counts, columns)
    for end in range(1, len(counts.rows) + 1):
        cuts = [best[start] for start in starts[end] if start in best]
        if cuts:
            best[end] = (*max(cuts, key=len), end)
    return tuple(tuple(counts.rows[start:end]) for start, end in pairwise(best[len(counts.rows)]))


def _safe_starts(counts: Counts, columns: Groups) -> dict[int, list[int]]:
    """For each end, where safe groups of rows that end before it can start."""
    found: dict[int, list[int]] = {end: [] for end in range(len(counts.rows) + 1)}
    rows = [[counts.sum([row], column) for column in columns] for row in counts.rows]
    for start in range(len(rows)):
        together = [EMPTY] * len(columns)
        for end in range(start, len(rows)):
            together = [one + more for one, more in zip(together, rows[end], strict=True)]
            if all(cell.safe for cell in together):
                found[end + 1].append(start)
    return found


def _with_the_rest(counts: Counts, columns: Groups) -> Groups:
    """Rows that are safe alone, and the rest together; the smallest others that help join it until it is safe too."""
    alone = sorted(
        (row for row in counts.rows if _safe(counts, [row], columns)),
        key=lambda row: counts.sum([row], counts.columns).count,
    )
    rest = [row for row in counts.rows if row not in alone]
    while not _safe(counts, rest, columns):
        helps = next((row for row in alone if _safe(counts, [*rest, row], columns)), alone[0])
        alone.remove(helps)
        rest.append(helps)
    shown: Groups = tuple((row,) for row in counts.rows if row not in rest)
    return (*shown, tuple(row for row in counts.rows if row in rest)) if rest else shown

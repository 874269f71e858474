"""Pairs that passed the same conditions, and what families ask of them, computed once for all families that ask.

Everything comes as *planes*: rows of one number a moment, window after window of class after class. A class is one of
the kinds of events that the catalogue tells apart by one text column; a window holds the events of all shorter ones.
So one pass over the pairs answers all levels and all windows of all families that look at these pairs by that column.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from features.events import Bools, Floats, Ints
from features.plan import Selection, Wanted
from features.seen import Places, Seen

MANY = 64
"""Moments from which adding window to window beats accumulating."""
Weight = Literal["1", "x", "y", "xy", "xx"]
"""What is summed: 1, the age in days (x), the measured value (y), or products of them."""


class Pairs:
    """The pairs of a selection, in order of moment, time and event id.

    Attributes:
        rows: number of moments.
        row: the moment of each pair.
        age: whole days between moment and event.
        value: the measured value; empty when nothing is measured.
    """

    def __init__(self, seen: Seen, selection: Selection) -> None:
        value = seen.number(selection.measure) if selection.measure else None
        at = _kept(seen, selection.where, value)
        self.rows, self.row, self.age = seen.rows, seen.row[at], seen.age[at]
        self.value = np.empty(0) if value is None else value[at]
        self._seen, self._at = seen, at
        self._windows = int(seen.source.ladder[-1]) + 1
        self._sums: dict[tuple[str | None, Weight], Floats] = {}
        self._latest: dict[tuple[str | None, str], Floats] = {}
        self._slots: dict[str | None, Ints] = {}
        self._orders: dict[str | None, tuple[Ints, int, int]] = {}

    def sums(self, split: str | None, weight: Weight) -> Floats:
        """The sum of the weight in every class and window."""
        if (split, weight) not in self._sums:
            self._sums[split, weight] = self._added(split, self._slot(split), self._weight(weight))
        return self._sums[split, weight]

    def extremes(self, split: str | None, pick: np.ufunc) -> Floats:
        """The highest (`np.maximum`) or lowest (`np.minimum`) value in every class and window; NaN for none."""
        none = -np.inf if pick is np.maximum else np.inf
        found = np.full(self._planes(split) * self.rows, none)
        pick.at(found, self._slot(split), self.value)
        planes = self._widened(pick, found)
        planes[np.isinf(planes)] = np.nan
        return planes

    def latest(self, split: str | None, of: Literal["age", "value"]) -> Floats:
        """Age or value of the latest event of every class; NaN for none. One plane a class."""
        if (split, of) not in self._latest:
            self._latest[split, of] = self._last_written(split, self.age if of == "age" else self.value)
        return self._latest[split, of]

    def earliest(self, split: str | None) -> Floats:
        """Age of the first event of every class; NaN for none. One plane a class."""
        return self._last_written(split, self.age, slice(None, None, -1))

    def values_on_days(self, split: str | None, days: Literal[1, 2]) -> Floats:
        """How many different values every class has on at least one day or two, in every window."""
        packed, bits, width = self._ordered(split)
        packed = packed[_starts(packed)]
        key = packed >> bits
        # The entries of a key come by age: its first is its nearest day, its second the day before that.
        chosen = _starts(key)
        if days == 2:
            chosen[1:], chosen[:1] = chosen[:-1] & ~chosen[1:], False
        cell, window = key[chosen] // width, self._window(packed[chosen] & ((1 << bits) - 1))
        slot = (cell // self.rows * self._windows + window) * self.rows + cell % self.rows
        return self._added(split, slot, None)

    def most_common(self, split: str | None) -> Floats:
        """How many events have the value that most have, in every class and window."""
        packed, bits, width = self._ordered(split)
        key, window = packed >> bits, self._window(packed & ((1 << bits) - 1))
        first = _starts(key)
        slot = (np.cumsum(first) - 1) * self._windows + window
        counts = np.bincount(slot, minlength=np.count_nonzero(first) * self._windows).reshape(-1, self._windows)
        cell = key[first] // width
        start = np.flatnonzero(_starts(cell))
        found = np.zeros((self._planes(split) // self._windows * self.rows, self._windows))
        if len(start):
            found[cell[start]] = np.maximum.reduceat(counts.cumsum(axis=1), start)
        return found.reshape(-1, self.rows, self._windows).swapaxes(1, 2).reshape(-1, self.rows)

    def _ordered(self, split: str | None) -> tuple[Ints, int, int]:
        """Class, moment, value and age of every pair as one number, ascending; the bits of the age; values a cell."""
        if split not in self._orders:
            value = self.value.astype(np.int64)
            width, bits = int(value.max(initial=0)) + 1, int(self.age.max(initial=0)).bit_length()
            packed = ((self._cell(split) * width + value) << bits) + self.age
            packed.sort()
            self._orders[split] = packed, bits, width
        return self._orders[split]

    def _added(self, split: str | None, slot: Ints, weight: Floats | Ints | None) -> Floats:
        found = np.bincount(slot, weight, self._planes(split) * self.rows)
        return self._widened(np.add, found.astype(np.float64, copy=False))

    def _widened(self, merge: np.ufunc, found: Floats) -> Floats:
        """Planes of windows that hold the shorter ones, from what lies between one window and the next."""
        planes = found.reshape(-1, self._windows, self.rows)
        if self.rows < MANY:
            merge.accumulate(planes, axis=1, out=planes)
        else:  # numpy accumulates many rows thirty times as slowly as it adds them
            for window in range(1, self._windows):
                merge(planes[:, window], planes[:, window - 1], out=planes[:, window])
        return found.reshape(-1, self.rows)

    def _planes(self, split: str | None) -> int:
        return self._windows * (self._seen.source.vocabularies[split].size if split else 1)

    def _window(self, age: Ints) -> Ints:
        """The shortest window that holds events of an age."""
        ladder = self._seen.source.ladder
        return ladder[np.minimum(age, len(ladder) - 1)]

    def _slot(self, split: str | None) -> Ints:
        """Class, window and moment of every pair as one number."""
        if split not in self._slots:
            if split is None:
                found = self._window(self.age) * self.rows + self.row if self._windows > 1 else self.row
            else:
                found = self._classes(split) * (self._windows * self.rows) + self._slot(None)
            self._slots[split] = found
        return self._slots[split]

    def _cell(self, split: str | None) -> Ints:
        """Class and moment of every pair as one number."""
        return self._classes(split) * self.rows + self.row if split else self.row

    def _classes(self, split: str) -> Ints:
        return self._seen.source.classes[split][self._seen.event][self._at]

    def _weight(self, weight: Weight) -> Floats | Ints | None:
        match weight:
            case "1":
                return None
            case "x":
                return self.age
            case "y":
                return self.value
            case "xy":
                return self.age * self.value
            case "xx":
                return self.age * self.age

    def _last_written(self, split: str | None, numbers: Floats | Ints, order: slice = slice(None)) -> Floats:
        """Of every cell the number of its last pair in this order: an assignment keeps the last of equal places."""
        found = np.full(self._planes(split) // self._windows * self.rows, np.nan)
        found[self._cell(split)[order]] = numbers[order]
        return found.reshape(-1, self.rows)


def _kept(seen: Seen, where: tuple[Wanted, ...], value: Floats | None) -> Places:
    """The positions of the pairs that pass all conditions and have a value."""
    mask = None if value is None else value == value  # noqa: PLR0124 - false for NaN, and half the work of isnan
    for wanted in where:
        passes = _passes(seen, wanted)
        mask = passes if mask is None else mask & passes
    return slice(None) if mask is None or mask.all() else mask.nonzero()[0]


def _passes(seen: Seen, wanted: Wanted) -> Bools:
    """Whether each pair's class or number is one of a few; `np.isin` sorts, which is more work."""
    found = seen.source.classes[wanted.column][seen.event] if wanted.classes else seen.number(wanted.column)
    passes = found == wanted.numbers[0]
    for other in wanted.numbers[1:]:
        passes |= found == other
    return np.asarray(passes)


def _starts(ordered: Ints) -> Bools:
    """Where a new number starts among ordered ones."""
    found = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=found[1:])
    return found

"""What each moment sees of one source: pairs of a moment and an event, and the columns that depend on the moment.

A column that looks back (the gap since the previous visit, care done again on the same tooth, a recall that was
kept) is computed among the events that the same moment sees, so that an event recorded later cannot show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from features.events import Bools, Floats, Ints, Source
from features.families import EPISODE_GAP, RECALL_GRACE, RETREATMENT_DAYS


@dataclass(frozen=True)
class Seen:
    """Pairs of a moment (`row`) and an event it sees (`event`), sorted by both; `age` is whole days between them."""

    rows: int
    source: Source
    row: Ints
    event: Ints
    age: Ints

    @classmethod
    def of(cls, source: Source, rows: Ints, as_of: Ints, day: Ints) -> Self:
        """Pair moments with the events that they see.

        Args:
            source: the events.
            rows: position of each moment's patient.
            as_of: microseconds since 1970 in UTC of each moment.
            day: Helsinki day of each moment.
        """
        first, length = source.start[rows], source.start[rows + 1] - source.start[rows]
        row = np.repeat(np.arange(len(rows)), length)
        event = np.arange(len(row)) - np.repeat(np.cumsum(length) - length - first, length)
        known = (source.time[event] < as_of[row]) & (source.recorded[event] < as_of[row])
        row, event = row[known], event[known]
        return cls(len(rows), source, row, event, day[row] - source.day[event])

    @property
    def nothing(self) -> Bools:
        """For every moment, whether it sees no event at all."""
        return np.asarray(np.bincount(self.row, minlength=self.rows) == 0)

    def number(self, column: str) -> Floats:
        """A number column of the pairs' events; NaN for missing."""
        if column in DERIVED:
            return np.asarray(getattr(self, column), np.float64)
        return self.source.numbers[column][self.event]

    def value(self, column: str) -> Floats:
        """A number column, or the positions of a text column's values (-1 for missing)."""
        if column in self.source.words:
            return self.source.words[column].codes[self.event].astype(np.float64)
        return self.number(column)

    def has(self, column: str) -> Bools:
        """For every pair, whether its event has a value in the column."""
        if column in self.source.words:
            return self.source.words[column].codes[self.event] >= 0
        return ~np.isnan(self.number(column))

    def level(self, column: str, levels: Sequence[str]) -> Ints:
        """For every pair, the position of its value in `levels`, or -1."""
        words = self.source.words[column]
        place = {level: at for at, level in enumerate(levels)}
        lookup = np.array([*(place.get(value, -1) for value in words.values), -1], np.int64)
        return lookup[words.codes[self.event]]

    def among(self, column: str, allowed: tuple[str | int, ...]) -> Bools:
        """For every pair, whether its value is one of `allowed`; a text ending with `*` is the beginning of one."""
        if column not in self.source.words:
            return np.isin(self.number(column), allowed)
        words = self.source.words[column]
        exact = {str(value) for value in allowed}
        beginnings = tuple(text[:-1] for text in exact if text.endswith("*"))
        wanted = [value in exact or value.startswith(beginnings) for value in words.values]
        return np.array([*wanted, False])[words.codes[self.event]]

    @cached_property
    def gap(self) -> Floats:
        """Whole days since the previous event that the same moment sees; NaN for the first."""
        gap = np.full(len(self.row), np.nan)
        same = self.row[1:] == self.row[:-1]
        gap[1:][same] = (self.age[:-1] - self.age[1:])[same]
        return gap

    @cached_property
    def starts_episode(self) -> Floats:
        """1 where the gap is missing or above `EPISODE_GAP` days, else 0."""
        return (np.isnan(self.gap) | (self.gap > EPISODE_GAP)).astype(np.float64)

    @cached_property
    def retreated(self) -> Floats:
        """1 where the same tooth had care of the same group on an earlier day not too long ago; NaN without a tooth."""
        tooth, group = self.number("tooth"), self.source.words["group"]
        at = np.flatnonzero(~np.isnan(tooth))
        key = (self.row[at] * 100 + tooth[at].astype(np.int64)) * len(group.values) + group.codes[self.event[at]]
        order = np.argsort(key, kind="stable")
        days_before = _since_earlier_day(key[order], self.age[at[order]])
        found = np.full(len(self.row), np.nan)
        found[at[order]] = days_before <= RETREATMENT_DAYS
        return found

    @cached_property
    def _recalls(self) -> Recalls:
        return Recalls.of(self)

    @property
    def recall_kept(self) -> Floats:
        """1 or 0 on the first examination of a day that answers a recall: in time or late; NaN elsewhere."""
        return self._recalls.kept

    @property
    def overdue(self) -> Floats:
        """On a recall that no examination has answered: whole days past the recommended day, at least 0."""
        return self._recalls.overdue


DERIVED = ("gap", "starts_episode", "retreated", "recall_kept", "overdue")
"""Columns that depend on the moment, each an attribute of `Seen`."""


def _since_earlier_day(key: Ints, age: Ints) -> Floats:
    """For entries sorted by key, then time: whole days since the latest entry of the key on an earlier day, or NaN."""
    first = np.ones(len(key), np.bool_)
    first[1:] = key[1:] != key[:-1]
    new_day = first.copy()
    new_day[1:] |= age[1:] != age[:-1]
    days_before = np.full(len(key), np.nan)
    later = np.flatnonzero(new_day & ~first)
    days_before[later] = age[later - 1] - age[later]
    return days_before[_latest(new_day)] if len(key) else days_before


def _latest(flags: Bools) -> Ints:
    """For every position, the latest position at or before it that has the flag; -1 before the first."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags)), -1))


@dataclass(frozen=True)
class Recalls:
    """Recalls and the examinations that answer them, one value a pair (see `features.families.DERIVED`)."""

    kept: Floats
    overdue: Floats

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """Match every recall with the first examination on a later day that the same moment sees."""
        group = seen.source.words["group"]
        days = seen.number("recall")
        recall = ~np.isnan(days)
        at = np.flatnonzero(recall | (group.codes[seen.event] == group.values.index("examination")))
        # Within a day examinations come first: a recall is given when the day's care is over.
        at = at[np.lexsort((recall[at], -seen.age[at], seen.row[at]))]
        kept, overdue = np.full(len(seen.row), np.nan), np.full(len(seen.row), np.nan)
        if len(at):
            kept[at], overdue[at] = _matched(seen.row[at], seen.age[at], days[at])
        return cls(kept, overdue)


def _matched(row: Ints, age: Ints, days: Floats) -> tuple[Floats, Floats]:
    """`recall_kept` and `overdue` of recalls (with days) and examinations, sorted by row and day, recalls last."""
    recall, place = ~np.isnan(days), np.arange(len(row))
    start = np.searchsorted(row, row)
    first_of_day = ~recall
    first_of_day[1:] &= (row[1:] != row[:-1]) | (age[1:] != age[:-1])
    before = place - 1
    latest_recall = np.where(place > start, _latest(recall)[before], -1)
    latest_examination = np.where(place > start, _latest(~recall)[before], -1)
    answers = first_of_day & (latest_recall >= start) & (latest_recall > latest_examination)
    late = age[latest_recall] - age - days[latest_recall]
    kept = np.where(answers, late <= RECALL_GRACE, np.nan)
    end = np.searchsorted(row, row, side="right") - 1
    open_still = recall & (_latest(~recall)[end] < place)
    return kept, np.where(open_still, np.maximum(age - days, 0), np.nan)

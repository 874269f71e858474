"""What each moment sees of one source: pairs of a moment and an event, and the columns that depend on the moment.

A column that looks back (the gap since the previous visit, care done again on the same tooth, a recall that was
kept) is computed among the events that the same moment sees, so that an event recorded later cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from features.events import Bools, Floats, Ints, Source
from features.families import EPISODE_GAP, RECALL_GRACE, RETREATMENT_DAYS
from records.codes import NEED_GROUPS

Places = Ints | slice
"""Positions of events or pairs; a slice where they lie side by side, which needs no copying."""


@dataclass(frozen=True)
class Asked:
    """The moments asked about.

    Attributes:
        patient: position of each moment's patient.
        as_of: microseconds since 1970 in UTC.
        day: Helsinki day.
    """

    patient: Ints
    as_of: Ints
    day: Ints


@dataclass(frozen=True)
class Seen:
    """Pairs of a moment (`row`) and an event it sees (`event`), sorted by both; `age` is whole days between them."""

    rows: int
    source: Source
    row: Ints
    event: Places
    age: Ints

    @classmethod
    def of(cls, source: Source, asked: Asked) -> Self:
        """Pair moments with the events that they see."""
        first = source.start[asked.patient]
        length = source.start[asked.patient + 1] - first
        row, event = np.arange(len(first)).repeat(length), _side_by_side(first, length)
        seen = source.known[event] < asked.as_of[row]
        if not seen.all():
            kept = seen.nonzero()[0]
            row, event = row[kept], kept + event.start if isinstance(event, slice) else event[kept]
        return cls(len(first), source, row, event, asked.day[row] - source.day[event])

    @cached_property
    def nothing(self) -> Bools:
        """For every moment, whether it sees no event at all."""
        return np.asarray(np.bincount(self.row, minlength=self.rows) == 0)

    def number(self, column: str) -> Floats:
        """A number of the pairs' events; NaN for missing."""
        if column in self.source.numbers:
            return self.source.numbers[column][self.event]
        return np.asarray(getattr(self, column), np.float64)

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
        tooth, group = self.number("tooth"), self.number("group")
        at = (~np.isnan(tooth)).nonzero()[0]
        kind = tooth[at] * len(NEED_GROUPS.groups) + group[at]
        key = self.row[at] * (100 * len(NEED_GROUPS.groups)) + kind.astype(np.int64)
        order = _stable_order(key)
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


def _stable_order(key: Ints) -> Ints:
    """What sorts whole numbers and keeps equal ones in order: six times as fast as a stable `argsort`."""
    bits = len(key).bit_length()
    return np.asarray(np.sort((key << bits) + np.arange(len(key))) & ((1 << bits) - 1))


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
        days = seen.number("recall")
        recall = ~np.isnan(days)
        kept, overdue = np.full(len(seen.row), np.nan), np.full(len(seen.row), np.nan)
        if recall.any():
            examination = seen.number("group") == NEED_GROUPS.groups.index("examination")
            at = (recall | examination).nonzero()[0]
            # Within a day examinations come first: a recall is given when the day's care is over.
            day = (seen.row[at] << DAY_BITS) - seen.age[at]
            at = at[_stable_order((day << 1) + recall[at])]
            kept[at], overdue[at] = _matched(seen.row[at], seen.age[at], days[at])
        return cls(kept, overdue)


DAY_BITS = 17
"""Bits for the days of two centuries and more."""


def _matched(row: Ints, age: Ints, days: Floats) -> tuple[Floats, Floats]:
    """`recall_kept` and `overdue` of recalls (with days) and examinations, sorted by row and day, recalls last."""
    recall, place = ~np.isnan(days), np.arange(len(row))
    new_row = np.ones(len(row), np.bool_)
    new_row[1:] = row[1:] != row[:-1]
    run = np.cumsum(new_row) - 1
    start = np.flatnonzero(new_row)[run]
    first_of_day = ~recall
    first_of_day[1:] &= new_row[1:] | (age[1:] != age[:-1])
    before = place - 1
    latest_recall = np.where(place > start, _latest(recall)[before], -1)
    latest_examination = np.where(place > start, _latest(~recall)[before], -1)
    answers = first_of_day & (latest_recall >= start) & (latest_recall > latest_examination)
    late = age[latest_recall] - age - days[latest_recall]
    kept = np.where(answers, late <= RECALL_GRACE, np.nan)
    last_examination = np.full(run[-1] + 1, -1)
    last_examination[run[~recall]] = place[~recall]
    open_still = recall & (last_examination[run] < place)
    return kept, np.where(open_still, np.maximum(age - days, 0), np.nan)


def _side_by_side(first: Ints, length: Ints) -> Places:
    """The positions from each `first` on, `length` of them, one after another."""
    if len(first) and np.array_equal(first[1:], first[:-1] + length[:-1]):
        return slice(int(first[0]), int(first[-1] + length[-1]))
    return np.asarray(np.arange(int(length.sum())) + np.repeat(first - (np.cumsum(length) - length), length))

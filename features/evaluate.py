"""The evaluator: what was known about patients at given moments, as one number a feature.

A moment *t* is an instant. It sees an event when `event_time < t` and `recorded_at < t`. A window of *n* days holds
the seen events whose Helsinki day is at most *n* days before the day of *t*; an event of the same day, before *t*,
is 0 days old. Gaps between visits are taken between seen visits, so that a visit recorded later cannot show.

The same function serves one patient and a million: no step loops over patients, and a patient's numbers do not
depend on who else is in the batch. Sums are of whole numbers and every ratio is one division at the end, so that
every way of computing gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.catalogue import Catalogue
from features.events import Bools, Events, Floats, Ints, Source, prepare
from features.families import EPISODE_GAP, WINDOWS, Aggregate, Family
from records.clock import days, microseconds
from records.history import History
from records.schema import INSTANT


@dataclass(frozen=True)
class Moments:
    """The moments to evaluate: row *i* asks about `patient_ids[i]` as of `as_of[i]` (UTC instants)."""

    patient_ids: pa.Array
    as_of: pa.Array

    @classmethod
    def of(cls, patient_ids: Sequence[str], as_of: Sequence[datetime]) -> Moments:
        """From plain sequences of equal length; the datetimes are aware."""
        return cls(pa.array(patient_ids, pa.string()), pa.array(as_of, INSTANT))


@dataclass(frozen=True)
class Matrix:
    """Feature values: `values` is float64 of shape (moments, features), NaN where missing."""

    names: tuple[str, ...]
    values: Floats


def evaluate(catalogue: Catalogue, history: History | Events, moments: Moments) -> Matrix:
    """Compute every feature of the catalogue at every moment.

    Raises:
        ValueError: a moment asks about a patient that the history does not hold.
    """
    events = prepare(catalogue, history) if isinstance(history, History) else history
    owner = pc.index_in(moments.patient_ids, events.patient_ids)
    if owner.null_count:
        raise ValueError(
            f"{owner.null_count} of {len(owner)} moments ask about a patient that the history does not hold"
        )
    rows = owner.to_numpy().astype(np.int64)
    day = days(moments.as_of).astype(np.int64)
    seen = {name: _seen(source, rows, microseconds(moments.as_of), day) for name, source in events.sources.items()}
    values = np.empty((len(rows), len(catalogue)), np.float64)
    question = Question(events, seen, rows, day)
    first = 0
    for family in catalogue.families:
        block = question.answer(family)
        values[:, first : first + block.shape[1]] = block
        first += block.shape[1]
    return Matrix(catalogue.names, values)


@dataclass(frozen=True)
class Seen:
    """Pairs of a moment (`row`) and an event it sees (`event`), sorted by both; `age` is whole days between them."""

    rows: int
    source: Source
    row: Ints
    event: Ints
    age: Ints

    def gap(self) -> Floats:
        """Whole days since the previous event that the same moment sees; NaN for the first."""
        gap = np.full(len(self.row), np.nan)
        same = self.row[1:] == self.row[:-1]
        gap[1:][same] = (self.age[:-1] - self.age[1:])[same]
        return gap

    def number(self, column: str) -> Floats:
        """A number column of the pairs' events."""
        return self.gap() if column == "gap" else self.source.numbers[column][self.event]

    def level(self, column: str, levels: Sequence[str]) -> Ints:
        """For every pair, the position of its value in `levels`, or -1."""
        words = self.source.words[column]
        place = {level: at for at, level in enumerate(levels)}
        lookup = np.array([*(place.get(value, -1) for value in words.values), -1], np.int64)
        return lookup[words.codes[self.event]]

    def among(self, column: str, allowed: tuple[str | int, ...]) -> Bools:
        """For every pair, whether its value is one of `allowed`."""
        if column == "starts_episode":
            gap = self.gap()
            return np.isin(np.isnan(gap) | (gap > EPISODE_GAP), [bool(value) for value in allowed])
        if column in self.source.words:
            return self.level(column, [str(value) for value in allowed]) >= 0
        return np.isin(self.source.numbers[column][self.event], allowed)


def _seen(source: Source, rows: Ints, as_of: Ints, day: Ints) -> Seen:
    first, length = source.start[rows], source.start[rows + 1] - source.start[rows]
    row = np.repeat(np.arange(len(rows)), length)
    event = np.arange(len(row)) - np.repeat(np.cumsum(length) - length - first, length)
    known = (source.time[event] < as_of[row]) & (source.recorded[event] < as_of[row])
    row, event = row[known], event[known]
    return Seen(len(rows), source, row, event, day[row] - source.day[event])


@dataclass(frozen=True)
class Question:
    """Everything a family is answered from: the events, what each moment sees of them, and families answered before.

    Attributes:
        events: the prepared history.
        seen: by source, the pairs of a moment and an event it sees.
        rows: position of each moment's patient.
        day: Helsinki day of each moment.
        answered: columns of the families answered so far, which shares are made of.
    """

    events: Events
    seen: Mapping[str, Seen]
    rows: Ints
    day: Ints
    answered: dict[str, Floats] = field(default_factory=dict)

    def answer(self, family: Family) -> Floats:
        """The family's columns, shape (moments, levels x windows)."""
        if family.aggregate == "age":
            found = _age(self.events.birth_date[self.rows], self.day)[:, None]
        elif family.aggregate == "attribute":
            found = self.events.attributes[family.measure or ""][self.rows][:, None]
        elif family.of is not None:
            found = _ratio(*(self.answered[name] for name in family.of))
        else:
            found = Cells.of(family, self.seen[family.source]).aggregate(family)
        self.answered[family.name] = found
        return found


@dataclass(frozen=True)
class Cells:
    """Pairs of one family after its filter: a cell is a moment at one level of `by`."""

    seen: Seen
    pairs: Ints
    cell: Ints
    levels: int

    @classmethod
    def of(cls, family: Family, seen: Seen) -> Cells:
        """Keep the pairs that pass the family's filter, belong to a level and have a value to measure."""
        kept = np.ones(len(seen.row), np.bool_)
        for column, allowed in family.where:
            kept &= seen.among(column, allowed)
        levels = tuple(family.levels or ())
        level = seen.level(family.by, levels) if family.by else np.zeros(len(seen.row), np.int64)
        kept &= level >= 0
        if family.measure and family.aggregate != "distinct":
            kept &= ~np.isnan(seen.number(family.measure))
        pairs = np.flatnonzero(kept)
        width = max(len(levels), 1)
        return cls(seen, pairs, seen.row[pairs] * width + level[pairs], width)

    def aggregate(self, family: Family) -> Floats:
        """The family's columns, levels before windows."""
        windows = [WINDOWS[window] for window in family.windows]
        return np.stack([self._window(family, window) for window in windows], axis=1).reshape(self.seen.rows, -1)

    def _window(self, family: Family, window: int | None) -> Floats:
        """One value a cell."""
        age = self.seen.age[self.pairs]
        inside = slice(None) if window is None else np.flatnonzero(age <= window)
        pairs = self.pairs[inside]
        if family.aggregate == "distinct":
            value = self.seen.source.words[family.measure or ""].codes[self.seen.event[pairs]].astype(np.float64)
        else:
            value = self.seen.number(family.measure)[pairs] if family.measure else np.empty(0)
        inputs = Inputs(self.cell[inside], age[inside], value, self.seen.rows * self.levels)
        return AGGREGATES[family.aggregate](inputs)


@dataclass(frozen=True)
class Inputs:
    """Pairs of one window in time order: cell, age in days and measured value of each; and how many cells there are.

    `value` is empty for aggregates that measure nothing.
    """

    cell: Ints
    age: Ints
    value: Floats
    cells: int

    def sums(self, weight: Floats | None = None) -> Floats:
        """The sum of the weights in every cell, or the number of pairs."""
        return np.bincount(self.cell, weight, self.cells).astype(np.float64)


def _since(pairs: Inputs) -> Floats:
    return _latest(pairs.cell, pairs.age, pairs.cells)


def _oldest(pairs: Inputs) -> Floats:
    return _latest(pairs.cell[::-1], pairs.age[::-1], pairs.cells)


def _last(pairs: Inputs) -> Floats:
    return _latest(pairs.cell, pairs.value, pairs.cells)


def _latest(cell: Ints, value: Ints | Floats, cells: int) -> Floats:
    """The value of each cell's last pair; pairs come in time order."""
    found = np.full(cells, np.nan)
    found[cell] = value
    return found


def _highest(pairs: Inputs) -> Floats:
    found = np.full(pairs.cells, -np.inf)
    np.maximum.at(found, pairs.cell, pairs.value)
    return np.where(np.isneginf(found), np.nan, found)


def _distinct(pairs: Inputs) -> Floats:
    known = pairs.value >= 0
    code = pairs.value[known].astype(np.int64)
    width = int(code.max(initial=0)) + 1
    different = np.unique(pairs.cell[known] * width + code)
    return np.bincount(different // width, minlength=pairs.cells).astype(np.float64)


def _mean(pairs: Inputs) -> Floats:
    return _ratio(pairs.sums(pairs.value), pairs.sums())


def _slope(pairs: Inputs) -> Floats:
    """365 (Sx Sy - n Sxy) / (n Sxx - Sx Sx) with x the age in days: sums are whole numbers, one division."""
    x, y = pairs.age.astype(np.float64), pairs.value
    n, sx, sy, sxy, sxx = (pairs.sums(weight) for weight in (None, x, y, x * y, x * x))
    return _ratio(365.0 * (sx * sy - n * sxy), n * sxx - sx * sx)


AGGREGATES: Mapping[Aggregate, Callable[[Inputs], Floats]] = {
    "count": lambda pairs: pairs.sums(),
    "total": lambda pairs: pairs.sums(pairs.value),
    "distinct": _distinct,
    "since": _since,
    "oldest": _oldest,
    "last": _last,
    "highest": _highest,
    "mean": _mean,
    "slope": _slope,
}
"""How the pairs of every cell become one value; `share`, `age` and `attribute` read no pairs."""


def _ratio(top: Floats | Ints, bottom: Floats | Ints) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom == 0, np.nan, top / bottom)


def _age(birth_date: np.ndarray, day: Ints) -> Floats:
    """Whole years, missing without a date of birth: the birthday of 29 February is 1 March in other years."""
    today = day.astype("datetime64[D]")
    years = today.astype("datetime64[Y]").astype(np.int64) - birth_date.astype("datetime64[Y]").astype(np.int64)
    full = (years - (_month_day(today) < _month_day(birth_date))).astype(np.float64)
    return np.where(np.isnat(birth_date), np.nan, full)


def _month_day(date: np.ndarray) -> Ints:
    month = date.astype("datetime64[M]")
    return np.asarray((month.astype(np.int64) % 12) * 31 + (date - month.astype("datetime64[D]")).astype(np.int64))

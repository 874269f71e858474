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
from features.events import Events, Floats, Ints, prepare
from features.families import WINDOWS, Aggregate, Family
from features.seen import Seen
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
    seen = {name: Seen.of(source, rows, microseconds(moments.as_of), day) for name, source in events.sources.items()}
    values = np.empty((len(rows), len(catalogue)), np.float64)
    question = Question(events, seen, rows, day)
    first = 0
    for family in catalogue.families:
        block = question.answer(family)
        values[:, first : first + block.shape[1]] = block
        first += block.shape[1]
    return Matrix(catalogue.names, values)


@dataclass(frozen=True)
class Question:
    """Everything a family is answered from: the events, what each moment sees of them, and families answered before.

    Attributes:
        events: the prepared history.
        seen: by source, the pairs of a moment and an event it sees.
        rows: position of each moment's patient.
        day: Helsinki day of each moment.
        answered: windows and columns of the families answered so far, which shares are made of.
    """

    events: Events
    seen: Mapping[str, Seen]
    rows: Ints
    day: Ints
    answered: dict[str, tuple[tuple[str, ...], Floats]] = field(default_factory=dict)

    def answer(self, family: Family) -> Floats:
        """The family's columns, shape (moments, levels x windows)."""
        if family.aggregate == "age":
            found = _age(self.events.birth_date[self.rows], self.day)[:, None]
        elif family.aggregate == "attribute":
            found = self.events.attributes[family.measure or ""][self.rows][:, None]
        elif family.of is not None:
            top, bottom = (self._windows(name, family.windows) for name in family.of)
            found = _ratio(top, bottom)
        else:
            found = Cells.of(family, self.seen[family.source]).aggregate(family)
            if family.never == "missing":
                found[self.seen[family.source].nothing] = np.nan
        self.answered[family.name] = (family.windows, found)
        return found

    def _windows(self, name: str, windows: tuple[str, ...]) -> Floats:
        """The columns of a family answered before, in the windows asked for."""
        has, found = self.answered[name]
        return found[:, [has.index(window) for window in windows]]


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
        if family.measure:
            kept &= seen.has(family.measure)
        pairs = np.flatnonzero(kept)
        width = max(len(levels), 1)
        return cls(seen, pairs, seen.row[pairs] * width + level[pairs], width)

    def aggregate(self, family: Family) -> Floats:
        """The family's columns, levels before windows."""
        windows = [WINDOWS[window] for window in family.windows]
        columns = np.stack([self._window(family, window) for window in windows], axis=1)
        return columns.reshape(self.seen.rows, self.levels * len(windows))

    def _window(self, family: Family, window: int | None) -> Floats:
        """One value a cell."""
        age = self.seen.age[self.pairs]
        inside = slice(None) if window is None else np.flatnonzero(age <= window)
        pairs = self.pairs[inside]
        value = self.seen.value(family.measure)[pairs] if family.measure else np.empty(0)
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

    def keys(self) -> tuple[Ints, int]:
        """Cell and value of every pair as one whole number, `cell * width + value`; and the width."""
        value = self.value.astype(np.int64)
        width = int(value.max(initial=0)) + 1
        return self.cell * width + value, width

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


def _lowest(pairs: Inputs) -> Floats:
    return -_highest(Inputs(pairs.cell, pairs.age, -pairs.value, pairs.cells))


def _distinct(pairs: Inputs) -> Floats:
    key, width = pairs.keys()
    return np.bincount(np.unique(key) // width, minlength=pairs.cells).astype(np.float64)


def _repeated(pairs: Inputs) -> Floats:
    """A day is counted once; then every value that is left twice or more."""
    key, width = pairs.keys()
    span = int(pairs.age.max(initial=0)) + 1
    value, days_of = np.unique(np.unique(key * span + pairs.age) // span, return_counts=True)
    return np.bincount(value[days_of >= 2] // width, minlength=pairs.cells).astype(np.float64)


def _usual(pairs: Inputs) -> Floats:
    key, width = pairs.keys()
    value, events_of = np.unique(key, return_counts=True)
    most = np.zeros(pairs.cells)
    np.maximum.at(most, value // width, events_of)
    return _ratio(most, pairs.sums())


def _mean(pairs: Inputs) -> Floats:
    return _ratio(pairs.sums(pairs.value), pairs.sums())


def _slope(pairs: Inputs) -> Floats:
    """365 (Sx Sy - n Sxy) / (n Sxx - Sx Sx) with x the age in days: sums are whole numbers, one division."""
    x, y = pairs.age.astype(np.float64), pairs.value
    n, sx, sy, sxy, sxx = (pairs.sums(weight) for weight in (None, x, y, x * y, x * x))
    return _ratio(365.0 * (sx * sy - n * sxy), n * sxx - sx * sx)


AGGREGATES: Mapping[Aggregate, Callable[[Inputs], Floats]] = {
    "count": lambda pairs: pairs.sums(),
    "any": lambda pairs: (pairs.sums() > 0).astype(np.float64),
    "total": lambda pairs: pairs.sums(pairs.value),
    "distinct": _distinct,
    "repeated": _repeated,
    "usual": _usual,
    "since": _since,
    "oldest": _oldest,
    "last": _last,
    "highest": _highest,
    "lowest": _lowest,
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

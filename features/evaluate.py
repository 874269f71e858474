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
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.catalogue import Catalogue
from features.events import UNKNOWN, YEAR, Events, Floats, Ints, calendar, prepare
from features.families import Aggregate
from features.pairs import Pairs, Weight
from features.plan import Ask, Plan, plan_of
from features.seen import Asked, Seen
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
    """Feature values: `values` is float64 of shape (moments, features), NaN where missing; columns lie together."""

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
    rows, day = owner.to_numpy().astype(np.int64), days(moments.as_of).astype(np.int64)
    values = np.empty((len(catalogue), len(rows)), np.float64)
    if len(rows):
        with np.errstate(divide="ignore", invalid="ignore"):
            _answer(plan_of(catalogue), events, Asked(rows, microseconds(moments.as_of), day), values)
    return Matrix(catalogue.names, values.T)


def _answer(plan: Plan, events: Events, asked: Asked, values: Floats) -> None:
    """Fill in the values, shape (features, moments), family by family."""
    seen = {name: Seen.of(source, asked) for name, source in events.sources.items()}
    pairs = [Pairs(seen[selection.source], selection) for selection in plan.selections]
    for ask in plan.asks:
        out, family = values[ask.place], ask.family
        if family.aggregate == "age":
            out[0] = _age(events.birth[asked.patient], asked.day)
        elif family.aggregate == "attribute":
            out[0] = events.attributes[family.measure or ""][asked.patient]
        elif family.aggregate == "share":
            _divide(values[ask.top], values[ask.bottom], out)
        else:
            AGGREGATES[family.aggregate](pairs[ask.selection], ask, out)
        if family.never == "missing":
            out[:, seen[family.source].nothing] = np.nan


def _count(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.add, pairs.sums(ask.split, "1"), ask, out)


def _any(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _count(pairs, ask, out)
    np.greater(out, 0, out=out)


def _total(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.add, pairs.sums(ask.split, "y"), ask, out)


def _mean(pairs: Pairs, ask: Ask, out: Floats) -> None:
    count = np.empty_like(out)
    _count(pairs, ask, count)
    _total(pairs, ask, out)
    _divide(out, count, out)


def _slope(pairs: Pairs, ask: Ask, out: Floats) -> None:
    """365 (Sx Sy - n Sxy) / (n Sxx - Sx Sx) with x the age in days: sums are whole numbers, one division."""
    n, sx, sy, sxy, sxx = sums = [np.empty_like(out) for _ in range(5)]
    for weight, found in zip(get_args(Weight), sums, strict=True):
        _merge(np.add, pairs.sums(ask.split, weight), ask, found)
    _divide(365.0 * (sx * sy - n * sxy), n * sxx - sx * sx, out)


def _since(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.fmin, pairs.latest(ask.split, "age"), ask, out)


def _oldest(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.fmax, pairs.earliest(ask.split), ask, out)


def _last(pairs: Pairs, ask: Ask, out: Floats) -> None:
    """The latest value of all, where it is young enough for the window: any other in the window is older."""
    _merge(np.fmin, pairs.latest(ask.split, "value"), ask, out)
    if np.isfinite(ask.days).any():
        age = np.empty_like(out)
        _merge(np.fmin, pairs.latest(ask.split, "age"), ask, age)
        out[age > ask.days[:, None]] = np.nan


def _highest(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.fmax, pairs.extremes(ask.split, np.maximum), ask, out)


def _lowest(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.fmin, pairs.extremes(ask.split, np.minimum), ask, out)


def _distinct(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.add, pairs.values_on_days(ask.split, 1), ask, out)


def _repeated(pairs: Pairs, ask: Ask, out: Floats) -> None:
    _merge(np.add, pairs.values_on_days(ask.split, 2), ask, out)


def _usual(pairs: Pairs, ask: Ask, out: Floats) -> None:
    count = np.empty_like(out)
    _count(pairs, ask, count)
    _merge(np.fmax, pairs.most_common(ask.split), ask, out)
    _divide(out, count, out)


AGGREGATES: Mapping[Aggregate, Callable[[Pairs, Ask, Floats], None]] = {
    "count": _count,
    "any": _any,
    "total": _total,
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
"""How pairs become a family's columns; `share`, `age` and `attribute` read no pairs."""


def _merge(merge: np.ufunc, planes: Floats, ask: Ask, out: Floats) -> None:
    """Write the planes of the family's levels and windows; what is made of several classes is merged of theirs."""
    if len(ask.planes) == 1:
        planes.take(ask.planes[0], axis=0, out=out, mode="clip")
    else:
        merge.reduce(planes[ask.planes], axis=0, out=out)


def _divide(top: Floats, bottom: Floats, out: Floats) -> None:
    """One division; missing where there is nothing to divide by."""
    nothing = bottom == 0
    np.divide(top, bottom, out=out)
    out[nothing] = np.nan


def _age(birth: Ints, day: Ints) -> Floats:
    """Whole years, missing without a date of birth: the birthday of 29 February is 1 March in other years."""
    return np.where(birth == UNKNOWN, np.nan, (calendar(day.astype("datetime64[D]")) - birth) // YEAR)

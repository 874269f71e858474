"""What was served: assessments with the decisions and the needs that followed, as far as they are known by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from models.segments import SegmentTable
from records.clock import microsecond, microseconds
from records.history import History

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Words = NDArray[np.str_]
DAY = 86_400_000_000
"""Microseconds in 24 hours."""
EARLY_DAYS = 90
"""Visits in so many days after an assessment are an early sign of its need; the project's own convention."""
GROUPINGS = ("unit", "language", "model_version")


COLUMNS = (
    "patient_ids", "when", "features_version", "suggested", "at_least", "members", "decided", "truth", "early", "x",
)  # fmt: skip
"""Attributes of `Served` that are arrays with one entry an assessment."""


@dataclass(frozen=True)
class Served:
    """Assessments in the order of their patients, one entry each.

    Attributes:
        patient_ids: whose assessment it is.
        when: microseconds since 1970 in UTC.
        groups: for each of `GROUPINGS`, the value of every assessment; empty where none is recorded.
        features_version: version of the catalogue that each was made with.
        suggested: position of the suggested segment; -1 without history.
        at_least: predicted probability of each segment but the first, shape (n, thresholds); NaN without history.
        members: whether each segment is in the prediction set, shape (n, segments); all False where none was given.
        decided: position of the segment that the latest decision took; -1 without a decision.
        truth: position of the segment of the need that followed; -1 while it is not known, or when nobody came.
        early: visits in the first `EARLY_DAYS` days; NaN until these are over, or when the person left.
        x: features as of each assessment, shape (n, features).
        names: columns of `x`.
    """

    patient_ids: Words
    when: Ints
    groups: Mapping[str, Words]
    features_version: Words
    suggested: Ints
    at_least: Floats
    members: Bools
    decided: Ints
    truth: Ints
    early: Floats
    x: Floats
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.when)

    def take(self, rows: Bools) -> Served:
        """The assessments where `rows` is true."""
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        return Served(groups={name: values[rows] for name, values in self.groups.items()}, names=self.names, **columns)

    def between(self, first: int, last: int) -> Served:
        """The assessments made from `first` on and before `last`, microseconds since 1970 in UTC."""
        return self.take((self.when >= first) & (self.when < last))


def read(history: History, catalogue: Catalogue, segments: SegmentTable, until: datetime) -> Served:
    """The assessments of a history that is complete up to `until` (aware), with what became known of them by then."""
    rows = history["assessments"]
    rows = rows.filter(pc.less(rows["event_time"], until))
    when = microseconds(rows["event_time"])
    moments = Moments(rows["patient_id"].combine_chunks(), rows["event_time"].combine_chunks())
    matrix = evaluate(catalogue, history, moments)
    place = {name: at for at, name in enumerate(segments.names)}
    truth, early = _followed(history, moments.patient_ids, when, segments, microsecond(until))
    return Served(
        patient_ids=_words(rows["patient_id"]),
        when=when,
        groups={name: _words(rows[name]) for name in GROUPINGS},
        features_version=_words(rows["features_version"]),
        suggested=_places(rows["suggested"].to_pylist(), place),
        at_least=np.column_stack([_numbers(rows[f"at_least_{name}"]) for name in segments.names[1:]]),
        members=_members(rows["members"].to_pylist(), segments.names),
        decided=_decided(history, rows["event_id"].to_pylist(), place, until),
        truth=truth,
        early=early,
        x=matrix.values,
        names=matrix.names,
    )


def together(parts: Sequence[Served]) -> Served:
    """Parts of other patients as one."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    groups = {name: np.concatenate([part.groups[name] for part in parts]) for name in GROUPINGS}
    return Served(groups=groups, names=parts[0].names, **columns)


def _words(column: pa.ChunkedArray) -> Words:
    return np.asarray(pc.fill_null(column, "").to_numpy(), np.str_)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), np.float64)


def _places(names: Sequence[str | None], place: Mapping[str, int]) -> Ints:
    return np.array([-1 if name is None else place.get(name, -1) for name in names], np.int64)


def _members(sets: Sequence[str | None], names: tuple[str, ...]) -> Bools:
    held = [() if one is None else one.split("+") for one in sets]
    return np.array([[name in one for name in names] for one in held], np.bool_).reshape(len(held), len(names))


def _decided(history: History, ids: Sequence[str], place: Mapping[str, int], until: datetime) -> Ints:
    """The segment that the latest decision on each assessment took; a later decision supersedes."""
    rows = history["decisions"]
    rows = rows.filter(pc.and_(pc.less(rows["event_time"], until), pc.less(rows["recorded_at"], until)))
    latest = dict(zip(rows["assessment_id"].to_pylist(), rows["decided"].to_pylist(), strict=True))
    return _places([latest.get(name) for name in ids], place)


def _followed(
    history: History, patient_ids: pa.Array, when: Ints, segments: SegmentTable, until: int
) -> tuple[Ints, Floats]:
    """Segment of the need, and early visits, as far as known at `until`."""
    ids = history.patient_ids.combine_chunks()
    owner = pc.index_in(patient_ids, ids).to_numpy().astype(np.int64)
    left = pc.fill_null(history["patients"]["left_at"].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()[owner]
    visits = _visits(history, ids)
    horizon = when + segments.horizon_days * DAY
    early = when + EARLY_DAYS * DAY
    need = _between(visits, owner, when, horizon)
    known = (horizon <= until) & (left > horizon) & (need > 0)
    first = _between(visits, owner, when, early).astype(np.float64)
    truth = np.where(known, segments.of_visits(need), -1)
    return truth, np.where((early <= until) & (left > early), first, np.nan)


def _visits(history: History, ids: pa.Array) -> tuple[Ints, Ints]:
    """Patient and time of the visits that take an appointment, in that order."""
    rows = history["visits"]
    rows = rows.filter(pc.is_in(rows["mode"], pa.array(["office", "home"])))
    owner = pc.index_in(rows["patient_id"], ids).to_numpy().astype(np.int64)
    time = microseconds(rows["event_time"])
    order = np.lexsort((time, owner))
    return owner[order], time[order]


def _between(visits: tuple[Ints, Ints], owner: Ints, first: Ints, last: Ints) -> Ints:
    """How many visits each owner has from `first` on and before `last`."""
    of, time = visits
    low = int(min(time.min(initial=0), first.min(initial=0)))
    # Whole seconds keep owner and time together within 63 bits for millions of patients and centuries.
    span = (int(max(time.max(initial=0), last.max(initial=0))) - low) // 1_000_000 + 2
    key = of * span + (time - low) // 1_000_000
    ends = [np.searchsorted(key, owner * span + (moment - low) // 1_000_000) for moment in (first, last)]
    return np.asarray(ends[1] - ends[0], np.int64)

"""The cohort: the moments at which need is assessed, what each episode then took, and who was left out and why.

A moment is a booking contact that starts an episode. Its need is what the following `horizon_days` took: visits and
chair minutes, by profession. A visit at the very moment (somebody walks in) belongs to the need: features see what is
before a moment, needs count what is from it on. People who never came are no "light" patients: they are left out and
counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.evaluate import Moments
from records.clock import microseconds
from records.history import History
from records.schema import PROFESSIONS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DAY = 86_400_000_000
"""Microseconds in 24 hours."""


@dataclass(frozen=True)
class CohortDefinition:
    """Who is in the cohort.

    Attributes:
        services: a contact that asks for one of these is a booking contact.
        washout_days: a booking contact starts an episode if the patient had neither a visit nor an earlier booking
            contact in so many days before it.
        horizon_days: visits in so many days after the contact belong to its need.
        modes: visits held in one of these ways are care that takes an appointment.
    """

    services: tuple[str, ...] = ("examination", "treatment", "emergency")
    washout_days: int = 180
    horizon_days: int = 365
    modes: tuple[str, ...] = ("office", "home")


@dataclass(frozen=True)
class Cohort:
    """Moments with the need that followed.

    Attributes:
        moments: the episode-starting booking contacts.
        visits: visits of the episode by profession, shape (n, professions of the schema).
        minutes: chair minutes, the same shape; visits without known minutes count none.
        attrition: booking contacts left out, by reason, beside the number kept.
    """

    moments: Moments
    visits: Floats
    minutes: Floats
    attrition: Counter[str] = field(default_factory=Counter)


def build(history: History, definition: CohortDefinition, end: datetime) -> Cohort:
    """Find the cohort in a history that is complete up to `end` (aware).

    A contact is left out for the first reason that holds: it continues an episode, its horizon reaches beyond the
    end of the data, the patient died or moved within the horizon, nobody came, nothing was recorded before it.
    """
    contacts = history["contacts"]
    contacts = contacts.filter(pc.is_in(contacts["service"], pa.array(definition.services)))
    ids = history.patient_ids.combine_chunks()
    owner = _owner(contacts, ids)
    time = microseconds(contacts["event_time"])
    care = _Care.of(history, ids, definition.modes)
    after = time + definition.horizon_days * DAY
    visits, minutes = care.between(owner, time, after)
    reasons = {
        "continues an episode": _continues(owner, time, care, definition.washout_days * DAY),
        "horizon reaches beyond the data": after > int(end.astimezone(UTC).timestamp() * 1_000_000),
        "died or moved within the horizon": _left(history, owner, after),
        "nobody came": visits.sum(1) == 0,
        "nothing recorded before": ~_has_past(history, ids, owner, time),
    }
    out, attrition = np.zeros(len(time), np.bool_), Counter({"booking contacts": len(time)})
    for reason, mask in reasons.items():
        attrition[reason] = int((mask & ~out).sum())
        out |= mask
    attrition["kept"] = int((~out).sum())
    kept = pa.array(~out)
    moments = Moments(
        contacts["patient_id"].filter(kept).combine_chunks(), contacts["event_time"].filter(kept).combine_chunks()
    )
    return Cohort(moments, visits[~out], minutes[~out], attrition)


def _owner(rows: pa.Table, ids: pa.Array) -> Ints:
    return np.asarray(pc.index_in(rows["patient_id"], ids).to_numpy(), np.int64)


@dataclass(frozen=True)
class _Care:
    """Visits that count, sorted by patient and time, with running sums by profession."""

    owner: Ints
    time: Ints
    visits: Floats
    minutes: Floats

    @classmethod
    def of(cls, history: History, ids: pa.Array, modes: tuple[str, ...]) -> _Care:
        rows = history["visits"]
        rows = rows.filter(pc.is_in(rows["mode"], pa.array(modes)))
        profession = pc.index_in(rows["profession"], pa.array(PROFESSIONS)).to_numpy()
        one = np.zeros((rows.num_rows, len(PROFESSIONS)))
        one[np.arange(rows.num_rows), profession] = 1
        spent = pc.fill_null(rows["minutes"], 0).to_numpy().astype(np.float64)
        start = np.zeros((1, len(PROFESSIONS)))
        return cls(_owner(rows, ids), microseconds(rows["event_time"]),
                   np.vstack([start, one.cumsum(0)]), np.vstack([start, (one * spent[:, None]).cumsum(0)]))  # fmt: skip

    def between(self, owner: Ints, after: Ints, until: Ints) -> tuple[Floats, Floats]:
        """Visits and minutes from `after` on and before `until`, by profession."""
        first, last = self.place(owner, after), self.place(owner, until)
        return self.visits[last] - self.visits[first], self.minutes[last] - self.minutes[first]

    def place(self, owner: Ints, time: Ints) -> Ints:
        """How many visits sort before each (owner, time)."""
        return _rank(self.owner, self.time, owner, time)


def _rank(owner: Ints, time: Ints, of_owner: Ints, of_time: Ints) -> Ints:
    """Number of rows, sorted by owner and time, that stand before each (of_owner, of_time)."""
    low = min(time.min(initial=0), of_time.min(initial=0))
    # Whole seconds keep owner and time together within 63 bits for millions of patients and centuries.
    span = int(max(time.max(initial=0), of_time.max(initial=0)) - low) // 1_000_000 + 2
    key = owner * span + (time - low) // 1_000_000
    return np.asarray(np.searchsorted(key, of_owner * span + (of_time - low) // 1_000_000), np.int64)


def _continues(owner: Ints, time: Ints, care: _Care, washout: int) -> Bools:
    """Whether a visit or an earlier booking contact lies in the washout before each contact."""
    visited = care.place(owner, time) > care.place(owner, time - washout)
    earlier = np.zeros(len(time), np.bool_)
    earlier[1:] = (owner[1:] == owner[:-1]) & (time[1:] - time[:-1] <= washout)
    return visited | earlier


def _left(history: History, owner: Ints, after: Ints) -> Bools:
    never = np.iinfo(np.int64).max
    left = pc.fill_null(history["patients"]["left_at"].cast(pa.int64()), never).to_numpy()
    return np.asarray(left[owner] <= after)


def _has_past(history: History, ids: pa.Array, owner: Ints, time: Ints) -> Bools:
    """Whether any event was known before each contact."""
    known = np.zeros(len(owner), np.bool_)
    for name in history:
        rows = history[name]
        if name == "patients" or not rows.num_rows:
            continue
        known_at = np.maximum(microseconds(rows["event_time"]), microseconds(rows["recorded_at"]))
        first = np.full(len(ids), np.iinfo(np.int64).max)
        np.minimum.at(first, _owner(rows, ids), known_at)
        known |= first[owner] < time
    return known

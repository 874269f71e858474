"""The cohort: the moments at which need is assessed, what each episode then took, and who was left out and why.

A moment is a booking contact that starts an episode. Its need is what the following `horizon_days` took: visits and
chair minutes, by profession. A visit at the very moment (somebody walks in) belongs to the need: features see what is
before a moment, needs count what is from it on.

Whose need is not known is not dropped in silence. People who died or moved within the horizon (censored) and people
who never came are no "light" patients: they are left out of learning, kept with what was seen of them, and counted,
and `training.censoring` says how far they could move the figures. A moment whose horizon reaches beyond the data is no
censoring: the cohort simply ends one horizon before the data do.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.evaluate import Moments
from models.sites import rank
from records.clock import microsecond, microseconds
from records.history import History
from records.schema import PROFESSIONS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DAY = 86_400_000_000
"""Microseconds in 24 hours."""
DEFAULT = Path(__file__).parent / "cohort.toml"

OBSERVED, LEFT, ABSENT = "observed", "left", "absent"
FATES = (OBSERVED, LEFT, ABSENT)
"""What became of an eligible moment: its need was seen; the person died or moved within the horizon; nobody came."""


class CohortError(ValueError):
    """A definition of the cohort cannot mean anything."""


@dataclass(frozen=True)
class CohortDefinition:
    """Who is in the cohort.

    Attributes:
        services: a contact that asks for one of these is a booking contact.
        washout_days: a booking contact starts an episode if the patient had neither a visit nor an earlier booking
            contact in so many days before it.
        horizon_days: visits in so many days after the contact belong to its need.
        modes: visits held in one of these ways are care that takes an appointment.
        valid_from: first day on which the definition holds.
        source: where it comes from.
    """

    services: tuple[str, ...] = ("examination", "treatment", "emergency")
    washout_days: int = 180
    horizon_days: int = 365
    modes: tuple[str, ...] = ("office", "home")
    valid_from: date = date(2000, 1, 1)
    source: str = ""


def definition_on(day: date, horizon_days: int, path: Path = DEFAULT) -> CohortDefinition:
    """The dated definition that holds on a day.

    Raises:
        CohortError: the file cannot be read, or no definition holds that early.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["definition"]
        known = [
            CohortDefinition(tuple(one["services"]), one["washout_days"], horizon_days, tuple(one["modes"]),
                             one["from"], one["source"])
            for one in entries
        ]  # fmt: skip
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CohortError(f"{path.name} defines no cohort: {error}") from error
    holding = [definition for definition in known if definition.valid_from <= day]
    if not holding:
        raise CohortError(f"{path.name}: no definition of the cohort holds on {day.isoformat()}")
    return max(holding, key=lambda definition: definition.valid_from)


@dataclass(frozen=True)
class Cohort:
    """Moments with the need that followed.

    Attributes:
        moments: the episode-starting booking contacts.
        visits: visits of the episode by profession, shape (n, professions of the schema).
        minutes: chair minutes, the same shape; visits without known minutes count none.
        attrition: booking contacts left out, by reason, beside the number kept (the observed ones).
        first_minutes: chair minutes of the episode's first visit, NaN when not known, shape (n,).
        fate: one of `FATES` for each moment. Of a person who left, visits and minutes are those until then.
    """

    moments: Moments
    visits: Floats
    minutes: Floats
    attrition: Counter[str] = field(default_factory=Counter)
    first_minutes: Floats = field(default_factory=lambda: np.empty(0))
    fate: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, np.str_))

    def take(self, rows: Bools) -> Cohort:
        """The moments where `rows` is true."""
        kept = pa.array(rows)
        moments = Moments(self.moments.patient_ids.filter(kept), self.moments.as_of.filter(kept))
        return Cohort(moments, self.visits[rows], self.minutes[rows], self.attrition, self.first_minutes[rows],
                      self.fate[rows])  # fmt: skip


def build(history: History, definition: CohortDefinition, end: datetime) -> Cohort:
    """The moments whose need was seen, in a history that is complete up to `end` (aware)."""
    everyone = eligible(history, definition, end)
    return everyone.take(everyone.fate == OBSERVED)


def eligible(history: History, definition: CohortDefinition, end: datetime) -> Cohort:
    """All moments at which need would have been assessed, whatever became of them.

    A contact is left out for the first reason that holds: it continues an episode, its horizon reaches beyond the
    end of the data, nothing was recorded before it. Of the others some are not observed: the patient died or moved
    within the horizon, or nobody came. All are counted in `attrition`.
    """
    contacts = history["contacts"]
    contacts = contacts.filter(pc.is_in(contacts["service"], pa.array(definition.services)))
    ids = history.patient_ids.combine_chunks()
    owner = _owner(contacts, ids)
    time = microseconds(contacts["event_time"])
    care = _Care.of(history, ids, definition.modes)
    after = time + definition.horizon_days * DAY
    visits, minutes = care.between(owner, time, after)
    end_of_data = microsecond(end)
    reasons = {
        "continues an episode": _continues(owner, time, care, definition.washout_days * DAY),
        "horizon reaches beyond the data": after > end_of_data,
        "nothing recorded before": ~has_past(history, tuple(history), owner, time),
        "died or moved within the horizon": _left(history, owner, after),
        "nobody came": visits.sum(1) == 0,
    }
    attrition, first_reason = _attrition(reasons, len(time))
    out = (first_reason > 0) & (first_reason <= len(reasons) - 2)
    fate = np.select([first_reason == len(reasons) - 1, first_reason == len(reasons)], [LEFT, ABSENT], OBSERVED)
    moments = Moments(contacts["patient_id"].combine_chunks(), contacts["event_time"].combine_chunks())
    return Cohort(moments, visits, minutes, attrition, care.first(owner, time, after), fate).take(~out)


def _attrition(reasons: dict[str, Bools], rows: int) -> tuple[Counter[str], Ints]:
    """How many left for each reason, and each row's first reason, counted from 1 (0: kept)."""
    first, attrition = np.zeros(rows, np.int64), Counter({"booking contacts": rows})
    for at, (reason, mask) in enumerate(reasons.items(), 1):
        leaves = mask & (first == 0)
        attrition[reason] = int(leaves.sum())
        first[leaves] = at
    attrition["kept"] = int((first == 0).sum())
    return attrition, first


def _owner(rows: pa.Table, ids: pa.Array) -> Ints:
    return np.asarray(pc.index_in(rows["patient_id"], ids).to_numpy(), np.int64)


@dataclass(frozen=True)
class _Care:
    """Visits that count, sorted by patient and time, with running sums by profession.

    `spent` is the chair minutes of each visit, NaN when not known.
    """

    owner: Ints
    time: Ints
    spent: Floats
    visits: Floats
    minutes: Floats

    @classmethod
    def of(cls, history: History, ids: pa.Array, modes: tuple[str, ...]) -> _Care:
        rows = history["visits"]
        rows = rows.filter(pc.is_in(rows["mode"], pa.array(modes)))
        profession = pc.index_in(rows["profession"], pa.array(PROFESSIONS)).to_numpy()
        one = np.zeros((rows.num_rows, len(PROFESSIONS)))
        one[np.arange(rows.num_rows), profession] = 1
        spent = rows["minutes"].cast(pa.float64()).to_numpy()
        known = np.nan_to_num(spent)[:, None]
        start = np.zeros((1, len(PROFESSIONS)))
        return cls(_owner(rows, ids), microseconds(rows["event_time"]), spent,
                   np.vstack([start, one.cumsum(0)]), np.vstack([start, (one * known).cumsum(0)]))  # fmt: skip

    def between(self, owner: Ints, after: Ints, until: Ints) -> tuple[Floats, Floats]:
        """Visits and minutes from `after` on and before `until`, by profession."""
        first, last = self.place(owner, after), self.place(owner, until)
        return self.visits[last] - self.visits[first], self.minutes[last] - self.minutes[first]

    def first(self, owner: Ints, after: Ints, until: Ints) -> Floats:
        """Chair minutes of the first visit from `after` on and before `until`; NaN without one."""
        first, last = self.place(owner, after), self.place(owner, until)
        return np.where(first < last, np.append(self.spent, np.nan)[first], np.nan)

    def place(self, owner: Ints, time: Ints) -> Ints:
        """How many visits sort before each (owner, time)."""
        return rank(self.owner, self.time, owner, time)


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


def has_past(history: History, tables: tuple[str, ...], owner: Ints, time: Ints) -> Bools:
    """Whether any event of these tables was known before each moment.

    Args:
        history: the record.
        tables: names of tables; `patients` holds no events and does not count.
        owner: position of each moment's patient in the history.
        time: the moments, microseconds since 1970 in UTC.
    """
    ids = history.patient_ids.combine_chunks()
    known = np.zeros(len(owner), np.bool_)
    for name in tables:
        rows = history[name]
        if name == "patients" or not rows.num_rows:
            continue
        known_at = np.maximum(microseconds(rows["event_time"]), microseconds(rows["recorded_at"]))
        first = np.full(len(ids), np.iinfo(np.int64).max)
        np.minimum.at(first, _owner(rows, ids), known_at)
        known |= first[owner] < time
    return known

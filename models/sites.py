"""The site of a moment: the clinic of the visit that became known last before it.

That is what is known when somebody calls, in the batch and in the service alike; the clinic where care is later given
is part of the outcome. Models keep limits and levels of their own for sites with enough rows, under these names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.evaluate import Moments
from records.clock import microseconds
from records.history import History
from records.person import Person

Ints = NDArray[np.int64]
Words = NDArray[np.str_]

UNKNOWN = "unknown"
NO_SITE = "no clinic yet"


def sites(history: History, moments: Moments) -> Words:
    """The site of each moment, shape (moments,); every moment's patient is in the history."""
    ids = history.patient_ids.combine_chunks()
    owner = np.asarray(pc.index_in(moments.patient_ids, ids).to_numpy(), np.int64)
    return Seen.of(history, ids).site(owner, microseconds(moments.as_of))


def site_of(person: Person, moment: int) -> str:
    """The site of one person at a moment, microseconds since 1970 in UTC: what `sites` says of the same history."""
    visits = person["visits"]
    known = list(map(max, *visits.times))
    # Whole seconds from the earliest of all on, as `rank` counts them.
    low = min(0, moment, *known)
    before = [(at, place) for place, at in enumerate(known) if (at - low) // 1_000_000 < (moment - low) // 1_000_000]
    if not before:
        return NO_SITE
    unit = visits["unit"][max(before)[1]]
    return UNKNOWN if unit is None else str(unit)


def rank(owner: Ints, time: Ints, of_owner: Ints, of_time: Ints) -> Ints:
    """Number of rows, sorted by owner and time, that stand before each (of_owner, of_time)."""
    low = min(time.min(initial=0), of_time.min(initial=0))
    # Whole seconds keep owner and time together within 63 bits for millions of patients and centuries.
    span = int(max(time.max(initial=0), of_time.max(initial=0)) - low) // 1_000_000 + 2
    key = owner * span + (time - low) // 1_000_000
    return np.asarray(np.searchsorted(key, of_owner * span + (of_time - low) // 1_000_000), np.int64)


@dataclass(frozen=True)
class Seen:
    """Visits in the order in which they became known, sorted by patient."""

    owner: Ints
    known: Ints
    unit: Words

    @classmethod
    def of(cls, history: History, ids: pa.Array) -> Seen:
        """The visits of a history; `ids` are its patients, in its order."""
        rows = history["visits"]
        owner = np.asarray(pc.index_in(rows["patient_id"], ids).to_numpy(), np.int64)
        known = np.maximum(microseconds(rows["event_time"]), microseconds(rows["recorded_at"]))
        order = np.lexsort((known, owner))
        unit = pc.fill_null(rows["unit"], UNKNOWN).to_numpy().astype(np.str_)
        return cls(owner[order], known[order], unit[order])

    def site(self, owner: Ints, time: Ints) -> Words:
        """Clinic of the visit that became known last before each moment."""
        place = rank(self.owner, self.known, owner, time)
        padded = np.append(self.owner, -1)
        here = (place > 0) & (padded[place - 1] == owner)
        return np.where(here, np.append(self.unit, UNKNOWN)[place - 1], NO_SITE).astype(np.str_)

    def count(self, owner: Ints, after: Ints, until: Ints) -> NDArray[np.float64]:
        """Visits that became known in each span."""
        found = rank(self.owner, self.known, owner, until) - rank(self.owner, self.known, owner, after)
        return found.astype(np.float64)

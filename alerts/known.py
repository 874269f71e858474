"""How events become what is known of vouchers at a moment; in which order they arrived does not matter.

Only events count that happened and were recorded before the moment.

- A voucher is **granted** and **activated** by the first event that says so; its **provider** and its **last day** are
  those that the last event to name one names.
- It is **closed** by the first event that ends or withdraws it after the last one that grants or activates it: one that
  was opened again is open. Of several events of one instant, granting comes first and withdrawing last.
- Its **visits** are those made from treatment feedback on it. A visit by voucher of which no feedback tells (it came
  with the patient's records) counts for every voucher of the patient that was active on its day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alerts.times import NEVER, Flags, Ints, day_of
from alerts.vouchers import Vouchers
from records.clock import microsecond, microseconds
from records.history import History
from records.schema import INSTANT, VOUCHER_STATES

EVENTS = pa.schema(
    [
        ("voucher_id", pa.string()),
        ("patient_id", pa.string()),
        ("definition_id", pa.string()),
        ("state", pa.string()),
        ("event_time", INSTANT),
        ("valid_until", pa.date32()),
        ("provider_id", pa.string()),
    ]
)
"""What is read of the table `vouchers`."""

VISITS = pa.schema([("patient_id", pa.string()), ("event_time", INSTANT), ("voucher_id", pa.string())])
"""What is read of the visits by voucher; the voucher is that of the feedback they were made from, else null."""

_GRANTED, _ACTIVATED, _ENDED, _WITHDRAWN = range(len(VOUCHER_STATES))


def of_history(history: History, now: datetime) -> Vouchers:
    """The vouchers of a record history; it does not tell which visits were made from feedback."""
    visits = _known(history["visits"], now)
    visits = visits.filter(pc.equal(visits["producer"], "voucher"))
    visits = visits.append_column("voucher_id", pa.nulls(visits.num_rows, pa.string()))
    return as_of(_known(history["vouchers"], now), visits, now)


def as_of(events: pa.Table, visits: pa.Table, now: datetime) -> Vouchers:
    """The vouchers that events tell of.

    Args:
        events: changes of vouchers' states, known at the moment, with the columns of `EVENTS`.
        visits: visits by voucher, known at the moment, with the columns of `VISITS`.
        now: the moment, with a time zone.
    """
    vouchers = replace(_states(events), now=microsecond(now))
    voucher, time = _visits(vouchers, visits)
    order = np.lexsort((time, voucher))
    first = np.searchsorted(voucher[order], np.arange(len(vouchers) + 1))
    return replace(vouchers, first_visit=first, visits=time[order])


def _known(rows: pa.Table, now: datetime) -> pa.Table:
    moment = pa.scalar(now, INSTANT)
    return rows.filter(pc.and_(pc.less(rows["event_time"], moment), pc.less(rows["recorded_at"], moment)))


def _states(events: pa.Table) -> Vouchers:
    """Vouchers without their visits, those of one definition beside each other."""
    encoded = events["voucher_id"].combine_chunks().dictionary_encode()
    rows = _sorted(events, encoded.indices.to_numpy())
    opened = rows.last(rows.state <= _ACTIVATED)
    closing = rows.first((rows.state >= _ENDED) & (np.arange(len(rows.state)) > rows.spread(opened)))
    order = np.argsort(rows.definition[rows.start], kind="stable")
    start = rows.start[order]
    return Vouchers(
        now=0,
        voucher_id=encoded.dictionary.take(pa.array(order)),
        patient_id=rows.text("patient_id", start),
        provider_id=rows.text("provider_id", rows.last(rows.provider >= 0)[order]),
        definition_id=rows.text("definition_id", start),
        granted=rows.time[rows.first(rows.state == _GRANTED)[order]],
        activated=rows.time[rows.first(rows.state == _ACTIVATED)[order]],
        closed=rows.time[closing[order]],
        withdrawn=rows.state[closing[order]] == _WITHDRAWN,
        valid_until=rows.until[rows.last(rows.until < NEVER)[order]],
        first_visit=np.zeros(len(order) + 1, np.int64),
        visits=np.empty(0, np.int64),
    )


@dataclass(frozen=True)
class _Rows:
    """Changes of state by voucher and in their order; every column has one entry more, which stands for "no row".

    Attributes:
        events: the rows as they came.
        source: where in them each row stands.
        start: the first row of each voucher.
        definition, provider: the texts as numbers that sort like them; -1 where there is none.
    """

    events: pa.Table
    source: Ints
    start: Ints
    time: Ints
    state: Ints
    until: Ints
    provider: Ints
    definition: Ints

    def first(self, some: Flags) -> Ints:
        """The first row of each voucher for which it is so, else the last entry, "no row"."""
        return np.minimum.reduceat(np.where(some, np.arange(len(some)), len(some) - 1)[:-1], self.start)

    def last(self, some: Flags) -> Ints:
        """The last row of each voucher for which it is so, else -1, which is "no row" as well."""
        return np.maximum.reduceat(np.where(some, np.arange(len(some)), -1)[:-1], self.start)

    def spread(self, of_voucher: Ints) -> Ints:
        """Values of vouchers, for each of their rows."""
        return np.append(np.repeat(of_voucher, np.diff(self.start, append=len(self.source))), -1)

    def text(self, column: str, rows: Ints) -> pa.Array:
        """A column of the events at some rows; null at "no row"."""
        none = (rows < 0) | (rows >= len(self.source))
        places = pa.array(np.append(self.source, 0)[rows], mask=none)
        return self.events[column].combine_chunks().take(places)


def _sorted(events: pa.Table, voucher: Ints) -> _Rows:
    time = microseconds(events["event_time"])
    state = pc.index_in(events["state"], pa.array(VOUCHER_STATES)).to_numpy()
    until = events["valid_until"].cast(pa.int32()).cast(pa.int64()).fill_null(NEVER).to_numpy()
    provider, definition = _ranks(events["provider_id"]), _ranks(events["definition_id"])
    # Of rows that differ in nothing else the texts decide, so that the order of arrival never does.
    order = np.lexsort((definition, provider, until, state, time, voucher))
    return _Rows(
        events=events,
        source=order,
        start=np.flatnonzero(np.diff(voucher[order], prepend=-1)),
        time=np.append(time[order], NEVER),
        state=np.append(state[order], -1),
        until=np.append(until[order], NEVER),
        provider=np.append(provider[order], -1),
        definition=np.append(definition[order], -1),
    )


def _ranks(texts: pa.ChunkedArray) -> Ints:
    """Texts as numbers that sort like them; -1 for null."""
    encoded = texts.combine_chunks().dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, np.int64)
    rank[order], rank[-1] = np.arange(len(order)), -1
    return np.asarray(rank[encoded.indices.fill_null(len(order)).to_numpy()])


def _visits(vouchers: Vouchers, visits: pa.Table) -> tuple[Ints, Ints]:
    """Whose visits there are, as places among the vouchers, and when they were."""
    named = visits.filter(pc.is_valid(visits["voucher_id"]))
    owner = pc.index_in(named["voucher_id"], vouchers.voucher_id).fill_null(-1).to_numpy()
    time = microseconds(named["event_time"])
    found, found_time = _visits_by_patient(vouchers, visits.filter(pc.is_null(visits["voucher_id"])))
    return np.append(owner[owner >= 0], found), np.append(time[owner >= 0], found_time)


def _visits_by_patient(vouchers: Vouchers, visits: pa.Table) -> tuple[Ints, Ints]:
    """Every visit with every voucher of the patient that was active on its day."""
    people = vouchers.patient_id.dictionary_encode()
    whose = people.indices.to_numpy()
    by_person = np.argsort(whose, kind="stable")
    first = np.searchsorted(whose[by_person], np.arange(len(people.dictionary) + 1))
    person = pc.index_in(visits["patient_id"], people.dictionary).fill_null(-1).to_numpy()
    time = microseconds(visits["event_time"])[person >= 0]
    person = person[person >= 0]
    many = first[person + 1] - first[person]
    visit = np.repeat(np.arange(len(person)), many)
    nth = np.arange(len(visit)) - np.repeat(np.cumsum(many) - many, many)
    voucher = by_person[first[person][visit] + nth]
    day = day_of(time)[visit]
    active = (day_of(vouchers.activated)[voucher] <= day) & (day <= day_of(vouchers.closed)[voucher])
    return voucher[active], time[visit][active]

"""How simulated numbers become Arrow columns: ids, words, and the columns that every event has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from records.schema import INSTANT
from records.simulate.people import People
from records.simulate.window import Ints

SOURCE = "simulator"

Columns: TypeAlias = dict[str, pa.Array]


def event(people: People, person: Ints, ids: pa.Array, time: Ints, recorded: Ints) -> Columns:
    """The columns of `records.schema.Event`; times are microseconds since 1970 in UTC."""
    return {
        "patient_id": patient_ids(people).take(pa.array(person)),
        "event_id": ids,
        "event_time": pa.array(time).cast(INSTANT),
        "recorded_at": pa.array(recorded).cast(INSTANT),
        "source": pa.repeat(SOURCE, len(person)),
    }


def patient_ids(people: People) -> pa.Array:
    """Pseudonyms of all people, in order."""
    return pc.binary_join_element_wise(pa.scalar("p"), _padded(people.number, 7), pa.scalar(""))


def event_ids(letter: str, people: People, person: Ints) -> pa.Array:
    """Ids of rows sorted by person: the patient's number and a running number from 1."""
    starts = np.searchsorted(person, np.arange(len(people.number)))
    running = np.arange(len(person)) - starts[person] + 1
    owner = _padded(people.number, 7).take(pa.array(person))
    most = int(running.max(initial=0)) + 1
    number = _padded(np.arange(most), 3).take(pa.array(running))
    stem = pc.binary_join_element_wise(pa.scalar(letter), owner, pa.scalar(""))
    return pc.binary_join_element_wise(stem, number, pa.scalar("-"))


def words(places: Ints, vocabulary: Sequence[str]) -> pa.Array:
    """The words at these positions of a vocabulary."""
    return pa.array(list(vocabulary)).take(pa.array(places))


def _padded(numbers: Ints, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")

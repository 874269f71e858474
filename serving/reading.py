"""A posted question as the history of one person: read straight into columns where its form is the usual one.

The documented types of `serving.wire` say what may be posted, and what is wrong where something is; they cost more than
everything that follows. So a body is first read by types that take nearly all of what is posted and nothing else. What
they do not take is left to the documented ones, and a test holds that whatever both take means the same to both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from records.clock import instant, microsecond, utc
from records.person import INSTANTS, OWN, TIMES, Columns, Person
from records.schema import EVENTS, INSTANT, Column
from serving.times import plainly_read
from serving.wire import (
    MOST_LETTERS,
    MOST_NUMBER,
    MOST_REFERENCE,
    MOST_ROWS,
    POSTED_PATIENT,
    READ,
    SOURCE,
    Question,
)
from serving.wire.posted import NEUTRAL, OMITTABLE, fresh_ids

Ints = NDArray[np.int64]
FIRST, LAST = microsecond(instant("1900-01-02")), microsecond(instant("2099-12-30"))
"""Between them Helsinki's wall clock is known for arrays of times too."""
MIN, MAX = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last microsecond that Python's calendar has."""


@dataclass(frozen=True)
class Posted:
    """A posted question.

    Attributes:
        person: the history, unchecked.
        reference: the caller's own name for the patient.
        as_of: the moment, aware; None for now.
        unit: the clinic that asks.
        unread: members of the history that are no table which the service reads.
    """

    person: Person
    reference: str | None = None
    as_of: datetime | None = None
    unit: str | None = None
    unread: int = 0

    @property
    def size(self) -> int:
        """How many events were posted."""
        return sum(map(len, self.person.events.values()))


def posted(question: Question) -> Posted | Question:
    """What the documented types have read; a question that names a known patient as it is."""
    found = question.posted()
    if found is None:
        return question
    patient, history = found
    person = Person.from_rows({"patients": [patient.row()], **history.rows()})
    return Posted(person, patient.reference, question.as_of, question.unit, history.unknown_members())


def read(body: bytes) -> Posted | None:
    """Read a body; None where it is not of the usual form, right or wrong."""
    try:
        question = _QUESTION.decode(body)
        found = {name: _decoder(name).decode(question.history[name]) for name in READ if name in question.history}
        as_of = None if question.as_of is None else instant(question.as_of)
        if sum(map(len, found.values())) > MOST_ROWS:
            return None
        events = _events({name: rows for name, rows in found.items() if rows})
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    patient = question.patient
    row = {
        "patient_id": POSTED_PATIENT, "non_disclosure": False, "birth_date": patient.birth_date, "sex": patient.sex,
        "special_needs": patient.special_needs, "language": patient.language,
    }  # fmt: skip
    unread = len(question.history.keys() - set(READ))
    return Posted(Person(row, events), patient.reference, as_of, question.unit, unread)


class _Patient(msgspec.Struct, gc=False):
    birth_date: date | None
    sex: str = "unknown"
    special_needs: bool = False
    language: Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2}\Z")] | None = None
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_REFERENCE)] | None = None


class _Question(msgspec.Struct, gc=False):
    patient: _Patient
    history: dict[str, msgspec.Raw]
    patient_id: None = None
    as_of: str | None = None
    unit: Annotated[str, msgspec.Meta(pattern=rf"\A\w[\w .,:/-]{{0,{MOST_LETTERS - 1}}}\Z")] | None = None


_QUESTION = msgspec.json.Decoder(_Question)


def _type(column: Column) -> Any:
    """What JSON may hold in a column; times stay texts, because a whole history of them is read at once."""
    if pa.types.is_integer(column.type):
        limits = np.iinfo(column.type.to_pandas_dtype())
        return Annotated[int, msgspec.Meta(ge=int(limits.min), le=int(limits.max))]
    if pa.types.is_floating(column.type):
        return Annotated[float, msgspec.Meta(ge=-MOST_NUMBER, le=MOST_NUMBER)]
    return {pa.bool_(): bool, pa.date32(): date}.get(column.type, str)


@cache
def _decoder(table: str) -> msgspec.json.Decoder[list[Any]]:
    columns = EVENTS[table].columns()
    fields = [
        (name, _type(columns[name]) | None, None)
        if columns[name].nullable or name in OMITTABLE
        else (name, _type(columns[name]))
        for name in (*_posted(table), *TIMES)
    ]
    return msgspec.json.Decoder(list[msgspec.defstruct(f"{table}_row", fields, kw_only=True, gc=False)])  # type: ignore[misc]


@cache
def _posted(table: str) -> tuple[str, ...]:
    return tuple(name for name in OWN[table] if name != "source")


def _events(found: Mapping[str, Sequence[Any]]) -> dict[str, Columns]:
    """Rows of some tables, one or more of each, as columns.

    Raises:
        ValueError: a time cannot be read.
        TypeError: a time is missing.
    """
    columns = {name: _transposed(name, rows) for name, rows in found.items()}
    # All times of all tables are read together: a call for each table would cost more than the reading.
    timed = [(own, column) for name, own in columns.items() for column in (*TIMES, *INSTANTS[name])]
    times, first = _times([text for own, column in timed for text in own[column]]), 0
    for own, column in timed:
        own[column], first = times[first : first + len(own[column])], first + len(own[column])
    for name, own in columns.items():
        own |= {column: own[column].tolist() for column in INSTANTS[name]}
    return {name: Columns(own, *(own.pop(time) for time in TIMES)) for name, own in columns.items()}


def _transposed(name: str, rows: Sequence[Any]) -> dict[str, Any]:
    """Rows by column, with what the poster left to the service."""
    names = (*_posted(name), *TIMES)
    own: dict[str, Any] = dict(zip(names, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True))
    own["event_id"] = _named(own["event_id"])
    own["source"] = [SOURCE] * len(rows)
    for column, value in NEUTRAL.items():
        if column in own and None in own[column]:
            own[column] = [value if given is None else given for given in own[column]]
    if None in own["recorded_at"]:
        own["recorded_at"] = [
            at if known is None else known for known, at in zip(own["recorded_at"], own["event_time"], strict=True)
        ]
    return own


def _named(ids: Sequence[str | None]) -> Sequence[str]:
    """The ids of events, with numbers for those that have none."""
    given = set(ids)
    if None not in given:
        return ids  # type: ignore[return-value]
    fresh = fresh_ids(given)
    return [next(fresh) if one is None else one for one in ids]


def _times(texts: Sequence[str]) -> Ints:
    """Microseconds since 1970 UTC of ISO 8601 times, as `records.clock.instant` reads them.

    Raises:
        ValueError: one cannot be read.
    """
    plain = plainly_read(texts)
    if plain is not None:
        return plain
    given = pa.array(texts, pa.string())
    with_offsets = _cast(given, INSTANT)
    if with_offsets is not None and with_offsets.min(initial=0) >= MIN and with_offsets.max(initial=0) <= MAX:
        return with_offsets
    # A bare date would be read as its midnight: it is known only when the day is over.
    local = None if min(map(len, texts)) <= len("2026-11-22") else _cast(given, pa.timestamp("us"))
    if local is not None and FIRST < local.min() <= local.max() < LAST:
        return utc(local)
    return np.array([microsecond(instant(text)) for text in texts], np.int64)


def _cast(texts: pa.Array, kind: pa.DataType) -> Ints | None:
    try:
        return np.asarray(texts.cast(kind).view(pa.int64()).to_numpy())
    except pa.ArrowInvalid:
        return None

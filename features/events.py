"""Events as arrays: what the evaluator reads of a record history, once, for any number of moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import DERIVED
from records.clock import days, microseconds
from records.codes import NEED_GROUPS, RECALLS
from records.history import History

READ_FROM: Mapping[str, tuple[str, ...]] = {
    "group": ("code",),
    "surface_count": ("surfaces",),
    "retreated": ("code", "tooth"),
    "recall": ("code",),
    "recall_kept": ("code",),
    "overdue": ("code",),
    "gap": (),
    "starts_episode": (),
}
"""Stored columns that each derived column of `features.families.DERIVED` is read from."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Words:
    """A text column: distinct values and, for every event, the position of its value (-1 for missing)."""

    values: tuple[str, ...]
    codes: Ints


@dataclass(frozen=True)
class Source:
    """One table's events, sorted by patient, time and event id.

    Attributes:
        start: for every patient, the position of the first event; one more entry ends the last patient's.
        time: microseconds since 1970 in UTC at which it happened.
        recorded: microseconds since 1970 in UTC at which it became known.
        day: Helsinki day on which it happened.
        words: text columns.
        numbers: number columns as float64, NaN for missing. Whole numbers are exact up to 2**53.
    """

    start: Ints
    time: Ints
    recorded: Ints
    day: Ints
    words: dict[str, Words]
    numbers: dict[str, Floats]


@dataclass(frozen=True)
class Events:
    """A history as arrays: the patients, their own columns, and the sources that a catalogue reads."""

    patient_ids: pa.Array
    birth_date: NDArray[np.datetime64]
    attributes: dict[str, Floats]
    sources: dict[str, Source]


def prepare(catalogue: Catalogue, history: History) -> Events:
    """Read what the catalogue needs of a history into arrays."""
    patients = history["patients"]
    ids = patients["patient_id"].combine_chunks()
    wanted = _wanted(catalogue)
    attributes = {
        name: pc.fill_null(patients[name].cast(pa.int8()), 0).to_numpy().astype(np.float64)
        for name in wanted.pop("patients", [])
    }
    birth_date = patients["birth_date"].to_numpy().astype("datetime64[D]")
    return Events(ids, birth_date, attributes, {name: _source(history[name], ids, wanted[name]) for name in wanted})


def _wanted(catalogue: Catalogue) -> dict[str, list[str]]:
    """The stored columns that the catalogue reads, by table."""
    found: dict[str, dict[str, None]] = {name: {} for name in catalogue.sources}
    for family in catalogue.families:
        named = [family.measure, family.by, *(column for column, _ in family.where)]
        found[family.source] |= dict.fromkeys(column for column in named if column is not None)
    return {name: [stored for column in columns for stored in _stored(name, column)] for name, columns in found.items()}


def _stored(table: str, column: str) -> tuple[str, ...]:
    """The columns that a column is read from: itself, or what it is derived from (for visits their day serves)."""
    return READ_FROM[column] if column in DERIVED.get(table, ()) else (column,)


def _source(rows: pa.Table, patient_ids: pa.Array, columns: list[str]) -> Source:
    owner = pc.index_in(rows["patient_id"], patient_ids).to_numpy()
    words: dict[str, Words] = {}
    numbers: dict[str, Floats] = {}
    for name in dict.fromkeys(columns):
        if pa.types.is_string(rows.schema.field(name).type):
            words[name] = _words(rows[name])
        else:
            numbers[name] = rows[name].cast(pa.float64(), safe=False).to_numpy()
    if rows.schema.get_field_index("code_system") >= 0:  # procedures: codes of diagnoses have no need groups
        _with_procedure_columns(words, numbers)
    return Source(
        start=np.searchsorted(owner, np.arange(len(patient_ids) + 1)),
        time=microseconds(rows["event_time"]),
        recorded=microseconds(rows["recorded_at"]),
        day=days(rows["event_time"]).astype(np.int64),
        words=words,
        numbers=numbers,
    )


def _with_procedure_columns(words: dict[str, Words], numbers: dict[str, Floats]) -> None:
    """Add what follows from a procedure's code and surfaces alone."""
    if "code" in words:
        code = words["code"]
        group = np.array([*(NEED_GROUPS.groups.index(NEED_GROUPS.group(each)) for each in code.values), -1], np.int64)
        words["group"] = Words(NEED_GROUPS.groups, group[code.codes])
        numbers["recall"] = _looked_up([RECALLS.get(each) for each in code.values], code.codes)
    if "surfaces" in words:
        surfaces = words["surfaces"]
        numbers["surface_count"] = _looked_up([len(each) or None for each in surfaces.values], surfaces.codes)


def _looked_up(numbers: Sequence[int | None], codes: Ints) -> Floats:
    """A number for every event by the position of its word; NaN where there is none."""
    return np.array([*(np.nan if number is None else number for number in numbers), np.nan], np.float64)[codes]


def _words(column: pa.ChunkedArray) -> Words:
    encoded = column.combine_chunks().dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
    return Words(tuple(encoded.dictionary.to_pylist()), codes)

"""Events as arrays: what the evaluator reads of a record history, once, for any number of moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.plan import Plan, Vocabulary, plan_of
from records.clock import days, microseconds
from records.codes import NEED_GROUPS, RECALLS
from records.history import History

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_Kind = TypeVar("_Kind", np.int32, np.int64, np.float64)

YEAR = 512
"""One year in the numbers of `calendar`."""
UNKNOWN = np.iinfo(np.int64).min
"""The number of no date."""


@dataclass(frozen=True)
class Source:
    """One table's events, sorted by patient, time and event id.

    Attributes:
        start: for every patient, the position of the first event; one more entry ends the last patient's.
        known: microseconds since 1970 in UTC at which it had both happened and become known.
        day: Helsinki day on which it happened.
        ladder: the window of every age, as in `features.plan.Plan`.
        numbers: what can be measured, as float64, NaN for missing. Whole numbers are exact up to 2**53; of texts, equal
            ones have the same number.
        classes: for text columns by which the catalogue tells events apart, the class of every event.
        vocabularies: what the classes mean.
    """

    start: Ints
    known: Ints
    day: NDArray[np.int32]
    ladder: Ints
    numbers: dict[str, Floats]
    classes: dict[str, Ints]
    vocabularies: Mapping[str, Vocabulary]


@dataclass(frozen=True)
class Events:
    """A history as arrays.

    Attributes:
        patient_ids: the patients, in order.
        birth: their dates of birth as `calendar` numbers them.
        attributes: their other columns.
        sources: the tables that the catalogue reads.
    """

    patient_ids: pa.Array
    birth: Ints
    attributes: dict[str, Floats]
    sources: dict[str, Source]


def prepare(catalogue: Catalogue, history: History | Mapping[str, pa.Table]) -> Events:
    """Read what the catalogue needs of a history into arrays.

    Args:
        catalogue: the features to be asked for.
        history: a history; or its tables with the columns that `features.plan` names, sorted by patient, time and
            event id, text columns as texts or as dictionaries.

    Raises:
        ValueError: events are of patients that the table of patients lacks.
    """
    plan = plan_of(catalogue)
    patients = history["patients"]
    ids = patients["patient_id"].cast(pa.string()).combine_chunks()
    (_, *personal), sources = plan.columns["patients"], [name for name in plan.columns if name != "patients"]
    attributes = {
        name: pc.fill_null(patients[name].cast(pa.int8()), 0).to_numpy().astype(np.float64) for name in personal
    }
    birth = calendar(patients["birth_date"].to_numpy().astype("datetime64[D]"))
    return Events(ids, birth, attributes, {name: _source(name, history[name], ids, plan) for name in sources})


def calendar(dates: NDArray[np.datetime64]) -> Ints:
    """Dates as whole numbers of which the difference, divided by `YEAR` and rounded down, is the full years between."""
    month = dates.astype("datetime64[M]")
    day = (dates - month.astype("datetime64[D]")).astype(np.int64)
    months = month.astype(np.int64)
    return np.where(np.isnat(dates), UNKNOWN, months // 12 * YEAR + months % 12 * 32 + day)


def _source(name: str, rows: pa.Table, patient_ids: pa.Array, plan: Plan) -> Source:
    pieces = _Pieces(rows)
    vocabularies = plan.vocabularies[name]
    return Source(
        start=_starts(name, rows, patient_ids),
        known=pieces.filled(np.int64, _known),
        day=pieces.filled(np.int32, lambda piece: days(piece.column("event_time"))),
        ladder=plan.ladders[name],
        numbers={column: _numbers(pieces, column) for column in plan.numbers[name]},
        classes={column: _classes(pieces, column, vocabulary) for column, vocabulary in vocabularies.items()},
        vocabularies=vocabularies,
    )


class _Pieces:
    """A table in the pieces in which it lies in memory: each has dictionaries of its own."""

    def __init__(self, rows: pa.Table) -> None:
        self.batches = rows.to_batches()
        self.rows = rows.num_rows
        self.schema = rows.schema
        self._dictionaries: dict[str, list[pa.DictionaryArray]] = {}

    def filled(self, kind: type[_Kind], values: Callable[[pa.RecordBatch], np.ndarray]) -> NDArray[_Kind]:
        """One array of values of all pieces."""
        if len(self.batches) == 1:
            return np.asarray(values(self.batches[0]), kind)
        found, first = np.empty(self.rows, kind), 0
        for batch in self.batches:
            found[first : first + batch.num_rows] = values(batch)
            first += batch.num_rows
        return found

    def looked_up(
        self, kind: type[_Kind], column: str, number: Callable[[str], float | None], missing: float
    ) -> NDArray[_Kind]:
        """A number for every event, by its text; each different text of a piece is looked up once."""
        encoded_batches = iter(self._encoded(column))

        def values(_: pa.RecordBatch) -> NDArray[_Kind]:
            encoded = next(encoded_batches)
            texts: list[str] = encoded.dictionary.to_pylist()
            numbers: list[float] = [missing if found is None else found for found in map(number, texts)]
            codes = encoded.indices if not encoded.indices.null_count else pc.fill_null(encoded.indices, len(texts))
            lookup = np.array([*numbers, missing], kind)
            return np.asarray(lookup[codes.to_numpy()])

        return self.filled(kind, values)

    def _encoded(self, column: str) -> list[pa.DictionaryArray]:
        """A text column of every piece as a dictionary; several numbers may follow from one text."""
        if column not in self._dictionaries:
            self._dictionaries[column] = [_encoded(batch.column(column)) for batch in self.batches]
        return self._dictionaries[column]


def _known(piece: pa.RecordBatch) -> Ints:
    return np.maximum(microseconds(piece.column("event_time")), microseconds(piece.column("recorded_at")))


def _starts(name: str, rows: pa.Table, patient_ids: pa.Array) -> Ints:
    """Where every patient's events start, and where the last patient's end."""
    if len(patient_ids) == 1 and pc.all(pc.equal(rows["patient_id"], patient_ids[0])).as_py():
        return np.array([0, rows.num_rows], np.int64)
    owners, many = [patient_ids[:0]], [np.empty(0, np.int64)]
    for piece in rows["patient_id"].chunks:
        encoded = _encoded(piece)
        found = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
        owners.append(encoded.dictionary.take(pa.array(found.nonzero()[0])))
        many.append(found[found > 0])
    place = pc.fill_null(pc.index_in(pa.concat_arrays(owners), patient_ids), -1).to_numpy()
    counts = np.concatenate(many)
    if (place < 0).any():
        raise ValueError(f"{counts[place < 0].sum()} rows of {name} are of patients that the table of patients lacks")
    return np.append(0, np.cumsum(np.bincount(place, counts, len(patient_ids)).astype(np.int64)))


REMEMBERED = 16_384
"""Texts whose group and class are remembered from one history to the next: more than all code systems use."""


@lru_cache(maxsize=REMEMBERED)
def _group(code: str) -> str:
    return NEED_GROUPS.group(code)


FROM_TEXT: Mapping[str, tuple[str, Callable[[str], float | None]]] = {
    "group": ("code", lambda code: NEED_GROUPS.groups.index(_group(code))),
    "recall": ("code", RECALLS.get),
    "surface_count": ("surfaces", lambda surfaces: len(surfaces) or None),
}
"""Numbers that follow from one text of an event alone: the column of the text, and the number."""


def _numbers(pieces: _Pieces, column: str) -> Floats:
    if column in FROM_TEXT:
        text, number = FROM_TEXT[column]
        return pieces.looked_up(np.float64, text, number, np.nan)
    if _is_text(pieces.schema.field(column).type):
        seen: dict[str, int] = {}
        return pieces.looked_up(np.float64, column, lambda value: seen.setdefault(value, len(seen)), np.nan)
    return pieces.filled(np.float64, lambda piece: _floats(piece.column(column)))


def _floats(column: pa.Array) -> Floats:
    if column.null_count or not pa.types.is_floating(column.type):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _classes(pieces: _Pieces, column: str, vocabulary: Vocabulary) -> Ints:
    text, number = class_from_text(column, vocabulary)
    return pieces.looked_up(np.int64, text, number, 0)


def class_from_text(column: str, vocabulary: Vocabulary) -> tuple[str, Callable[[str], int]]:
    """How the class of an event follows from one of its texts: the column of the text, and the class of each text."""
    if column == "group":
        return "code", lambda code: vocabulary.number(_group(code))
    return column, partial(_class, vocabulary)


@lru_cache(maxsize=REMEMBERED)
def _class(vocabulary: Vocabulary, value: str) -> int:
    return vocabulary.number(value)


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))

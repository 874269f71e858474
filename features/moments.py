"""The moments to evaluate, from a file: whom is asked about, and when."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from features.evaluate import Moments
from records.clock import instant
from records.schema import INSTANT


class MomentsError(ValueError):
    """A file holds no moments that can be read."""


def read_moments(path: Path) -> Moments:
    """Read a Parquet or CSV file with the columns `patient_id` and `as_of`, one row a moment.

    `as_of` is an instant, or a text that `records.clock.instant` reads: without an offset it is Helsinki time, and a
    bare date means the end of that day.

    Raises:
        MomentsError: the file cannot be read, lacks a column, or a row lacks a value or holds no time.
    """
    try:
        rows = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path, convert_options=_AS_TEXT)
        patient_ids, as_of = rows["patient_id"].cast(pa.string()), rows["as_of"]
    except (OSError, pa.ArrowException, KeyError) as error:
        raise MomentsError(f"{path} is no readable Parquet or CSV file with patient_id and as_of") from error
    if patient_ids.null_count or as_of.null_count:
        raise MomentsError(f"{path} has rows without a patient or a moment")
    return Moments(patient_ids.combine_chunks(), _instants(path, as_of.combine_chunks()))


_AS_TEXT = pacsv.ConvertOptions(column_types={"patient_id": pa.string(), "as_of": pa.string()})


def _instants(path: Path, as_of: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(as_of.type) and as_of.type.tz is not None:
        return as_of.cast(INSTANT)
    encoded = as_of.dictionary_encode()  # few different ones, as a rule
    try:
        found = [instant(value) for value in encoded.dictionary.to_pylist()]
    except (TypeError, ValueError) as error:
        raise MomentsError(f"{path}: as_of holds what is no date or time, as 2026-11-22 or 2026-11-22T10:00") from error
    return pc.take(pa.array(found, INSTANT), encoded.indices)

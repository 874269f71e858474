"""Snapshots: the inputs of an assessment as bytes, from which it can be made again. Whose they are is not in them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from records.clock import instant
from records.person import TIMES, Columns, Person
from records.schema import INSTANT, TABLES
from serving.wire import POSTED_PATIENT, Notice

_LZ4 = pa.Codec("lz4")
"""LZ4 leaves a sixth to a quarter of the size; zlib leaves a ninth to a sixth and takes three times as long. Of 120
events either keeps one page of a database."""
_LZ4_BEGINS = bytes.fromhex("04224d18")
WHOSE = "patient_id"


@dataclass(frozen=True)
class Snapshot:
    """The inputs of one assessment.

    Attributes:
        given: the unchecked history of one person.
        as_of: the moment.
        notices: what the reader of the history had to say.
        told: answers of an interview by question; None where somebody would not or could not say.
        follows: the assessment that these answers update.
        unit: the clinic that asks.
    """

    given: Person
    as_of: datetime
    notices: tuple[Notice, ...] = ()
    told: Mapping[str, float | None] = field(default_factory=dict)
    follows: str | None = None
    unit: str | None = None


def pack(inputs: Snapshot) -> bytes:
    """The inputs as compressed JSON."""
    said = {
        "as_of": inputs.as_of,
        "person": {name: value for name, value in inputs.given.row.items() if name != WHOSE and value is not None},
        "events": {name: _packed(name, rows) for name, rows in inputs.given.events.items() if len(rows)},
        "notices": inputs.notices,
        "told": inputs.told,
        "follows": inputs.follows,
        "unit": inputs.unit,
    }
    return bytes(_LZ4.compress(orjson.dumps(said), asbytes=True))


def unpack(content: bytes) -> Snapshot:
    """The inputs again, to the last bit, of a patient without a name."""
    said = orjson.loads(opened(content))
    notices = tuple(Notice(**notice) for notice in said["notices"])
    # Snapshots kept before there were interviews lack what follows.
    told = said.get("told", {})
    return Snapshot(_person(said), instant(said["as_of"]), notices, told, said.get("follows"), said.get("unit"))


def opened(content: bytes) -> bytes:
    """The JSON of a snapshot; those kept before LZ4 was used are of zlib."""
    if not content.startswith(_LZ4_BEGINS):
        return zlib.decompress(content)
    return bytes(pa.input_stream(pa.BufferReader(content), compression="lz4").read())


def _packed(table: str, rows: Columns) -> dict[str, Any]:
    """Columns without those that are all missing; infinity, which JSON has not, as a word."""
    found: dict[str, Any] = dict(zip(TIMES, rows.times, strict=True))
    found |= {name: values for name, values in rows.values.items() if values.count(None) < len(values)}
    for name in _numbers(table) & found.keys():
        found[name] = [value if value is None or math.isfinite(value) else repr(value) for value in found[name]]
    return found


@cache
def _numbers(table: str) -> frozenset[str]:
    columns = TABLES[table].columns()
    return frozenset(name for name, column in columns.items() if pa.types.is_floating(column.type))


def _person(said: Mapping[str, Any]) -> Person:
    if "rows" in said:  # as snapshots were kept at first: row by row
        return Person.from_rows({name: list(_rows(name, several)) for name, several in said["rows"].items()})
    row = {WHOSE: POSTED_PATIENT, **{name: _value("patients", name, value) for name, value in said["person"].items()}}
    return Person(row, {name: _unpacked(name, columns) for name, columns in said["events"].items()})


def _unpacked(table: str, columns: Mapping[str, Sequence[Any]]) -> Columns:
    happened, recorded = (np.array(columns[name], np.int64) for name in TIMES)
    values = {name: _values(table, name, several) for name, several in columns.items() if name not in TIMES}
    return Columns(values, happened, recorded)


def _values(table: str, name: str, values: Sequence[Any]) -> Sequence[Any]:
    kind = TABLES[table].columns()[name].type
    if pa.types.is_floating(kind):
        return [None if value is None else float(value) for value in values]
    return [_value(table, name, value) for value in values] if pa.types.is_date(kind) else values


def _rows(table: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {WHOSE: POSTED_PATIENT, **{name: _value(table, name, value) for name, value in row.items()}}


def _value(table: str, name: str, value: Any) -> Any:
    kind = TABLES[table].columns()[name].type
    if value is None:
        return None
    if kind == INSTANT:
        return datetime.fromisoformat(value)
    if pa.types.is_floating(kind):
        return float(value)
    return date.fromisoformat(value) if pa.types.is_date(kind) else value

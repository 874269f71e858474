"""Snapshots: the inputs of an assessment as bytes, from which it can be made again. Whose they are is not in them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

import orjson
import pyarrow as pa

from records.clock import instant
from records.schema import INSTANT, TABLES
from serving.wire import POSTED_PATIENT, Notice, Rows

_LZ4 = pa.Codec("lz4")
"""LZ4 leaves a sixth to a quarter of the size; zlib leaves a ninth to a sixth and takes three times as long. Of 120
events either keeps one page of a database."""
_LZ4_BEGINS = bytes.fromhex("04224d18")
WHOSE = "patient_id"


@dataclass(frozen=True)
class Snapshot:
    """The inputs of one assessment.

    Attributes:
        rows: the unchecked rows of one patient, by table.
        as_of: the moment.
        notices: what the reader of the rows had to say.
        told: answers of an interview by question; None where somebody would not or could not say.
        follows: the assessment that these answers update.
        unit: the clinic that asks.
    """

    rows: Rows
    as_of: datetime
    notices: tuple[Notice, ...]
    told: Mapping[str, float | None] = field(default_factory=dict)
    follows: str | None = None
    unit: str | None = None


def pack(inputs: Snapshot) -> bytes:
    """The inputs as compressed JSON."""
    said = {
        "as_of": inputs.as_of,
        "rows": {name: list(_packed(name, rows)) for name, rows in inputs.rows.items() if rows},
        "notices": [notice.model_dump() for notice in inputs.notices],
        "told": inputs.told,
        "follows": inputs.follows,
        "unit": inputs.unit,
    }
    return bytes(_LZ4.compress(orjson.dumps(said), asbytes=True))


def unpack(content: bytes) -> Snapshot:
    """The inputs again, to the last bit, of a patient without a name."""
    said = orjson.loads(opened(content))
    rows = {name: [_unpacked(name, row) for row in several] for name, several in said["rows"].items()}
    notices = tuple(Notice(**notice) for notice in said["notices"])
    # Snapshots kept before there were interviews lack what follows.
    told = said.get("told", {})
    return Snapshot(rows, instant(said["as_of"]), notices, told, said.get("follows"), said.get("unit"))


def opened(content: bytes) -> bytes:
    """The JSON of a snapshot; those kept before LZ4 was used are of zlib."""
    if not content.startswith(_LZ4_BEGINS):
        return zlib.decompress(content)
    return bytes(pa.input_stream(pa.BufferReader(content), compression="lz4").read())


def _packed(table: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows without what is missing and whose they are; infinity, which JSON has not, as a word."""
    numbers = _numbers(table)
    for row in rows:
        kept = {name: value for name, value in row.items() if value is not None and name != WHOSE}
        for name in numbers & kept.keys():
            if not math.isfinite(kept[name]):
                kept[name] = repr(kept[name])
        yield kept


@cache
def _numbers(table: str) -> frozenset[str]:
    columns = TABLES[table].columns()
    return frozenset(name for name, column in columns.items() if pa.types.is_floating(column.type))


def _unpacked(table: str, row: dict[str, Any]) -> dict[str, Any]:
    columns = TABLES[table].columns()
    return {WHOSE: POSTED_PATIENT, **{name: _value(columns[name].type, value) for name, value in row.items()}}


def _value(kind: pa.DataType, value: Any) -> Any:
    if kind == INSTANT:
        return datetime.fromisoformat(value)
    if pa.types.is_floating(kind):
        return float(value)
    return date.fromisoformat(value) if pa.types.is_date(kind) else value

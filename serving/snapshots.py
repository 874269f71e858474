"""Snapshots: the inputs of an assessment as bytes, from which it can be made again."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import orjson
import pyarrow as pa

from records.clock import instant
from records.history import raw_table
from records.schema import INSTANT, TABLES
from serving.wire import Notice

LEVEL = 1
"""Of compression: a quarter of the size for a tenth of a millisecond."""


class Inputs(Protocol):
    """What a snapshot is made of."""

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """The unchecked tables."""

    @property
    def as_of(self) -> datetime:
        """The moment."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the reader of the tables had to say."""


@dataclass(frozen=True)
class Snapshot:
    """The inputs of one assessment."""

    tables: Mapping[str, pa.Table]
    as_of: datetime
    notices: tuple[Notice, ...]


def pack(inputs: Inputs) -> bytes:
    """The inputs as compressed JSON; whose they are is not among them."""
    said = {
        "as_of": inputs.as_of,
        "tables": {name: _plain(rows) for name, rows in inputs.tables.items() if rows.num_rows},
        "notices": [notice.model_dump() for notice in inputs.notices],
    }
    return zlib.compress(orjson.dumps(said), LEVEL)


def unpack(content: bytes) -> Snapshot:
    """The inputs again, to the last bit."""
    said = orjson.loads(zlib.decompress(content))
    tables = {name: raw_table(name, [_row(name, row) for row in rows]) for name, rows in said["tables"].items()}
    return Snapshot(tables, instant(said["as_of"]), tuple(Notice(**notice) for notice in said["notices"]))


def _plain(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON has them; infinity, which it has not, as a word."""
    listed: list[dict[str, Any]] = rows.to_pylist()
    for name in (field.name for field in rows.schema if pa.types.is_floating(field.type)):
        for row in listed:
            if row[name] is not None and not math.isfinite(row[name]):
                row[name] = repr(row[name])
    return listed


def _row(table: str, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(TABLES[table].columns()[name].type, value) for name, value in row.items()}


def _value(kind: pa.DataType, value: Any) -> Any:
    if value is None:
        return None
    if kind == INSTANT:
        return datetime.fromisoformat(value)
    if pa.types.is_floating(kind):
        return float(value)
    return date.fromisoformat(value) if pa.types.is_date(kind) else value

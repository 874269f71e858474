"""What every reader yields: raw tables of the schema, and what it met that the schema has no place for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa


class SourceError(ValueError):
    """A source cannot be read: the message names the file and the place, never a value of a patient."""


@dataclass(frozen=True)
class Batch:
    """A part of a source, small enough for memory.

    Attributes:
        tables: unchecked Arrow tables by name, of the schema's types with every column nullable, as
            `records.history.raw_table` makes them; in any order.
        rows_read: rows or resources of the source that this batch was made from.
        left_out: rows or resources that became no row, by (kind, reason); both are sentences or names without values.
        notices: rows or resources that became a row although a part of them could not be read, by (kind, what).
    """

    tables: Mapping[str, pa.Table]
    rows_read: int
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)

"""The record history of one person in plain Python, column by column: what one assessment takes, without a table.

For a million people Arrow's tables are the way. For the hundred events of one person, to make such tables and to take
them apart again costs more than everything that is asked of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from records.clock import microseconds
from records.history import History
from records.schema import EVENTS, INSTANT, TABLES

Ints = NDArray[np.int64]
TIMES = ("event_time", "recorded_at")


@dataclass(frozen=True)
class Columns:
    """The events of one table of one person, sorted by time and event id.

    Attributes:
        values: by column, the values of the schema's types; an absent column is all null. The two times stand apart.
        happened: `event_time` as microseconds since 1970 in UTC.
        recorded: `recorded_at` as microseconds since 1970 in UTC.
    """

    values: Mapping[str, Sequence[Any]]
    happened: Ints
    recorded: Ints

    def __len__(self) -> int:
        return len(self.happened)

    def __getitem__(self, name: str) -> Sequence[Any]:
        """The values of a column, other than the two times."""
        return self.values[name] if name in self.values else [None] * len(self)


NO_EVENTS = Columns({}, np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True)
class Person:
    """The usable history of one person.

    Attributes:
        row: the row of `patients`; an absent column is null.
        events: the events by table; an absent table is empty.
    """

    row: Mapping[str, Any]
    events: Mapping[str, Columns]

    def __getitem__(self, name: str) -> Columns:
        """The events of a table."""
        return self.events.get(name, NO_EVENTS)

    @classmethod
    def of(cls, history: History) -> Self:
        """The one person of a history.

        Raises:
            ValueError: the history does not hold exactly one patient.
        """
        if len(history.patient_ids) != 1:
            raise ValueError(f"a person is one patient; the history holds {len(history.patient_ids)}")
        return cls(history["patients"].to_pylist()[0], {name: _columns(history[name]) for name in EVENTS})

    @cached_property
    def history(self) -> History:
        """The same as tables."""
        tables = {"patients": pa.Table.from_pylist([dict(self.row)], schema=TABLES["patients"].arrow())}
        return History({name: tables.get(name) or _table(name, self[name]) for name in TABLES})


def _columns(rows: pa.Table) -> Columns:
    happened, recorded = (microseconds(rows[name]) for name in TIMES)
    return Columns(
        {name: rows[name].to_pylist() for name in rows.column_names if name not in TIMES}, happened, recorded
    )


def _table(name: str, rows: Columns) -> pa.Table:
    if not len(rows):
        return _empty(name)
    times = {"event_time": rows.happened, "recorded_at": rows.recorded}
    schema = TABLES[name].arrow()
    columns = [
        pa.array(times[field.name], pa.int64()).view(INSTANT)
        if field.name in times
        else pa.array(rows[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


@cache
def _empty(name: str) -> pa.Table:
    return TABLES[name].arrow().empty_table()

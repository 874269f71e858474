"""The record history of one person in plain Python, column by column: what one assessment takes, without a table.

For a million people Arrow's tables are the way. For the hundred events of one person, to make such tables and to take
them apart again costs more than everything that is asked of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from records.clock import microsecond, microseconds
from records.history import History
from records.schema import EVENTS, INSTANT, TABLES

Ints = NDArray[np.int64]
Row = Mapping[str, Any]
TIMES = ("event_time", "recorded_at")
UNKNOWN = int(np.iinfo(np.int64).min)
"""A time that is missing; only unchecked events lack one."""


@dataclass(frozen=True)
class Columns:
    """The events of one table of one person; usable ones are sorted by time and event id.

    Attributes:
        values: by column, the values of the schema's types, instants as microseconds since 1970 in UTC; an absent
            column is all null. The two times that every event has stand apart.
        happened: `event_time` as microseconds since 1970 in UTC; `UNKNOWN` where it is missing.
        recorded: `recorded_at` as microseconds since 1970 in UTC; `UNKNOWN` where it is missing.
    """

    values: Mapping[str, Sequence[Any]]
    happened: Ints
    recorded: Ints

    def __len__(self) -> int:
        return len(self.happened)

    def __getitem__(self, name: str) -> Sequence[Any]:
        """The values of a column, other than the two times."""
        return self.values[name] if name in self.values else [None] * len(self)

    @cached_property
    def times(self) -> tuple[list[int], list[int]]:
        """`happened` and `recorded` as plain numbers: a few dozen are looked at faster so than as arrays."""
        return self.happened.tolist(), self.recorded.tolist()

    def take(self, places: Sequence[int]) -> Columns:
        """The events at some positions, in their order."""
        values = {name: [column[at] for at in places] for name, column in self.values.items()}
        at = np.asarray(places, np.int64)
        return Columns(values, self.happened[at], self.recorded[at])


OWN: Mapping[str, tuple[str, ...]] = {
    name: tuple(column for column in table.columns() if column not in {"patient_id", *TIMES})
    for name, table in EVENTS.items()
}
"""The columns of each table of events but whose they are and the two times."""
INSTANTS: Mapping[str, tuple[str, ...]] = {
    name: tuple(column for column in columns if EVENTS[name].columns()[column].type == INSTANT)
    for name, columns in OWN.items()
}
"""Those of them that are instants."""
NO_EVENTS = Columns({}, np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True)
class Person:
    """The history of one person, whose name stands once, in the row of `patients`.

    Attributes:
        row: the row of `patients`; an absent column is null.
        events: the events by table; an absent table is empty.
    """

    row: Row
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
        return cls(history["patients"].to_pylist()[0], {name: _columns(name, history[name]) for name in EVENTS})

    @classmethod
    def from_rows(cls, rows: Mapping[str, Sequence[Row]]) -> Self:
        """From plain rows by table, one of `patients` among them; the times of events are aware.

        Raises:
            ValueError: there is not exactly one row of `patients`.
        """
        [row] = rows["patients"]
        events = {name: _of_rows(name, some) for name, some in rows.items() if name != "patients" and some}
        return cls(row, events)

    @cached_property
    def history(self) -> History:
        """The same as tables, of a usable history."""
        tables = {"patients": pa.Table.from_pylist([dict(self.row)], schema=TABLES["patients"].arrow())}
        return History({name: tables.get(name) or _table(name, self._owned(name)) for name in TABLES})

    def _owned(self, name: str) -> Columns:
        rows = self[name]
        return replace(rows, values={**rows.values, "patient_id": [self.row["patient_id"]] * len(rows)})


def _of_rows(name: str, rows: Sequence[Row]) -> Columns:
    times = ([UNKNOWN if (at := row.get(time)) is None else microsecond(at) for row in rows] for time in TIMES)
    values = {column: [row.get(column) for row in rows] for column in OWN[name]}
    for column in INSTANTS[name]:
        values[column] = [None if at is None else microsecond(at) for at in values[column]]
    return Columns(values, *(np.array(found, np.int64) for found in times))


def _columns(name: str, rows: pa.Table) -> Columns:
    happened, recorded = (microseconds(rows[time]) for time in TIMES)
    values = {
        column: (rows[column].cast(pa.int64()) if column in INSTANTS[name] else rows[column]).to_pylist()
        for column in OWN[name]
    }
    return Columns(values, happened, recorded)


def _table(name: str, rows: Columns) -> pa.Table:
    if not len(rows):
        return _empty(name)
    times = {"event_time": rows.happened, "recorded_at": rows.recorded}
    schema = TABLES[name].arrow()
    columns = [
        pa.array(times.get(field.name, rows[field.name]), pa.int64()).view(INSTANT)
        if field.type == INSTANT
        else pa.array(rows[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


@cache
def _empty(name: str) -> pa.Table:
    return TABLES[name].arrow().empty_table()

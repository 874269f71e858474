"""The record history in memory: typed, sorted tables of one patient or of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from records.schema import TABLES, Table

ORDER = ("patient_id", "event_time", "event_id")


class OrderError(ValueError):
    """A table is not sorted by patient, time and event id."""


@dataclass(frozen=True)
class History:
    """Tables of the schema, each cast to its Arrow schema and sorted by patient, time and event id.

    Build one with `History.of` (from Arrow tables) or `History.from_rows` (from plain rows); a table that is not
    given is empty. `history["visits"]` is an Arrow table.
    """

    tables: Mapping[str, pa.Table]

    @classmethod
    def of(cls, tables: Mapping[str, pa.Table]) -> History:
        """Cast and sort Arrow tables.

        Raises:
            KeyError: a table's name is not in the schema.
            ValueError: a column is missing or cannot be cast to its type.
        """
        unknown = sorted(set(tables) - set(TABLES))
        if unknown:
            raise KeyError(f"no such table in the schema: {', '.join(unknown)}; it has {', '.join(TABLES)}")
        return cls(
            {
                name: _conform(tables[name], table) if name in tables else table.arrow().empty_table()
                for name, table in TABLES.items()
            }
        )

    @classmethod
    def from_rows(cls, rows: Mapping[str, Iterable[Mapping[str, object]]]) -> History:
        """Build from plain rows by table name; absent nullable columns become null."""
        return cls.of({name: raw_table(name, some) for name, some in rows.items()})

    def __getitem__(self, name: str) -> pa.Table:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    @property
    def patient_ids(self) -> pa.ChunkedArray:
        """Patients in order."""
        return self.tables["patients"]["patient_id"]

    def rows(self) -> dict[str, int]:
        """Number of rows by table."""
        return {name: table.num_rows for name, table in self.tables.items()}


def raw_table(name: str, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Plain rows as an Arrow table of the schema's types, unchecked and unsorted."""
    schema = TABLES[name].arrow()
    everything_nullable = pa.schema([field.with_nullable(True) for field in schema])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=everything_nullable)


def order_of(table: type[Table]) -> list[tuple[str, str]]:
    """The sort keys of a table, as Arrow wants them."""
    return [(key, "ascending") for key in ORDER if key in table.columns()]


def is_sorted(rows: pa.Table) -> bool:
    """Whether rows stand in patient, time and event id order (patient order for `patients`)."""
    if rows.num_rows <= 1:
        return True
    keys = [rows[key].combine_chunks() for key in ORDER if key in rows.column_names]
    misplaced = pa.scalar(False)
    equal_so_far = pa.scalar(True)
    for key in keys:
        before, after = key.slice(0, len(key) - 1), key.slice(1)
        misplaced = pc.or_(misplaced, pc.and_(equal_so_far, pc.greater(before, after)))
        equal_so_far = pc.and_(equal_so_far, pc.equal(before, after))
    return not pc.any(misplaced).as_py()


def _conform(rows: pa.Table, table: type[Table]) -> pa.Table:
    schema = table.arrow()
    missing = [field.name for field in schema if field.name not in rows.column_names and not field.nullable]
    if missing:
        raise ValueError(f"table {table.name}: column {', '.join(missing)} is missing")
    columns = [_cast(rows, field, table.name) for field in schema]
    conformed = pa.Table.from_arrays(columns, schema=schema)
    return conformed if is_sorted(conformed) else conformed.sort_by(order_of(table))


def _cast(rows: pa.Table, field: pa.Field, table: str) -> pa.ChunkedArray | pa.Array:
    if field.name not in rows.column_names:
        return pa.nulls(rows.num_rows, field.type)
    column = rows[field.name]
    if column.null_count and not field.nullable:
        raise ValueError(f"table {table}: column {field.name} has {column.null_count} missing values")
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        raise ValueError(f"table {table}: column {field.name} cannot be read as {field.type}") from error

"""Rows of a database as Arrow tables of the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Row

from records.database.tables import InstantError
from records.schema import TABLES


class RowError(ValueError):
    """A database holds values of another type than the schema's; the message names the column, never the value."""


@contextmanager
def fetching(name: str) -> Iterator[None]:
    """Tell what is wrong with a table's values as they are fetched, without quoting them as SQLAlchemy does.

    Raises:
        RowError: an instant or a date cannot be read.
    """
    try:
        yield
    except InstantError as error:
        raise RowError(f"table {name}: {error}") from None
    except (ValueError, TypeError, OverflowError):
        raise RowError(f"table {name}: a date or a time cannot be read") from None


def arrow_table(name: str, rows: Sequence[Row[Any]]) -> pa.Table:
    """Rows of a table, in its declared column order, as an unchecked Arrow table with every column nullable.

    Raises:
        RowError: a column's values are not of its type.
    """
    fields = [field.with_nullable(True) for field in TABLES[name].arrow()]
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(fields)
    arrays = [_array(name, field, values) for field, values in zip(fields, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(table: str, field: pa.Field, values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise RowError(f"table {table}: column {field.name} holds a value that is no {field.type}") from None

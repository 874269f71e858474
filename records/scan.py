"""Columns of a stored history in patient order, a stretch of patients at a time: what works in bulk reads with this.

`records.store` reads whole histories. Features of hundreds of thousands of patients need some columns of some tables,
and no more memory than one stretch of patients takes. Text columns come as Arrow dictionaries, the way Parquet keeps
them: making texts of them again would be two thirds of the reading.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from records.history import OrderError, is_sorted, order_of
from records.schema import TABLES
from records.store import StoreError

TEXT = pa.dictionary(pa.int32(), pa.string())
"""The type in which text columns are read."""
ROWS_AT_ONCE = 65_536

_Found = TypeVar("_Found")


def scan(
    folder: Path, columns: Mapping[str, Sequence[str]], stretches: Iterable[tuple[str, str]]
) -> Iterator[dict[str, pa.Table]]:
    """Read columns of tables for one stretch of patients after another.

    Args:
        folder: a stored history.
        columns: the columns to read, by table; `patient_id` is always the first of them.
        stretches: the first and the last patient of each stretch, both included; ascending, without overlap.

    Yields:
        For every stretch, its rows by table in the order of the store; chunks have dictionaries of their own.

    Raises:
        StoreError: a file is missing, cannot be read, or lacks columns or values that it must have.
        OrderError: a table is not sorted by patient, time and event id. A file that declares this order in its
            Parquet metadata, as those that `records.store` writes do, is believed.
    """
    cursors = {name: _Cursor(folder, name, wanted) for name, wanted in columns.items()}
    for first, last in stretches:
        yield {name: cursor.take(first, last) for name, cursor in cursors.items()}


def all_patients(folder: Path) -> pa.Array:
    """The ids of all patients of a stored history, in order.

    Raises:
        StoreError, OrderError: as `scan`.
    """
    cursor = _Cursor(folder, "patients", [])
    batches = iter(lambda: cursor.next_batch(""), None)
    return pa.concat_arrays([pa.array([], pa.string()), *(batch.column(0).cast(pa.string()) for batch in batches)])


class _Cursor:
    """One table, read forwards; what is read beyond a stretch waits for the next one."""

    def __init__(self, folder: Path, name: str, columns: Sequence[str]) -> None:
        self._path = folder / f"{name}.parquet"
        self._name = name
        self._declared = TABLES[name].arrow()
        fields = [self._declared.field(column) for column in dict.fromkeys(["patient_id", *columns])]
        self._schema = pa.schema([field.with_type(TEXT) if field.type == pa.string() else field for field in fields])
        self._keys = [key for key, _ in order_of(TABLES[name])]
        texts = [field.name for field in self._declared if field.type == pa.string()]
        self._file = self._guarded(lambda: pq.ParquetFile(self._path, read_dictionary=texts))
        self._require([*self._keys, *self._schema.names])
        self._group = 0
        self._open: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None
        self._end: pa.RecordBatch | None = None

    def take(self, first: str, last: str) -> pa.Table:
        """The rows of the patients from `first` to `last`."""
        parts = []
        while (batch := self.next_batch(first)) is not None:
            start, stop = _place(bisect_left, batch, first), _place(bisect_right, batch, last)
            parts.append(batch.slice(start, stop - start))
            if stop < batch.num_rows:
                self._rest = batch.slice(stop)
                break
        return pa.Table.from_batches(parts, self._schema)

    def next_batch(self, first: str) -> pa.RecordBatch | None:
        """The next rows; row groups that end before the patient `first` are passed over unread."""
        if self._rest is not None:
            rest, self._rest = self._rest, None
            return rest
        while (batch := self._guarded(lambda: next(self._open, None))) is None:
            while self._ends_before(first):
                self._group += 1
            if self._group == self._file.num_row_groups:
                return None
            self._open = self._read(self._group)
            self._group += 1
        return self._conform(batch)

    def _ends_before(self, first: str) -> bool:
        """Whether there is a next row group and its statistics say that it ends before a patient."""
        if self._group == self._file.num_row_groups:
            return False
        at = self._file.schema_arrow.get_field_index("patient_id")
        statistics = self._file.metadata.row_group(self._group).column(at).statistics
        return bool(statistics is not None and statistics.has_min_max and statistics.max < first)

    def _read(self, group: int) -> Iterator[pa.RecordBatch]:
        wanted = dict.fromkeys([*self._schema.names, *([] if self._declares_order(group) else self._keys)])
        found: Iterator[pa.RecordBatch] = self._file.iter_batches(ROWS_AT_ONCE, [group], [*wanted], use_threads=False)
        return found

    def _declares_order(self, group: int) -> bool:
        says = self._file.metadata.row_group(group).sorting_columns
        declared, _ = pq.SortingColumn.to_ordering(self._file.schema_arrow, says)
        return bool(declared == tuple(order_of(TABLES[self._name])))

    def _conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        for field in batch.schema:
            if batch.column(field.name).null_count and not self._declared.field(field.name).nullable:
                raise StoreError(f"{self._path} has rows without {field.name}")
        if set(self._keys) <= set(batch.schema.names):
            self._check_order(batch.select(self._keys))
        asked = batch.select(self._schema.names)
        return asked if asked.schema.equals(self._schema) else self._guarded(lambda: asked.cast(self._schema))

    def _check_order(self, keys: pa.RecordBatch) -> None:
        """Compare every row with the one before, also across batches."""
        plain = pa.schema([self._declared.field(key) for key in self._keys])
        rows = self._guarded(lambda: keys.cast(plain))
        if not is_sorted(pa.Table.from_batches([rows] if self._end is None else [self._end, rows])):
            raise OrderError(f"{self._path} is not sorted by patient and time")
        self._end = rows.slice(rows.num_rows - 1)

    def _require(self, columns: Sequence[str]) -> None:
        missing = [column for column in dict.fromkeys(columns) if column not in self._file.schema_arrow.names]
        if missing:
            raise StoreError(f"{self._path} has no column {', '.join(missing)}")

    def _guarded(self, read: Callable[[], _Found]) -> _Found:
        try:
            return read()
        except FileNotFoundError as error:
            raise StoreError(
                f"{self._path} does not exist; write a history there first (python -m records simulate)"
            ) from error
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{self._path} is not a readable Parquet file of table {self._name}") from error


def _place(side: Callable[..., int], batch: pa.RecordBatch, patient: str) -> int:
    """Where a patient's rows would start or stop."""
    ids = batch.column(0)
    return side(range(len(ids)), patient, key=lambda at: ids[at].as_py())

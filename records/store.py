"""Histories on disk: one Parquet file a table, sorted by patient and time, replaced whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import reduce
from operator import and_
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from records.history import History, OrderError, is_sorted, order_of
from records.schema import TABLES, Table

ROWS_PER_GROUP = 65_536
LATER = ("assessments",)
"""Tables that the schema gained after folders were in use: a folder without their file has no rows of them."""


class StoreError(ValueError):
    """A folder does not hold a readable history."""


class Writer:
    """Write a history block by block; the folder appears, complete, when the `with` block ends without an error.

    Blocks come in patient order: every patient of a block sorts after those of the blocks before.

    Raises:
        OrderError: a block's first patient does not sort after the last one written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last_patient: str | None = None

    def __enter__(self) -> Self:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._staging = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=self.folder.parent))
        self._files = {name: _file(self._staging, table) for name, table in TABLES.items()}
        return self

    def write(self, block: History) -> None:
        """Append one block of patients."""
        if not len(block.patient_ids):
            return
        first, last = block.patient_ids[0].as_py(), block.patient_ids[-1].as_py()
        if self._last_patient is not None and first <= self._last_patient:
            raise OrderError("a block of patients does not follow the block before it")
        self._last_patient = last
        for name, file in self._files.items():
            file.write_table(block[name], row_group_size=ROWS_PER_GROUP)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is not None:
            shutil.rmtree(self._staging)
            return
        if self.folder.exists():
            retired = self._staging.with_name(self._staging.name + "-old")
            self.folder.rename(retired)
            self._staging.rename(self.folder)
            shutil.rmtree(retired)
        else:
            self._staging.rename(self.folder)


def _file(folder: Path, table: type[Table]) -> pq.ParquetWriter:
    """An empty file that declares its rows' order, which `History` holds, so that readers need not look for it."""
    order = pq.SortingColumn.from_ordering(table.arrow(), order_of(table))
    return pq.ParquetWriter(folder / f"{table.name}.parquet", table.arrow(), compression="zstd", sorting_columns=order)


def write(history: History, folder: Path) -> None:
    """Write a whole history into `folder`, replacing what is there only once all of it is written."""
    with Writer(folder) as writer:
        writer.write(history)


def read(folder: Path) -> History:
    """Read a whole history.

    Raises:
        StoreError: a file is missing, cannot be read or lacks a column.
        OrderError: a table is not sorted by patient and time.
    """
    return _read(folder, None, None)


def patient_ids(folder: Path) -> list[str]:
    """The patients of a history, in order.

    Raises:
        StoreError: as `read`.
    """
    found: list[str] = _read_table(folder, "patients", ["patient_id"], None)["patient_id"].to_pylist()
    return found


def read_patient(folder: Path, patient_id: str) -> History | None:
    """The history of one patient, or None when the patient is not in the store."""
    history = _read(folder, patient_id, patient_id)
    return history if len(history.patient_ids) else None


def read_between(folder: Path, first: str | None, until: str | None) -> History:
    """The patients from `first` on that sort before `until`; None means no limit.

    Raises:
        StoreError, OrderError: as `read`.
    """
    return _read_tables(folder, _between(first, until))


def _between(first: str | None, until: str | None) -> pc.Expression | None:
    limits = [pc.field("patient_id") >= first] if first is not None else []
    limits += [pc.field("patient_id") < until] if until is not None else []
    return reduce(and_, limits) if limits else None


def blocks(folder: Path, patients: int = 20_000) -> Iterator[History]:
    """Read a history in blocks of at most `patients` patients, in order."""
    ids = _read_table(folder, "patients", ["patient_id"], None)["patient_id"]
    for start in range(0, len(ids), patients):
        some = ids[start : start + patients]
        yield _read(folder, some[0].as_py(), some[-1].as_py())


def _read(folder: Path, first: str | None, last: str | None) -> History:
    within = None
    if first is not None and last is not None:
        within = (pc.field("patient_id") >= first) & (pc.field("patient_id") <= last)
    return _read_tables(folder, within)


def _read_tables(folder: Path, within: pc.Expression | None) -> History:
    tables = {}
    for name, table in TABLES.items():
        rows = _read_table(folder, name, list(table.columns()), within)
        if not is_sorted(rows):
            raise OrderError(f"{folder / name}.parquet is not sorted by patient and time")
        tables[name] = rows
    return History.of(tables)


def _read_table(folder: Path, name: str, columns: list[str], within: pc.Expression | None) -> pa.Table:
    path = folder / f"{name}.parquet"
    try:
        return pq.read_table(path, columns=columns, filters=within)
    except FileNotFoundError as error:
        if name in LATER and (folder / "patients.parquet").exists():
            return TABLES[name].arrow().empty_table()
        raise StoreError(f"{path} does not exist; write a history there first (python -m records simulate)") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise StoreError(f"{path} is not a readable Parquet file of table {name}") from error

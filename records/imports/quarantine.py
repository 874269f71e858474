"""Rows that an import kept aside, on disk: one Parquet file a table, with the reason and the import's origin.

A quarantine is patient data: its folder can be read by its owner alone. It holds every distinct row once, so that the
same import twice leaves it as it is; a row stays until somebody removes it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from records.schema import TABLES

EXTRA = (pa.field("reason", pa.string()), pa.field("origin", pa.string()))


class QuarantineError(ValueError):
    """A folder does not hold a readable quarantine."""


class Quarantine:
    """The next state of a quarantine, written range by range and put in place by `replace`; else it vanishes."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self._origin = origin
        self._files: dict[str, pq.ParquetWriter] = {}
        self._changed = False

    def __enter__(self) -> Self:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._staging = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=self.folder.parent))
        return self

    def write(self, aside: Mapping[str, pa.Table], first: str | None, until: str | None) -> None:
        """Add the rows kept aside of one range of patients to those that the quarantine holds of it."""
        for name in TABLES:
            before = held(self.folder, name, first, until)
            after = before
            if name in aside:
                origin = pa.array([self._origin] * aside[name].num_rows, pa.string())
                fresh = aside[name].append_column("origin", origin).select(schema_of(name).names)
                after = _distinct(pa.concat_tables([before, fresh.cast(schema_of(name))]))
            self._changed = self._changed or after.num_rows != before.num_rows
            self._append(name, after)

    def _append(self, name: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        if name not in self._files:
            self._files[name] = pq.ParquetWriter(self._staging / f"{name}.parquet", schema_of(name), compression="zstd")
        self._files[name].write_table(rows)

    def replace(self) -> None:
        """Put the new state in place, if it is another one."""
        self._close()
        if not self._changed:
            return
        retired = self._staging.with_name(self._staging.name + "-old")
        if self.folder.exists():
            self.folder.rename(retired)
        self._staging.rename(self.folder)
        shutil.rmtree(retired, ignore_errors=True)

    def _close(self) -> None:
        for file in self._files.values():
            file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        shutil.rmtree(self._staging, ignore_errors=True)


def held(folder: Path, name: str, first: str | None = None, until: str | None = None) -> pa.Table:
    """What a quarantine holds of a table: of all patients, or of those from `first` on that sort before `until`.

    Raises:
        QuarantineError: the file of the table cannot be read.
    """
    path = folder / f"{name}.parquet"
    if not path.exists():
        return schema_of(name).empty_table()
    within = pc.field("patient_id").is_valid() if first is not None else pc.scalar(True)
    if first is not None:
        within &= pc.field("patient_id") >= first
    if until is not None:
        within &= pc.coalesce(pc.field("patient_id"), "") < until
    try:
        return pq.read_table(path, columns=schema_of(name).names, filters=within).cast(schema_of(name))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError, ValueError) as error:
        raise QuarantineError(f"{path} is not a readable quarantine of table {name}") from error


def schema_of(name: str) -> pa.Schema:
    """The columns of a table's quarantine: those of the table, all nullable, the reason and the origin."""
    return pa.schema([*(field.with_nullable(True) for field in TABLES[name].arrow()), *EXTRA])


def _distinct(rows: pa.Table) -> pa.Table:
    names = rows.schema.names
    found = rows.group_by(names, use_threads=False).aggregate([]).select(names).cast(rows.schema)
    return found.sort_by([(name, "ascending") for name in names])

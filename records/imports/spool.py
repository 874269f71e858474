"""Batches of a source, laid down on disk by patient range, so that any number of rows fits in memory range by range."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.schema import TABLES

GATHERED = 2**19
"""Rows that are split among the ranges at once."""
LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")
Edges: TypeAlias = Sequence[str]
"""First patient of every range but the first, ascending; the first range is open below, the last one above."""


class Spool:
    """Rows of the schema's tables on disk, first in order of arrival, then by range of patients.

    Within a range rows keep their order of arrival. A row without a patient is in the first range.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrived: dict[str, pa.RecordBatchFileWriter] = {}
        self._ranges: dict[str, dict[int, list[int]]] = {}
        self._files: dict[str, pa.RecordBatchFileReader] = {}
        self.patients: set[str] = set()

    def add(self, name: str, rows: pa.Table) -> None:
        """Lay down rows of a table; absent columns become null."""
        schema = _nullable(name)
        rows = pa.table({field.name: _column(rows, field) for field in schema}, schema=schema)
        if name not in self._arrived:
            self._arrived[name] = pa.ipc.new_file(self._folder / f"{name}.arrow", schema, options=LZ4)
        self._arrived[name].write_table(rows)
        self.patients.update(pc.drop_null(rows["patient_id"].unique()).to_pylist())

    def split(self, edges: Edges) -> None:
        """Lay the rows down once more, range by range; nothing can be added any more."""
        for name, writer in self._arrived.items():
            writer.close()
            self._ranges[name] = self._split(name, edges)
            self._files[name] = pa.ipc.open_file(pa.memory_map(str(self._folder / f"{name}.split")))

    def _split(self, name: str, edges: Edges) -> dict[int, list[int]]:
        places: dict[int, list[int]] = defaultdict(list)
        path = self._folder / f"{name}.arrow"
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as arrived:
            target = self._folder / f"{name}.split"
            with pa.ipc.new_file(target, arrived.schema, options=LZ4) as out:
                for at, (place, rows) in enumerate(_pieces(arrived, edges)):
                    out.write_batch(rows)
                    places[place].append(at)
        path.unlink()
        return places

    def names(self) -> list[str]:
        """Tables that have rows, or had the chance to."""
        return list(self._arrived)

    def read(self, name: str, place: int) -> pa.Table:
        """The rows of one range, in order of arrival."""
        if name not in self._files:
            return _nullable(name).empty_table()
        parts = [self._files[name].get_batch(at) for at in self._ranges[name].get(place, ())]
        return pa.Table.from_batches(parts, _nullable(name)).combine_chunks()

    def close(self) -> None:
        """Let go of the files."""
        for writer in self._arrived.values():
            writer.close()
        self._files.clear()


def edges_of(patients: Sequence[str], size: int) -> list[str]:
    """Edges that make ranges of at most `size` patients; `patients` are sorted and distinct."""
    return [patients[at] for at in range(size, len(patients), size)]


def places_of(patients: pa.ChunkedArray, edges: Edges) -> NDArray[np.int32]:
    """The range in which every row's patient lies."""
    encoded = patients.combine_chunks().dictionary_encode()
    known = np.array([bisect_right(edges, one) for one in encoded.dictionary.to_pylist()], np.int32)
    lookup = np.append(known, np.int32(0))
    return np.asarray(lookup[pc.fill_null(encoded.indices, len(known)).to_numpy()])


def _pieces(arrived: pa.RecordBatchFileReader, edges: Edges) -> Iterator[tuple[int, pa.RecordBatch]]:
    for part in _gathered(arrived):
        places = places_of(part["patient_id"], edges)
        order = np.argsort(places, kind="stable")
        rows = part if places[order[0]] == places[order[-1]] else part.take(pa.array(order))
        starts = np.flatnonzero(np.diff(places[order], prepend=-1))
        for start, end in zip(starts, np.append(starts[1:], len(order)), strict=True):
            for batch in rows.slice(start, end - start).to_batches():
                yield int(places[order[start]]), batch


def _gathered(arrived: pa.RecordBatchFileReader) -> Iterator[pa.Table]:
    """The rows in larger parts than they came in, because every part is cut into as many pieces as there are ranges."""
    parts: list[pa.RecordBatch] = []
    for at in range(arrived.num_record_batches):
        parts.append(arrived.get_batch(at))
        if at == arrived.num_record_batches - 1 or sum(part.num_rows for part in parts) >= GATHERED:
            yield pa.Table.from_batches(parts).combine_chunks()
            parts = []


def _nullable(name: str) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in TABLES[name].arrow()])


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    return rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)

"""The batch: every feature of a whole stored history, at any number of moments, as one Parquet file.

The history is read, evaluated and written a block of moments after another, so that memory does not grow with the
number of patients: only their ids and the moments themselves are held. A block is answered by the function that also
answers for one patient, so the numbers are the same to the last bit, whatever the blocks and the processes.

The file has one row a moment: `patient_id`, `as_of`, then the features in the order of the catalogue, null where
missing. Rows come by patient, then moment, whatever the order in which the moments were given. The file is put in place
when it is complete, and so is the profile of its columns (`features.profile`).
"""

from __future__ import annotations

import ctypes
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice, pairwise
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from features import profile as profiles
from features.catalogue import Catalogue
from features.evaluate import Matrix, Moments, evaluate
from features.events import prepare
from features.plan import plan_of
from features.profile import Profile
from records.clock import microseconds
from records.scan import all_patients, scan
from records.schema import INSTANT

BLOCK = 5_000
"""Patients whose histories are held at once, and moments evaluated at once: enough to outweigh what every block costs,
few enough to stay near a processor's cache."""
ROWS_PER_GROUP = 20_000
"""Rows of the file that are held and written at once; a matrix is wide."""
STRETCH = 40_000
"""Moments that one of several processes takes at a time."""

# Names and numbers of the GNU C library's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = 2**30
"""Bytes of free memory that a process of the batch keeps at most."""
LARGEST = 2**25
"""Bytes from which memory is asked of the system by itself: the most that the GNU C library allows."""


def compute(
    catalogue: Catalogue, folder: Path, moments: Moments, out: Path, *, jobs: int = 1, profile: Path | None = None
) -> int:
    """Evaluate a catalogue at moments of a stored history and write the matrix.

    Args:
        catalogue: the features.
        folder: the stored history (`records.store`).
        moments: whom and when, in any order; a patient may be asked about at several moments.
        out: the Parquet file to write, or to replace.
        jobs: how many processes work at it.
        profile: the file to write the profile of the matrix to, if any.

    Returns:
        The number of rows written.

    Raises:
        ValueError: a moment asks about a patient that the store does not hold.
        StoreError, OrderError: the store cannot be read (`records.scan`).
    """
    asked = in_order(folder, moments)
    with _Staging(out) as staging:
        counted = None
        with (
            _Writer(staging.folder / "matrix", catalogue) as writer,
            tqdm(total=len(asked.as_of), unit="moment", desc="features") as bar,
        ):
            for part, found in _parts(catalogue, folder, asked, staging.folder, jobs, profiled=profile is not None):
                writer.write(part)
                counted = _added(counted, found)
                bar.update(part.num_rows)
        if profile is not None:
            profiles.write(counted or Profile.empty(catalogue.version, catalogue.names), staging.folder / "profile")
            (staging.folder / "profile").replace(profile)
        (staging.folder / "matrix").chmod(0o600)  # whose data it is stands in it
        (staging.folder / "matrix").replace(out)
    return len(asked.as_of)


def _added(one: Profile | None, other: Profile | None) -> Profile | None:
    return one + other if one is not None and other is not None else one or other


def keep_memory() -> None:
    """Let this process keep the memory that it frees, which saves the batch a seventh of its CPU.

    Block after block asks for the same arrays, which the C library and Arrow's own allocator give back in between. This
    is for processes that do nothing else: the commands of the batch call it. Without the GNU C library it only chooses
    the plain allocator for Arrow.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TOP_PAD, KEPT // 16)


def in_order(folder: Path, moments: Moments) -> Moments:
    """The moments by patient, in the order of the store, then by time.

    Raises:
        ValueError: a moment asks about a patient that the store does not hold.
    """
    owner = pc.index_in(moments.patient_ids, all_patients(folder))
    if owner.null_count:
        raise ValueError(f"{owner.null_count} of {len(owner)} moments ask about a patient that {folder} does not hold")
    order = np.lexsort((microseconds(moments.as_of), owner.to_numpy()))
    if np.array_equal(order, np.arange(len(order))):
        return moments
    return Moments(moments.patient_ids.take(pa.array(order)), moments.as_of.take(pa.array(order)))


def evaluated(catalogue: Catalogue, folder: Path, asked: Moments) -> Iterator[tuple[Moments, Matrix]]:
    """Evaluate moments, which `in_order` has ordered, block by block; a patient's moments stay together."""
    starts = _starts(asked.patient_ids)
    reads = list(pairwise([*starts[:-1:BLOCK].tolist(), len(asked.patient_ids)]))
    stretches = [(asked.patient_ids[start].as_py(), asked.patient_ids[stop - 1].as_py()) for start, stop in reads]
    for read, tables in zip(reads, scan(folder, plan_of(catalogue).columns, stretches), strict=True):
        events, part = prepare(catalogue, tables), _slice(asked, *read)
        for block in _edges(part.patient_ids, BLOCK):
            some = _slice(part, *block)
            yield some, evaluate(catalogue, events, some)


def _starts(patient_ids: pa.Array) -> NDArray[np.intp]:
    """Where every patient's moments start, and where the last one's end."""
    if not len(patient_ids):
        return np.zeros(1, np.intp)
    new = pc.not_equal(patient_ids[1:], patient_ids[:-1]).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], new.nonzero()[0] + 1, [len(patient_ids)]])


def _edges(patient_ids: pa.Array, block: int) -> Iterator[tuple[int, int]]:
    """Where blocks start and stop: at most `block` moments each, unless one patient has more."""
    starts = _starts(patient_ids)
    at = 0
    while at < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[at] + block, side="right")) - 1
        start, at = at, max(last, at + 1)
        yield int(starts[start]), int(starts[at])


def _slice(moments: Moments, start: int, stop: int) -> Moments:
    return Moments(moments.patient_ids[start:stop], moments.as_of[start:stop])


def _parts(
    catalogue: Catalogue, folder: Path, asked: Moments, staging: Path, jobs: int, *, profiled: bool
) -> Iterator[tuple[pa.Table, Profile | None]]:
    """Pieces of the matrix, in order, with their profiles."""
    if jobs == 1:
        yield from (
            _part(catalogue, part, matrix, profiled=profiled) for part, matrix in evaluated(catalogue, folder, asked)
        )
        return
    edges = enumerate(_edges(asked.patient_ids, min(STRETCH, -(-len(asked.as_of) // jobs) or 1)))
    with ProcessPoolExecutor(jobs, get_context("spawn"), keep_memory) as pool:
        asked_for = (
            pool.submit(_elsewhere, catalogue, folder, _slice(asked, *edge), staging / f"{number}.arrow", profiled)
            for number, edge in edges
        )
        pending = deque(islice(asked_for, jobs + 1))
        while pending:
            path, found = pending.popleft().result()
            pending.extend(islice(asked_for, 1))
            with pa.memory_map(str(path)) as file:
                yield pa.ipc.open_file(file).read_all(), found
            path.unlink()


def _elsewhere(
    catalogue: Catalogue,
    folder: Path,
    asked: Moments,
    path: Path,
    profiled: bool,  # noqa: FBT001 - a pool passes by position
) -> tuple[Path, Profile | None]:
    """Evaluate moments in a process of its own and leave the rows in a file."""
    counted = None
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, _schema(catalogue)) as writer:
        for part, matrix in evaluated(catalogue, folder, asked):
            rows, found = _part(catalogue, part, matrix, profiled=profiled)
            writer.write_table(rows)
            counted = _added(counted, found)
    return path, counted


def _part(catalogue: Catalogue, asked: Moments, matrix: Matrix, *, profiled: bool) -> tuple[pa.Table, Profile | None]:
    rows = pa.Table.from_arrays([asked.patient_ids, asked.as_of, *_columns(matrix)], schema=_schema(catalogue))
    return rows, Profile.of(catalogue.version, matrix, asked.patient_ids) if profiled else None


def _columns(matrix: Matrix) -> Iterator[pa.Array]:
    """The features as Arrow columns, null where NaN, without copying a value."""
    values = np.ascontiguousarray(matrix.values.T)
    known = values == values  # noqa: PLR0124 - false for NaN, and half the work of isnan
    nulls = known.shape[1] - np.count_nonzero(known, axis=1)
    for column, bits, missing in zip(
        values, np.packbits(known, axis=1, bitorder="little"), nulls.tolist(), strict=True
    ):
        yield pa.Array.from_buffers(pa.float64(), len(column), [pa.py_buffer(bits), pa.py_buffer(column)], missing)


def _schema(catalogue: Catalogue) -> pa.Schema:
    said = {"catalogue": catalogue.version, "features": list(catalogue.names)}
    fields = [("patient_id", pa.string()), ("as_of", INSTANT), *((name, pa.float64()) for name in catalogue.names)]
    return pa.schema(fields, {"tarve": json.dumps(said)})


class _Staging:
    """A folder beside the output in which it is made, and which is gone at the end, whatever happens."""

    def __init__(self, out: Path) -> None:
        out.parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder)


class _Writer:
    """A Parquet file that takes tables of any length and writes whole row groups."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self._schema = _schema(catalogue)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting = self._schema.empty_table()

    def __enter__(self) -> Self:
        return self

    def write(self, rows: pa.Table) -> None:
        """Add rows; they are written when they make a row group."""
        self._waiting = pa.concat_tables([self._waiting, rows])
        while self._waiting.num_rows >= ROWS_PER_GROUP:
            self._file.write_table(self._waiting.slice(0, ROWS_PER_GROUP))
            self._waiting = self._waiting.slice(ROWS_PER_GROUP)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._waiting.num_rows:
            self._file.write_table(self._waiting)
        self._file.close()

"""Event ids that stand with more than one range of patients: the few that a range cannot judge by itself.

An event id is unique within its table across all patients. Ranges are imported one by one, so a clash between two
ranges is looked for beforehand, by a 64-bit hash of every event id (8 bytes a row of the largest table that arrived).
A hash that turns up in two ranges is only a suspicion; the ids behind it are then compared as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from records.imports.spool import Edges, Spool, places_of

Hashes = NDArray[np.uint64]
_ODD = np.random.Generator(np.random.PCG64(20261122)).integers(0, 2**63, 256, np.uint64) * np.uint64(2) + np.uint64(1)
"""Random odd multipliers by position in an id; fixed, so that every run meets the same collisions, if any."""


@dataclass
class Owners:
    """Who owns the event ids of one table that more than one range claims.

    Attributes:
        stored: the patient who has the id in the store.
        taken: ids that an earlier range of this import has used.
        suspects: hashes that turned up in more than one range, sorted.
    """

    stored: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    suspects: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))

    def claim(self, ids: pa.ChunkedArray, patients: pa.ChunkedArray) -> NDArray[np.bool_]:
        """Rows whose id a patient of an earlier range has taken; the others take theirs."""
        refused = np.zeros(len(ids), bool)
        for at, key, patient in self._suspected(ids, patients):
            refused[at] = self.taken.setdefault(key, patient) != patient
        return refused

    def foreign(self, ids: pa.ChunkedArray, patients: pa.ChunkedArray) -> NDArray[np.bool_]:
        """Rows whose id is another patient's in the store, in whatever range."""
        found = np.zeros(len(ids), bool)
        for at, key, patient in self._suspected(ids, patients):
            found[at] = self.stored.get(key, patient) != patient
        return found

    def _suspected(self, ids: pa.ChunkedArray, patients: pa.ChunkedArray) -> Iterator[tuple[int, str, str]]:
        """Places, ids and patients of the rows whose id another range may claim."""
        if len(self.suspects):
            for at in np.flatnonzero(np.isin(hashes(ids), self.suspects)).tolist():
                yield at, ids[at].as_py(), patients[at].as_py()


def owners(spool: Spool, store: Path | None, name: str, edges: Edges) -> Owners:
    """Find the clashes between ranges of one table that arrived."""
    found = Owners()
    if not edges:
        return found
    keys, places = _arrived(spool, name, len(edges) + 1)
    suspects = [keys[1:][(keys[1:] == keys[:-1])]]
    if store is not None:
        suspects += [key[_elsewhere(key, place, keys, places)] for key, place, _ in _stored(store, name, edges)]
    found.suspects = np.unique(np.concatenate(suspects))
    if store is not None and len(found.suspects):
        for key, _, rows in _stored(store, name, edges):
            some = rows.filter(pa.array(np.isin(key, found.suspects)))
            found.stored.update(zip(some["event_id"].to_pylist(), some["patient_id"].to_pylist(), strict=True))
    return found


def _arrived(spool: Spool, name: str, ranges: int) -> tuple[Hashes, NDArray[np.int32]]:
    """Hashes of the ids of every range, sorted, each once a range, and their ranges."""
    keys = [np.unique(hashes(spool.read(name, place)["event_id"])) for place in range(ranges)]
    places = np.repeat(np.arange(ranges, dtype=np.int32), [len(some) for some in keys])
    together = np.concatenate(keys)
    order = np.argsort(together, kind="stable")
    return together[order], places[order]


def _elsewhere(key: Hashes, place: NDArray[np.int32], keys: Hashes, places: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where an arrived id has the hash of a stored one but not its range."""
    if not len(keys):
        return np.zeros(len(key), bool)
    at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.asarray((keys[at] == key) & (places[at] != place))


def _stored(store: Path, name: str, edges: Edges) -> Iterator[tuple[Hashes, NDArray[np.int32], pa.Table]]:
    with pq.ParquetFile(store / f"{name}.parquet") as file:
        for batch in file.iter_batches(columns=["patient_id", "event_id"]):
            rows = pa.Table.from_batches([batch])
            yield hashes(rows["event_id"]), places_of(rows["patient_id"], edges), rows


def hashes(texts: pa.ChunkedArray) -> Hashes:
    """A 64-bit hash of every text; a missing one hashes as the empty text.

    Multiplies every byte by a random odd number that depends on its position, and adds up: one pass of NumPy over the
    bytes, ten times faster than a hash of Python objects.
    """
    array = pc.fill_null(texts, "").cast(pa.large_binary())
    return np.concatenate([np.zeros(0, np.uint64), *map(_hashes, array.chunks)])


def _hashes(chunk: pa.LargeBinaryArray) -> Hashes:
    _, ends, data = chunk.buffers()
    edges = np.frombuffer(ends, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    lengths = np.diff(edges)
    sums = lengths.astype(np.uint64) * _ODD[255]
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    for at in range(int(lengths.max(initial=0))):
        some = np.flatnonzero(lengths > at) if at >= lengths.min() else slice(None)
        letters = text[edges[:-1][some] + at].astype(np.uint64) + np.uint64(1)
        sums[some] += letters * _ODD[at % 255]
    return np.asarray(sums ^ (sums >> np.uint64(29)))

"""An import from beginning to end, in bounded memory: spool, split by patient, merge range by range, replace."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from records.history import History
from records.imports.merge import merge
from records.imports.owners import owners
from records.imports.quarantine import Quarantine
from records.imports.spool import Edges, Spool, edges_of
from records.imports.summary import Summary
from records.schema import EVENTS, TABLES
from records.sources.batch import Batch
from records.store import Writer, patient_ids, read_between

PATIENTS = 5_000
"""Patients a range: what is in memory at once. Ranges of 20,000 took as long and half as much memory again."""


class Watch(Protocol):
    """Told how far an import has come."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """`stage` is `read` (rows of the source; the total is not known) or `merge` (ranges of patients)."""


class _NothingNewError(Exception):
    """The store stays as it is."""


def import_batches(
    store: Path,
    batches: Iterable[Batch],
    quarantine: Path,
    *,
    origin: str,
    patients: int = PATIENTS,
    watch: Watch | None = None,
) -> Summary:
    """Bring batches of a source into a store, which need not exist yet.

    A row whose event id the store does not hold is new. One that it holds with the same content changes nothing, with
    another content it replaces the stored row. Of rows with one event id in the same import, the first in order of
    patient, time and arrival is used and the others are kept aside, and so is a row whose event id is another patient's
    in the store. What a patient's row does not say (null, or sex `unknown`) stays as it is stored. When nothing is
    new or changed the store's files are not touched.

    Memory holds one range of patients, the patient ids, and 8 bytes a row of the largest table that arrived. The
    temporary files hold patient data: they lie beside the store, for its owner alone, and are gone at the end.

    Args:
        store: folder of the history; replaced whole at the end or left as it was.
        batches: what a reader yields.
        quarantine: folder for the rows kept aside, see `records.imports.quarantine`.
        origin: what the quarantine calls this import, such as the format and the names of the files.
        patients: patients a range, 1 or more.
        watch: called as the import goes on.

    Raises:
        SourceError: the source cannot be read.
        StoreError, OrderError, QuarantineError: what is there already cannot be read.
        OSError: the disk is full, or may not be written to.

    Whatever is raised, the store and the quarantine are as they were.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{store.name}-import-", dir=store.parent) as folder:
        spool = Spool(Path(folder))
        try:
            one = _Import(store, spool, patients, Summary(), watch or _nobody)
            one.take_in(batches)
            one.merge(Quarantine(quarantine, origin))
        finally:
            spool.close()
    return one.summary


def _nobody(stage: str, done: int, total: int | None) -> None:
    """Watch nothing."""


@dataclass(frozen=True)
class _Import:
    store: Path
    spool: Spool
    patients: int
    summary: Summary
    watch: Watch

    def take_in(self, batches: Iterable[Batch]) -> None:
        summary = self.summary
        for batch in batches:
            summary.rows_read += batch.rows_read
            summary.left_out.update(batch.left_out)
            summary.notices.update(batch.notices)
            for name, rows in batch.tables.items():
                self._add(name, rows)
            self.watch("read", summary.rows_read, None)

    def _add(self, name: str, rows: pa.Table) -> None:
        if name not in TABLES:
            self.summary.left_out[name, "the store keeps no such table"] += rows.num_rows
        elif rows.num_rows:
            self.summary.arrived[name] += rows.num_rows
            self.spool.add(name, rows)

    def merge(self, quarantine: Quarantine) -> None:
        known = patient_ids(self.store) if self.store.exists() else []
        edges = edges_of(sorted(self.spool.patients.union(known)), self.patients)
        self.spool.split(edges)
        existed = self.store.exists()
        with quarantine:
            with suppress(_NothingNewError), Writer(self.store) as writer:
                self._merge_ranges(edges, writer, quarantine)
                if existed and self.summary.changes_nothing():
                    raise _NothingNewError
            quarantine.replace()

    def _merge_ranges(self, edges: Edges, writer: Writer, quarantine: Quarantine) -> None:
        old = self.store if self.store.exists() else None
        claims = {name: owners(self.spool, old, name, edges) for name in self.spool.names() if name in EVENTS}
        for place, (first, until) in enumerate(pairwise([None, *edges, None])):
            arrived = {name: self.spool.read(name, place) for name in self.spool.names()}
            stored = read_between(old, first, until) if old is not None else History.of({})
            merged = merge(arrived, stored, claims, self.summary)
            writer.write(merged.history)
            quarantine.write(merged.aside, first, until)
            self.watch("merge", place + 1, len(edges) + 1)

"""Ours: the batch of `features.batch`, in one process or several, with or without the profile of the matrix."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from features import batch
from features.catalogue import Catalogue
from features.evaluate import Moments


def run(catalogue: Catalogue, folder: Path, moments: Path, out: Path, *, jobs: int = 1, profiled: bool = False) -> None:
    """Compute the matrix."""
    batch.keep_memory()
    asked = pq.read_table(moments, columns=["patient_id", "as_of"])
    batch.compute(
        catalogue,
        folder,
        Moments(asked["patient_id"].combine_chunks(), asked["as_of"].combine_chunks()),
        out,
        jobs=jobs,
        profile=out.with_suffix(".json") if profiled else None,
    )


def profiled(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Compute the matrix and its profile."""
    run(catalogue, folder, moments, out, profiled=True)


def two_processes(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Compute the matrix with two processes."""
    run(catalogue, folder, moments, out, jobs=2)

"""Scoring a whole population: one row a patient, block by block, the same numbers as the service gives one by one.

A row holds the pseudonym, the moment, whether anything was known, and what is predicted; no other identifier and
nothing recorded. Memory is bounded by the block, and the file appears only when it is complete.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Matrix, Moments, evaluate
from models.conformal import holding
from models.need import ModelError, NeedModel, Predictions
from models.reasons import group_weights
from models.segments import SegmentTable, read_tables
from models.sites import sites
from records import store
from records.clock import instant, microseconds
from records.history import History
from records.schema import INSTANT
from training import tracking
from training.cohort import has_past
from training.slices import Words

Floats = NDArray[np.float64]
ASSESSED, NO_HISTORY = "assessed", "no_history"
REASONS = 3


@dataclass(frozen=True)
class Scorer:
    """A model with the features and segments that it was made for.

    Attributes:
        reasons: whether the reason groups that matter most are given too.
    """

    model: NeedModel
    catalogue: Catalogue
    table: SegmentTable
    reasons: bool = False

    @classmethod
    def of(cls, model: NeedModel, *, reasons: bool = False) -> Scorer:
        """A scorer on the project's catalogue.

        Raises:
            ModelError: the model was made for other features or segments than this code has.
        """
        if model.catalogue != DENTAL.version:
            raise ModelError(f"the model reads features {model.catalogue}, the catalogue is {DENTAL.version}")
        tables = [table for table in read_tables() if table.valid_from.isoformat() == model.segments_from]
        if not tables:
            raise ModelError(f"there is no table of segments of {model.segments_from}, for which the model was made")
        return cls(model, DENTAL, tables[0], reasons)

    def rows(self, asked: Asked) -> pa.Table:
        """What is said about the patients asked about, in their order; nothing is predicted without history."""
        known = self._predicted(asked.matrix.values[asked.known], asked.site[asked.known])
        place = pa.array(np.where(asked.known, np.cumsum(asked.known) - 1, 0), mask=~asked.known)
        return pa.table(asked.columns() | {name: column.take(place) for name, column in known.items()})

    def _predicted(self, x: Floats, site: Words) -> dict[str, pa.Array]:
        """Columns of predictions, one entry a row of `x`."""
        predicted, segments = self.model.predict(x, site), self.table.segments
        suggested = self.table.suggest(predicted.at_least)
        names = pa.array(self.table.names)
        columns = {"segment": names.take(pa.array(suggested))}
        columns |= {f"p.{name}": pa.array(predicted.probabilities[:, k]) for k, name in enumerate(self.table.names)}
        for what, amounts in (("visits", predicted.visits), ("minutes", predicted.minutes)):
            columns[what] = pa.array(amounts.sum(1))
            columns |= {
                f"{what}.{name}": pa.array(amounts[:, at]) for at, name in enumerate(self.model.need.professions)
            }
        columns |= self._uncertain(predicted, suggested)
        columns["first_minutes"] = pa.array(np.array([each.first.minutes for each in segments])[suggested])
        return columns | (self._reasons(x, suggested) if self.reasons else {})

    def _uncertain(self, predicted: Predictions, suggested: NDArray[np.int64]) -> dict[str, pa.Array]:
        """Segments that cannot be ruled out, the suggested one among them, and intervals; nothing where not known."""
        columns: dict[str, pa.Array] = {}
        if predicted.prediction_set is not None:
            inside = holding(predicted.prediction_set, suggested)
            columns |= {f"set.{name}": pa.array(inside[:, k]) for k, name in enumerate(self.table.names)}
        for what, bounds in (("visits", predicted.visits_interval), ("minutes", predicted.minutes_interval)):
            if bounds is not None:
                columns |= {f"{what}_low": pa.array(bounds[:, 0]), f"{what}_high": pa.array(bounds[:, 1])}
        return columns

    def _reasons(self, x: Floats, suggested: NDArray[np.int64]) -> dict[str, pa.Array]:
        """The reason groups that matter most, with their log-odds, of the threshold that a suggestion speaks of."""
        threshold = np.maximum(suggested - 1, 0)
        each = self.model.estimator.contributions(x)[np.arange(len(x)), threshold, :-1]
        groups = tuple(group_weights(self.catalogue, np.zeros(len(self.catalogue))))
        place = np.array([groups.index(feature.about) for feature in self.catalogue])
        weights = np.stack([each[:, place == at].sum(1) for at in range(len(groups))], axis=1)
        first = np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :REASONS]
        columns: dict[str, pa.Array] = {}
        for at in range(first.shape[1]):
            columns[f"reason_{at + 1}"] = pa.array(groups).take(pa.array(first[:, at]))
            columns[f"reason_{at + 1}_weight"] = pa.array(weights[np.arange(len(x)), first[:, at]])
        return columns


@dataclass(frozen=True)
class Asked:
    """Patients asked about at one moment: who, whether anything was known, at which site, and their features."""

    patient_ids: pa.Array
    as_of: pa.Array
    known: NDArray[np.bool_]
    site: Words
    matrix: Matrix

    @classmethod
    def of(cls, history: History, catalogue: Catalogue, as_of: datetime) -> Asked:
        """All patients of a history who have not died or moved by then."""
        people = history["patients"]
        here = pc.fill_null(pc.greater(people["left_at"], pa.scalar(as_of, INSTANT)), fill_value=True)
        ids = people["patient_id"].filter(here).combine_chunks()
        moments = Moments(ids, pa.array([as_of] * len(ids), INSTANT))
        owner = np.asarray(pc.index_in(ids, history.patient_ids.combine_chunks()).to_numpy(), np.int64)
        known = has_past(history, catalogue.sources, owner, microseconds(moments.as_of))
        return cls(ids, moments.as_of, known, sites(history, moments), evaluate(catalogue, history, moments))

    def columns(self) -> dict[str, pa.Array]:
        """Who, when, and whether anything was known."""
        status = pa.array(np.where(self.known, ASSESSED, NO_HISTORY))
        return {"patient_id": self.patient_ids, "as_of": self.as_of, "status": status}


def run(options: argparse.Namespace) -> int:
    """Score a stored history with a registered model."""
    if options.block < 1:
        raise ValueError(f"--block must be at least 1, not {options.block}")
    as_of, version = instant(options.as_of), tracking.version_named(options.model)
    scorer = Scorer.of(tracking.load(version), reasons=options.reasons)
    blocks = asked(options.history, scorer.catalogue, as_of, options.block)
    if options.spark:
        rows = _on_spark(blocks, version, options.out)
    else:
        rows = write((scorer.rows(each) for each in blocks), options.out, version)
    print(f"{rows:,} patients as of {as_of.isoformat()} by {tracking.NAME} version {version} in {options.out}")
    return 0


def asked(folder: Path, catalogue: Catalogue, as_of: datetime, block: int) -> Iterator[Asked]:
    """The patients of a stored history in blocks, with a progress bar."""
    total = pq.ParquetFile(folder / "patients.parquet").metadata.num_rows
    with tqdm(total=total, desc="score", unit="patient") as progress:
        for history in store.blocks(folder, block):
            yield Asked.of(history, catalogue, as_of)
            progress.update(len(history.patient_ids))


def write(tables: Iterator[pa.Table], out: Path, version: str) -> int:
    """Write tables as one Parquet file, complete or not at all; returns the rows written."""
    staged, rows, writer = out.with_name(out.name + ".part"), 0, None
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        for table in tables:
            said = table.replace_schema_metadata({"model": f"{tracking.NAME} version {version}"})
            writer = writer or pq.ParquetWriter(staged, said.schema, compression="zstd")
            writer.write_table(said)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("the history holds no patient")
    staged.replace(out)
    return rows


def _on_spark(blocks: Iterator[Asked], version: str, out: Path) -> int:
    """Features of every block to a scratch file, predictions by Spark."""
    from training import spark  # noqa: PLC0415 - Spark is an optional dependency

    def features() -> Iterator[pa.Table]:
        for each in blocks:
            values = {name: each.matrix.values[:, at] for at, name in enumerate(each.matrix.names)}
            yield pa.table(each.columns() | {"site": each.site} | values)

    with tempfile.TemporaryDirectory() as folder:
        rows = write(features(), Path(folder) / "features.parquet", version)
        with spark.session() as session:
            spark.score(session, Path(folder) / "features.parquet", f"models:/{tracking.NAME}/{version}", out)
    return rows

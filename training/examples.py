"""Examples to learn from: features as of each moment, beside the need that followed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from features.catalogue import Catalogue
from features.evaluate import evaluate
from records import store
from records.clock import microseconds
from records.schema import PROFESSIONS
from training.cohort import CohortDefinition, build

Floats = NDArray[np.float64]


class ExamplesError(ValueError):
    """A file holds no examples that can be used."""


@dataclass(frozen=True)
class Examples:
    """Rows to learn from and to test on.

    Attributes:
        patient_ids: whose row it is; rows of one patient never stand on both sides of a split.
        as_of: the moments, microseconds since 1970 in UTC.
        x: feature values, shape (n, features).
        visits: visits of the episode by profession of the schema.
        minutes: chair minutes, the same shape.
        names: columns of `x`.
        catalogue: version of the catalogue that computed them.
        attrition: booking contacts left out, by reason.
    """

    patient_ids: NDArray[np.str_]
    as_of: NDArray[np.int64]
    x: Floats
    visits: Floats
    minutes: Floats
    names: tuple[str, ...]
    catalogue: str
    attrition: Counter[str]

    def __len__(self) -> int:
        return len(self.as_of)

    def latest(self) -> datetime:
        """The latest moment, in UTC.

        Raises:
            ExamplesError: there are no rows.
        """
        if not len(self):
            raise ExamplesError("there are no examples: no booking contact was kept")
        return datetime.fromtimestamp(int(self.as_of.max()) / 1e6, UTC)

    def take(self, rows: NDArray[np.bool_]) -> Examples:
        """The rows where `rows` is true."""
        return Examples(self.patient_ids[rows], self.as_of[rows], self.x[rows], self.visits[rows], self.minutes[rows],
                        self.names, self.catalogue, self.attrition)  # fmt: skip


def derive(folder: Path, catalogue: Catalogue, definition: CohortDefinition, block: int = 10_000) -> pa.Table:
    """Find the cohort of a stored history and compute its features, block by block, with a progress bar."""
    end = last_recorded(folder)
    total = pq.ParquetFile(folder / "patients.parquet").metadata.num_rows
    parts, attrition = [], Counter[str]()
    with tqdm(total=total, desc="features", unit="patient") as progress:
        for history in store.blocks(folder, block):
            cohort = build(history, definition, end)
            attrition.update(cohort.attrition)
            matrix = evaluate(catalogue, history, cohort.moments)
            columns = {"patient_id": cohort.moments.patient_ids, "as_of": cohort.moments.as_of}
            columns |= {f"visits.{name}": cohort.visits[:, at] for at, name in enumerate(PROFESSIONS)}
            columns |= {f"minutes.{name}": cohort.minutes[:, at] for at, name in enumerate(PROFESSIONS)}
            columns |= {name: matrix.values[:, at] for at, name in enumerate(matrix.names)}
            parts.append(pa.table(columns))
            progress.update(len(history.patient_ids))
    said = {"catalogue": catalogue.version, "features": list(catalogue.names), "attrition": dict(attrition)}
    return pa.concat_tables(parts).replace_schema_metadata({"tarve": json.dumps(said)})


def last_recorded(folder: Path) -> datetime:
    """The latest moment at which anything of a stored history was recorded: it is complete until then."""
    latest = [
        pc.max(pq.read_table(folder / f"{name}.parquet", columns=["recorded_at"])["recorded_at"]).as_py()
        for name in ("contacts", "visits")
    ]
    known = [moment for moment in latest if moment is not None]
    if not known:
        raise ExamplesError(f"{folder} holds neither contacts nor visits: there is nothing to learn from")
    latest_known: datetime = max(known)
    return latest_known


def read(path: Path) -> Examples:
    """Read examples that `derive` made.

    Raises:
        ExamplesError: the file is missing or was not made by `derive`.
    """
    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ExamplesError(
            f"{path} is no readable file of examples; make one with: python -m training features"
        ) from error
    said = json.loads((rows.schema.metadata or {}).get(b"tarve", b"{}"))
    if "features" not in said:
        raise ExamplesError(f"{path} was not made by: python -m training features")

    def block(names: list[str]) -> Floats:
        return np.column_stack([rows[name].to_numpy() for name in names])

    return Examples(
        patient_ids=rows["patient_id"].to_numpy().astype(np.str_),
        as_of=microseconds(rows["as_of"]),
        x=block(said["features"]),
        visits=block([f"visits.{name}" for name in PROFESSIONS]),
        minutes=block([f"minutes.{name}" for name in PROFESSIONS]),
        names=tuple(said["features"]),
        catalogue=said["catalogue"],
        attrition=Counter(said["attrition"]),
    )

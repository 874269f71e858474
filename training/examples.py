"""Examples to learn from and to test on: features as of each moment, beside the need that followed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from features.catalogue import Catalogue
from features.evaluate import evaluate
from models.interview import read_items
from records import store
from records.clock import microseconds
from records.history import History
from records.schema import PROFESSIONS
from training import slices, truth
from training.answers import given_at
from training.cohort import ABSENT, LEFT, OBSERVED, Cohort, CohortDefinition, eligible
from training.leakage import KnownTime, known_time

Floats = NDArray[np.float64]
COUNTED_AS = {OBSERVED: "kept", LEFT: "died or moved within the horizon", ABSENT: "nobody came"}
"""Where a moment of each fate stands in the attrition table."""


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
        first_minutes: chair minutes of the first visit, NaN when not known.
        fate: whether the need was observed, see `training.cohort.FATES`; of those it was not, visits and minutes are
            what was seen.
        about: columns by which rows are sliced, see `training.slices.describe`; none of them is a feature.
        given: answers of the interview at each moment by question, NaN where there is none; none of them is a feature,
            for at the moment nothing is answered yet.
        truth: what is truly known and needed, of simulated people, see `training.truth`; empty for real ones.
        made: what the file says about how it was made.
    """

    patient_ids: NDArray[np.str_]
    as_of: NDArray[np.int64]
    x: Floats
    visits: Floats
    minutes: Floats
    names: tuple[str, ...]
    catalogue: str
    attrition: Counter[str]
    first_minutes: Floats = field(default_factory=lambda: np.empty(0))
    fate: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, np.str_))
    about: Mapping[str, np.ndarray] = field(default_factory=dict)
    given: Mapping[str, Floats] = field(default_factory=dict)
    truth: Mapping[str, Floats] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)

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

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Examples:
        """The rows where `rows` is true, or at the places that it names."""

        def some(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: values[rows] for name, values in columns.items()}

        first = self.first_minutes[rows] if len(self.first_minutes) else self.first_minutes
        fate = self.fate[rows] if len(self.fate) else self.fate
        return Examples(self.patient_ids[rows], self.as_of[rows], self.x[rows], self.visits[rows], self.minutes[rows],
                        self.names, self.catalogue, self.attrition, first, fate, some(self.about), some(self.given),
                        some(self.truth), self.made)  # fmt: skip

    def observed(self) -> Examples:
        """The rows whose need was seen."""
        return self.take(self.fate == OBSERVED) if len(self.fate) else self


def derive(folder: Path, catalogue: Catalogue, definition: CohortDefinition, truth_file: Path | None = None,
           block: int = 10_000) -> pa.Table:  # fmt: skip
    """Find the cohort of a stored history and compute its features, block by block, with a progress bar.

    Args:
        folder: the stored history.
        catalogue: the features.
        definition: who is in the cohort.
        truth_file: the truth behind a simulated history.
        block: patients at a time.
    """
    end = last_recorded(folder)
    total = pq.ParquetFile(folder / "patients.parquet").metadata.num_rows
    behind = truth.read(truth_file) if truth_file else None
    parts, attrition, checked = [], Counter[str](), KnownTime.none()
    with tqdm(total=total, desc="features", unit="patient") as progress:
        for history in store.blocks(folder, block):
            cohort = eligible(history, definition, end)
            cohort = cohort if behind is None else of_the_truth(cohort, behind)
            attrition.update(cohort.attrition)
            columns = dict(_columns(history, cohort, catalogue, behind))
            checked += known_time(catalogue, history, cohort.moments)
            parts.append(pa.table(columns))
            progress.update(len(history.patient_ids))
    said = {"catalogue": catalogue.version, "features": list(catalogue.names), "attrition": dict(attrition),
            "cohort from": definition.valid_from.isoformat(), "known time": checked.said()}  # fmt: skip
    return pa.concat_tables(parts).replace_schema_metadata({"tarve": json.dumps(said)})


def of_the_truth(cohort: Cohort, behind: pa.Table) -> Cohort:
    """A cohort of simulated people without moments that continue an episode in truth, counted as such.

    Raises:
        ValueError: the truth is of another history.
    """
    starts = truth.starts_episode(cohort.moments, behind)
    gone = Counter(COUNTED_AS[fate] for fate in cohort.fate[~starts].tolist())
    attrition = Counter(cohort.attrition)
    attrition.subtract(gone)
    attrition["continues an episode"] += gone.total()
    return replace(cohort.take(starts), attrition=attrition)


def _columns(
    history: History, cohort: Cohort, catalogue: Catalogue, behind: pa.Table | None
) -> Iterator[tuple[str, Any]]:
    yield "patient_id", cohort.moments.patient_ids
    yield "as_of", cohort.moments.as_of
    yield "fate", cohort.fate
    yield "first_minutes", cohort.first_minutes
    for at, name in enumerate(PROFESSIONS):
        yield f"visits.{name}", cohort.visits[:, at]
        yield f"minutes.{name}", cohort.minutes[:, at]
    for name, values in slices.describe(history, cohort.moments).items():
        yield f"about.{name}", values
    questions = [item.name for item in read_items()]
    for name, answers in zip(questions, given_at(history, cohort.moments, questions).T, strict=True):
        yield f"given.{name}", answers
    if behind is not None:
        rows = truth.of_moments(cohort.moments, behind)
        for name, values in (truth.known(rows) | truth.need(rows)).items():
            yield f"truth.{name}", values
    matrix = evaluate(catalogue, history, cohort.moments)
    for at, name in enumerate(matrix.names):
        yield name, matrix.values[:, at]


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
    """Read the examples of a file that `derive` made whose need was observed.

    Raises:
        ExamplesError: the file is missing or was not made by `derive`.
    """
    return read_everyone(path).observed()


def read_everyone(path: Path) -> Examples:
    """Read all examples of a file, also those whose need was not observed.

    Raises:
        ExamplesError: as `read`.
    """
    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ExamplesError(
            f"{path} is no readable file of examples; make one with: python -m training features"
        ) from error
    said = json.loads((rows.schema.metadata or {}).get(b"tarve", b"{}"))
    if not {"features", "known time"} <= set(said):
        raise ExamplesError(f"{path} was not made by: python -m training features")

    def block(names: list[str]) -> Floats:
        return np.column_stack([rows[name].to_numpy() for name in names])

    def starting(prefix: str) -> dict[str, np.ndarray]:
        names = [name for name in rows.column_names if name.startswith(prefix)]
        return {name.removeprefix(prefix): _plain(rows[name]) for name in names}

    return Examples(
        patient_ids=rows["patient_id"].to_numpy().astype(np.str_),
        as_of=microseconds(rows["as_of"]),
        x=block(said["features"]),
        visits=block([f"visits.{name}" for name in PROFESSIONS]),
        minutes=block([f"minutes.{name}" for name in PROFESSIONS]),
        names=tuple(said["features"]),
        catalogue=said["catalogue"],
        attrition=Counter(said["attrition"]),
        first_minutes=rows["first_minutes"].to_numpy(),
        fate=_plain(rows["fate"]),
        about=starting("about."),
        given=starting("given."),
        truth=starting("truth."),
        made=said,
    )


def _plain(column: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = column.to_numpy()
    return values.astype(np.str_) if values.dtype == object else values

"""The truth behind a simulated history: what people really needed when they made contact. No record shows it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from records.schema import INSTANT

TRAITS = ("access", "fear", "life", "habit")
"""Columns of traits that never change, named as in `records.simulate.people.People`."""


def _required(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


_TRAITS = {name: pa.bool_() if name == "habit" else pa.float64() for name in TRAITS}

TRUTH = _required(
    patient_id=pa.string(),
    contact_id=pa.string(),
    event_time=INSTANT,
    need_visits=pa.int32(),
    need_minutes=pa.int32(),
    came=pa.bool_(),
    cause=pa.string(),
    age=pa.float64(),
    caries=pa.float64(),
    filled=pa.int32(),
    missing=pa.int32(),
    perio=pa.float64(),
    caries_rate=pa.float64(),
    **_TRAITS,
)
"""One row is one contact that starts an episode, sorted by patient and time.

- `contact_id`, `event_time`: the row of `contacts` it stands for, UTC.
- `need_visits`, `need_minutes`: visits and chair minutes that the mouth needed at that moment, had nothing
  interfered.
- `came`: whether a visit of the episode is in the history. Near the end of the window it may still be to come.
- `cause`: why the contact was made: examination (habit), emergency (pain), treatment (noticed need).
- `age`: years. `caries`, `filled`, `missing`: teeth with decay, filled, missing; `perio`: periodontal state from
  0 (healthy) to 4 (severe); all as they really were.
- `caries_rate`: lesions a year in the time the person lives in.
- `access` (about standard normal), `fear`, `life` (strain, 0-1), `habit` (comes when recalled): the traits behind the
  use of care, see `records.simulate.people.People`.
"""

SURVEY = _required(
    patient_id=pa.string(),
    age=pa.float64(),
    caries=pa.float64(),
    filled=pa.int32(),
    missing=pa.int32(),
    perio=pa.float64(),
    caries_rate=pa.float64(),
    came=pa.bool_(),
    smokes=pa.bool_(),
    diabetic=pa.bool_(),
    **_TRAITS,
)
"""One row is one person on their last day in the window, whether they ever came or not: columns as in `TRUTH`.

`came` is whether they ever had a visit. Those who need care and never come stand here and nowhere in the records.
"""


class TruthFile:
    """Write truth tables block by block; the file appears, complete, when the `with` block ends without an error."""

    def __init__(self, path: Path, schema: pa.Schema = TRUTH) -> None:
        self.path = path
        self.schema = schema

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{self.path.name}-", dir=self.path.parent, delete=False) as file:
            self._staging = Path(file.name)
        self._writer = pq.ParquetWriter(self._staging, self.schema, compression="zstd")
        return self

    def write(self, truth: pa.Table) -> None:
        """Append one block."""
        self._writer.write_table(truth)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        if kind is None:
            self._staging.replace(self.path)
        else:
            self._staging.unlink()

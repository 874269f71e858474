"""The truth behind a simulated history: what people really needed when they made contact. No record shows it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from records.schema import INSTANT

TRUTH = pa.schema(
    [
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("contact_id", pa.string(), nullable=False),
        pa.field("event_time", INSTANT, nullable=False),
        pa.field("need_visits", pa.int32(), nullable=False),
        pa.field("need_minutes", pa.int32(), nullable=False),
        pa.field("caries", pa.float64(), nullable=False),
        pa.field("perio", pa.float64(), nullable=False),
        pa.field("came", pa.bool_(), nullable=False),
    ]
)
"""One row is one contact that starts an episode, sorted by patient and time.

- `contact_id`, `event_time`: the row of `contacts` it stands for, UTC.
- `need_visits`, `need_minutes`: visits and chair minutes that the mouth needed at that moment, had nothing
  interfered.
- `caries`: teeth with decay, `perio`: periodontal state from 0 (healthy) to 4 (severe), both as they really were.
- `came`: whether a visit of the episode is in the history. Near the end of the window it may still be to come.
"""


class TruthFile:
    """Write truth tables block by block; the file appears, complete, when the `with` block ends without an error."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{self.path.name}-", dir=self.path.parent, delete=False) as file:
            self._staging = Path(file.name)
        self._writer = pq.ParquetWriter(self._staging, TRUTH, compression="zstd")
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

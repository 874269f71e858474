"""What a source's codes mean in the schema: a small dated table that a user may replace by their own.

One row of the table is one meaning: `field`, `code` (the beginning of a code; the longest that fits wins), `meaning` (a
value of the schema), `since` and `until` (first and last day on which it holds, ISO, both may be empty), `source`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.sources.batch import SourceError

COLUMNS = ("field", "code", "meaning", "since", "until", "source")
_EPOCH = date(1970, 1, 1)
_FIRST, _LAST = np.iinfo(np.int32).min, np.iinfo(np.int32).max


@dataclass(frozen=True)
class Meaning:
    """A meaning of the codes that begin with `code`, on the days from `since` to `until` (days since 1970)."""

    code: str
    meaning: str
    since: int
    until: int


@dataclass(frozen=True)
class Meanings:
    """Meanings by field, those of the shortest codes first."""

    fields: dict[str, list[Meaning]]

    @classmethod
    def read(cls, path: Path) -> Meanings:
        """Read a table.

        Raises:
            SourceError: the file cannot be read, a column is missing or a day is no date.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{path.name} cannot be read as a table of codes in UTF-8") from error
        fields: dict[str, list[Meaning]] = {}
        for line, row in enumerate(rows, start=2):
            missing = [name for name in COLUMNS if row.get(name) is None]
            if missing:
                raise SourceError(f"{path.name}, line {line}: the column {missing[0]} is missing")
            since, until = (_day(path, line, row[name], bound) for name, bound in (("since", _FIRST), ("until", _LAST)))
            fields.setdefault(row["field"], []).append(Meaning(row["code"], row["meaning"], since, until))
        return cls({name: sorted(some, key=lambda one: len(one.code)) for name, some in fields.items()})

    def is_dated(self, field: str) -> bool:
        """Whether a meaning of the field depends on the day."""
        return any(one.since != _FIRST or one.until != _LAST for one in self.fields.get(field, []))

    def of(self, field: str, codes: pa.ChunkedArray, days: NDArray[np.int32]) -> pa.Array:
        """The meaning of every code on its day; null where the table knows none."""
        entries = self.fields.get(field, [])
        encoded = codes.combine_chunks().dictionary_encode()
        number = np.append(np.arange(len(encoded.dictionary)), -1)[
            pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy()
        ]
        texts = encoded.dictionary.to_pylist()
        chosen = np.full(len(codes), -1)
        for at, one in enumerate(entries):
            mask = np.array([*(text.startswith(one.code) for text in texts), False])[number]
            if one.since != _FIRST or one.until != _LAST:
                mask &= (days >= one.since) & (days <= one.until)
            chosen[mask] = at
        meanings = pa.array([one.meaning for one in entries], pa.string())
        return meanings.take(pa.array(chosen, mask=chosen < 0))


def _day(path: Path, line: int, text: str, default: int) -> int:
    if not text:
        return default
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError as error:
        raise SourceError(f"{path.name}, line {line}: since and until are days like 2023-09-01") from error

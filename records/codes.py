"""Procedure codes and what they mean for need: a small table of code prefixes onto need groups.

The table (`tables/need_groups.csv`) is in the project's own words. THL codes are those of the Finnish oral health
procedure classification (OID 1.2.246.537.6.33), whose letters name the groups; the longest matching prefix wins.
A code that no prefix matches is kept as it is and belongs to the group `other`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

OTHER = "other"


@dataclass(frozen=True)
class GroupTable:
    """Prefixes of THL codes by need group."""

    prefixes: dict[str, str]
    groups: tuple[str, ...]

    def group(self, code: str) -> str:
        """The need group of a code; `other` when no prefix matches."""
        return self._find(code) or OTHER

    def knows(self, code: str) -> bool:
        """Whether any prefix matches the code."""
        return self._find(code) is not None

    def numbers(self, codes: pa.ChunkedArray) -> NDArray[np.int32]:
        """The position in `groups` of every code's group."""
        encoded = codes.combine_chunks().dictionary_encode()
        number = {group: at for at, group in enumerate(self.groups)}
        lookup = np.array([number[self.group(code)] for code in encoded.dictionary.to_pylist()] or [0], np.int32)
        return np.asarray(lookup[encoded.indices.to_numpy()])

    def _find(self, code: str) -> str | None:
        return next((self.prefixes[code[:n]] for n in range(len(code), 1, -1) if code[:n] in self.prefixes), None)


@cache
def _read() -> GroupTable:
    with (Path(__file__).parent / "tables" / "need_groups.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = (*dict.fromkeys(row["group"] for row in rows), OTHER)
    return GroupTable({row["prefix"]: row["group"] for row in rows}, groups)


NEED_GROUPS = _read()
"""The table that ships with the project."""

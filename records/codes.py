"""Procedure codes and what they mean for need: small tables of codes onto need groups.

The tables are in the project's own words. THL codes (`tables/need_groups.csv`) are those of the Finnish oral health
procedure classification (OID 1.2.246.537.6.33), whose letters name the groups. `tables/need_group_codes.csv` adds the
American CDT codes and SNOMED CT. THL and CDT are read by prefix, the longest one wins; a SNOMED CT number has no
meaningful beginning, so it must match whole. The three look so different (letters; D and four digits; digits) that
the text of a code tells its system. A code that nothing matches is kept as it is and belongs to the group `other`.
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
    """Need groups by code.

    Attributes:
        prefixes: beginnings of THL and CDT codes -> group.
        groups: all groups, `other` last.
        exact: whole SNOMED CT codes -> group.
    """

    prefixes: dict[str, str]
    groups: tuple[str, ...]
    exact: dict[str, str]

    def group(self, code: str) -> str:
        """The need group of a code; `other` when nothing matches."""
        return self._find(code) or OTHER

    def knows(self, code: str) -> bool:
        """Whether the tables know the code."""
        return self._find(code) is not None

    def numbers(self, codes: pa.ChunkedArray) -> NDArray[np.int32]:
        """The position in `groups` of every code's group."""
        encoded = codes.combine_chunks().dictionary_encode()
        number = {group: at for at, group in enumerate(self.groups)}
        lookup = np.array([number[self.group(code)] for code in encoded.dictionary.to_pylist()] or [0], np.int32)
        return np.asarray(lookup[encoded.indices.to_numpy()])

    def _find(self, code: str) -> str | None:
        if code in self.exact:
            return self.exact[code]
        return next((self.prefixes[code[:n]] for n in range(len(code), 1, -1) if code[:n] in self.prefixes), None)


@cache
def _read() -> GroupTable:
    thl, more = table_rows("need_groups"), table_rows("need_group_codes")
    groups = (*dict.fromkeys(row["group"] for row in thl), OTHER)
    prefixes = {row["prefix"]: row["group"] for row in thl}
    prefixes |= {row["code"]: row["group"] for row in more if row["system"] == "cdt"}
    return GroupTable(prefixes, groups, {row["code"]: row["group"] for row in more if row["system"] == "snomed"})


def table_rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the tables that ship with the records room, as texts."""
    with (Path(__file__).parent / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NEED_GROUPS = _read()
"""The table that ships with the project."""

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
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

OTHER = "other"


@dataclass(frozen=True)
class Rule:
    """What the classification says of a code (`tables/code_rules.csv`, from its notes of 2020 and news of 2024).

    Attributes:
        valid_from: first day on which the code may be used; None without a known limit.
        valid_until: last day on which it may be used; None while it is in use.
        least_minutes: shortest care that the code stands for; None when the classification sets none.
    """

    valid_from: date | None = None
    valid_until: date | None = None
    least_minutes: int | None = None


@dataclass(frozen=True)
class GroupTable:
    """Need groups by code.

    Attributes:
        prefixes: beginnings of THL and CDT codes -> group.
        groups: all groups, `other` last.
        exact: whole SNOMED CT codes -> group.
        rules: beginnings of THL codes -> when they may be used and how long they take at least.
    """

    prefixes: dict[str, str]
    groups: tuple[str, ...]
    exact: dict[str, str]
    rules: dict[str, Rule]

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

    def rule(self, code: str) -> Rule:
        """What the classification says of a code, by its longest prefix; an empty rule when it says nothing."""
        found = (self.rules[code[:n]] for n in range(len(code), 1, -1) if code[:n] in self.rules)
        return next(found, Rule())

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
    exact = {row["code"]: row["group"] for row in more if row["system"] == "snomed"}
    return GroupTable(prefixes, groups, exact, {row["code"]: _rule(row) for row in table_rows("code_rules")})


def _rule(row: dict[str, str]) -> Rule:
    first, last = (date.fromisoformat(row[name]) if row[name] else None for name in ("valid_from", "valid_until"))
    return Rule(first, last, int(row["least_minutes"]) if row["least_minutes"] else None)


def table_rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the tables that ship with the records room, as texts."""
    with (Path(__file__).parent / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NEED_GROUPS = _read()
"""The table that ships with the project."""

RECALLS: dict[str, int] = {row["code"]: int(row["days"]) for row in table_rows("recall_codes")}
"""Codes that say when the next examination is due -> days until then (`tables/recall_codes.csv`). Municipal systems
mark it with codes of their own: add them there."""

"""Procedure codes and what they mean for need: small tables of codes onto need groups.

The tables are in the project's own words. THL codes (`tables/need_groups.csv`) are those of the Finnish oral health
procedure classification (OID 1.2.246.537.6.33), whose letters name the groups. `tables/need_group_codes.csv` adds the
American CDT codes and SNOMED CT. THL and CDT are read by prefix, the longest one wins; a SNOMED CT number has no
meaningful beginning, so it must match whole. The three look so different (letters; D and four digits; digits) that
the text of a code tells its system. A code that nothing matches is kept as it is and belongs to the group `other`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

OTHER = "other"
REMEMBERED = 16_384
"""Codes of which is remembered what the tables say: more than all code systems use."""


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

    @property
    def is_dated(self) -> bool:
        """Whether there are days on which the code may not be used."""
        return self.valid_from is not None or self.valid_until is not None

    def holds(self, day: date) -> bool:
        """Whether the code may be used on a day."""
        return (self.valid_from or date.min) <= day <= (self.valid_until or date.max)


@dataclass(frozen=True)
class Meaning:
    """What the tables say of one code.

    Attributes:
        group: its need group; None when the tables do not know the code.
        rule: what the classification says of it.
    """

    group: str | None
    rule: Rule


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
        return next((self.rules[start] for start in self._starts(code) if start in self.rules), Rule())

    def _find(self, code: str) -> str | None:
        if code in self.exact:
            return self.exact[code]
        return next((self.prefixes[start] for start in self._starts(code) if start in self.prefixes), None)

    def _starts(self, code: str) -> Iterator[str]:
        """Beginnings of a code that a table may have, the longest first: no matter how long a code somebody writes."""
        return (code[:n] for n in range(min(len(code), self._longest), 1, -1))

    @cached_property
    def _longest(self) -> int:
        return max(map(len, (*self.prefixes, *self.rules)), default=0)


LONGEST_CODE = 20
"""Letters of the longest code that a table has, and more than enough: longer texts are not remembered."""


def meaning(code: str) -> Meaning:
    """What the tables that ship with the project say of a code."""
    return _remembered(code) if len(code) <= LONGEST_CODE else _meaning(code)


@lru_cache(maxsize=REMEMBERED)
def _remembered(code: str) -> Meaning:
    return _meaning(code)


def _meaning(code: str) -> Meaning:
    return Meaning(NEED_GROUPS.group(code) if NEED_GROUPS.knows(code) else None, NEED_GROUPS.rule(code))


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

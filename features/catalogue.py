"""The catalogue: families collected, checked and expanded into named columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property

from features.families import (
    EPISODE_GAP,
    RECALL_GRACE,
    RETREATMENT_DAYS,
    WINDOWS,
    CatalogueError,
    Family,
    Feature,
)
from records.codes import NEED_GROUPS, RECALLS

COMPUTED = ("name", "aggregate", "source", "measure", "where", "by", "windows", "of", "never")
"""What of a family decides its values, beside the names of its levels."""


class Catalogue:
    """Families in declared order.

    Raises:
        CatalogueError: two columns share a name, or a share is of a family that is not declared before it, lacks a
            window, has levels, or is a share itself.
    """

    def __init__(self, *families: Family) -> None:
        self.families = families
        self._check()

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """All columns, in order."""
        return tuple(feature for family in self.families for feature in family.features())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Tables that the families read, without repetition."""
        return tuple(dict.fromkeys(family.source for family in self.families))

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits of a hash over all that decides a value; labels and reason groups do not."""
        families = [
            [*(getattr(family, name) for name in COMPUTED), list(family.levels or ())] for family in self.families
        ]
        conventions = [dict(WINDOWS), EPISODE_GAP, RETREATMENT_DAYS, RECALL_GRACE]
        tables = [NEED_GROUPS.prefixes, NEED_GROUPS.exact, RECALLS]
        computed = json.dumps([families, conventions, tables], sort_keys=True)
        return hashlib.sha256(computed.encode()).hexdigest()[:12]

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(f"there is no feature {name!r}")

    def _check(self) -> None:
        seen: dict[str, Family] = {}
        for family in self.families:
            for other in family.of or ():
                if other not in seen or set(family.windows) - set(seen[other].windows):
                    raise CatalogueError(
                        f"family {family.name!r}: {other!r} is not declared before it with its windows"
                    )
                if seen[other].levels or seen[other].of:
                    raise CatalogueError(f"family {family.name!r}: {other!r} has levels or is a share itself")
            seen[family.name] = family
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise CatalogueError(f"two columns are called {repeated[0]!r}")

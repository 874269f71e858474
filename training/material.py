"""The material of a run: a file of examples, split, with the dated tables that hold for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

from features.dental import DENTAL
from models.segments import SegmentTable, read_tables, table_on
from records.clock import HELSINKI
from training import compare, examples
from training.cohort import CohortDefinition, definition_on
from training.examine import Ground
from training.policy import Policy


class MaterialError(ValueError):
    """The examples do not fit this code."""


@dataclass(frozen=True)
class Material:
    """What a model is fitted and examined on.

    Attributes:
        path: the file of examples. `digest`: 16 hexadecimal digits of its content.
        everyone: all examples. `observed`: those whose need was seen.
        parts: the observed ones, split.
        table: the segments that hold at the data. `cohort`: who is in, by the definition that holds there.
    """

    path: Path
    digest: str
    everyone: examples.Examples
    observed: examples.Examples
    parts: compare.Split
    table: SegmentTable
    cohort: CohortDefinition

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and split a file of examples.

        Raises:
            ExamplesError: it cannot be read, or leaves nothing to learn from or to test on.
            MaterialError: it was made for other features than those of this code.
        """
        everyone = examples.read_everyone(path)
        observed = everyone.observed()
        day = helsinki_day(observed.latest())
        if everyone.catalogue != DENTAL.version:
            raise MaterialError(
                f"the examples hold features {everyone.catalogue}, the catalogue is {DENTAL.version}; "
                "make them anew: python -m training features"
            )
        table = table_on(read_tables(), day)
        parts = compare.split(observed, compare.SplitDefinition(), table.horizon_days)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return cls(path, digest, everyone, observed, parts, table, definition_on(day, table.horizon_days))

    def ground(self, policy: Policy) -> Ground:
        """What models are measured on."""
        return Ground.of(self.parts, self.everyone, self.table, policy)

    @property
    def simulated(self) -> bool:
        """Whether the people are simulated: only then is the truth beside their records."""
        return bool(self.everyone.truth)


def helsinki_day(moment: datetime) -> date:
    """The Helsinki day of a moment: a table for later years must not cut earlier needs."""
    return moment.astimezone(HELSINKI).date()

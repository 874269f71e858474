"""How far the recorded label is from the need: measurable only where the truth is known, in simulated people.

People with poor access need and do not come. The record then shows no need, or less than there was, and a model that
learns from records learns to expect less of them. This says by how much, in which groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from models.segments import SegmentTable
from training.cohort import ABSENT, OBSERVED
from training.evaluation import LabelBias
from training.examples import Examples
from training.slices import Words, levels, shown

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DIMENSIONS = ("access (true, simulated)", "language", "district", "age", "sex", "use so far")


def label_bias(
    everyone: Examples, expected_visits: Floats, table: SegmentTable, dimensions: Mapping[str, Words], least: int
) -> Iterator[LabelBias]:
    """What records show of the true need, by subgroup; subgroups of fewer than `least` rows are left out.

    Args:
        everyone: simulated rows, also those whose need was not observed; nothing is yielded without their truth.
        expected_visits: what the model expects of each.
        table: the segments.
        dimensions: level of each row by dimension.
        least: rows.
    """
    if not everyone.truth:
        return
    yield _of(everyone, expected_visits, table, np.ones(len(everyone), np.bool_), ("everyone", "", ""))
    for dimension in DIMENSIONS:
        found = list(levels(dimensions[dimension])) if dimension in dimensions else []
        counts = shown([int(rows.sum()) for _, rows in found])
        for (level, rows), count in zip(found, counts, strict=True):
            if rows.sum() >= least:
                yield _of(everyone, expected_visits, table, rows, (dimension, level, count))


def _of(
    everyone: Examples, expected: Floats, table: SegmentTable, rows: Bools, named: tuple[str, str, str]
) -> LabelBias:
    need = everyone.truth["need_visits"][rows]
    fate, visits = everyone.fate[rows], everyone.visits[rows].sum(1)
    cut = table.segments[-1].visits_at_least
    heavy, absent, observed = need >= cut, fate == ABSENT, fate == OBSERVED
    came = observed | absent
    return LabelBias(
        *named[:2],
        named[2] or f"{int(rows.sum()):,}",
        never_came=_share(absent),
        never_came_of_heavy=_share(absent[heavy]),
        truly=_share(heavy),
        recorded=_share((visits >= cut)[observed]),
        visits_recorded=float(visits[came].sum() / need[came].sum()),
        predicted=float(expected[rows].sum() / need.sum()),
    )


def _share(flags: Bools) -> float:
    return float(flags.mean()) if len(flags) else float("nan")

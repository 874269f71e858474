"""One training run: split, fit the three models, and measure them side by side on the same later rows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.estimators import Boosted, Estimator, Logistic, PointsRule
from models.need import NeedModel, NeedTable
from models.segments import SegmentTable
from records.schema import PROFESSIONS
from training.cohort import DAY
from training.examples import Examples, ExamplesError
from training.fit import fit
from training.gate import Evaluation
from training.scores import Scores, score

Bools = NDArray[np.bool_]

RULE_POINTS: Mapping[str, float] = {
    "found_decayed": 1.0,
    "found_cpi": 0.5,
    "visits_m24": 0.5,
    "emergencies_m24": 1.0,
    "special_needs": 1.0,
}
"""Today's interview as points: what an agent asks and can read off the record. The project's own convention."""


@dataclass(frozen=True)
class SplitDefinition:
    """How examples are split: other patients, and later.

    Attributes:
        test_share: share of patients who are only tested on, chosen by a hash of their id.
        test_years: test moments lie in so many last years of the examples (365 days each).
    """

    test_share: float = 0.3
    test_years: int = 2


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to test on. The need of every learnt row was over before the first test moment."""

    learn: Examples
    test: Examples
    test_from: datetime


def split(examples: Examples, definition: SplitDefinition, horizon_days: int) -> Split:
    """Split by patient and by time.

    Raises:
        ExamplesError: one side is empty.
    """
    first_test = int(examples.as_of.max(initial=0)) - definition.test_years * 365 * DAY
    hashes = np.array([zlib.crc32(name.encode()) for name in examples.patient_ids.tolist()], np.int64)
    tested = hashes % 10_000 < definition.test_share * 10_000
    learn = examples.take(~tested & (examples.as_of + horizon_days * DAY < first_test))
    test = examples.take(tested & (examples.as_of >= first_test))
    if not len(learn) or not len(test):
        raise ExamplesError(f"the split leaves {len(learn)} rows to learn from and {len(test)} to test on")
    return Split(learn, test, datetime.fromtimestamp(first_test / 1e6, UTC))


def reached(examples: Examples, table: SegmentTable) -> Bools:
    """Whether the need reached each segment but the first, shape (n, segments - 1)."""
    segment = table.of_visits(examples.visits.sum(1))
    return segment[:, None] >= np.arange(1, len(table.segments))


def estimators(features: tuple[str, ...]) -> dict[str, Callable[[], Estimator]]:
    """The three models of a run, unfitted, by kind."""
    return {
        PointsRule.kind: lambda: PointsRule(features, RULE_POINTS),
        Logistic.kind: lambda: Logistic(features),
        Boosted.kind: lambda: Boosted(features),
    }


def fit_all(learn: Examples, table: SegmentTable) -> Iterator[tuple[str, NeedModel]]:
    """Fit the models one after another."""
    goal = reached(learn, table)
    segment = table.of_visits(learn.visits.sum(1))
    need = NeedTable.fit(segment, learn.visits, learn.minutes, PROFESSIONS, len(table.segments))
    for kind, make in estimators(learn.names).items():
        estimator, calibrator = fit(make, learn.x, goal, learn.patient_ids)
        yield kind, NeedModel(estimator, calibrator, need, learn.catalogue, table.valid_from.isoformat())


def evaluate(model: NeedModel, test: Examples, table: SegmentTable) -> Evaluation:
    """Scores of a model by the segment that each threshold leads into."""
    at_least, goal = model.predict(test.x).at_least, reached(test, table)
    return {name: score(at_least[:, k], goal[:, k], test.patient_ids) for k, name in enumerate(table.names[1:])}


HEAD = ("n", "events", "AUROC", "95 %", "log loss", "Brier", "slope", "intercept")


def table_text(rows: Mapping[Any, Scores], names: tuple[str, ...]) -> str:
    """Scores as an aligned text table; every key is a tuple of one word for each of `names`."""
    lines = [[*names, *HEAD]]
    lines += [[*key, *_cells(scores)] for key, scores in rows.items()]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if at < len(names) else cell.rjust(width)
                  for at, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    )  # fmt: skip


def _cells(scores: Scores) -> list[str]:
    return [
        str(scores.n),
        str(scores.events),
        f"{scores.auroc:.3f}",
        f"{scores.auroc_low:.3f}-{scores.auroc_high:.3f}",
        f"{scores.log_loss:.4f}",
        f"{scores.brier:.4f}",
        f"{scores.slope:.2f}",
        f"{scores.intercept:+.2f}",
    ]

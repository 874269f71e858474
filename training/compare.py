"""One training run: split, fit the models, and measure them side by side on the same later rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.dental import DENTAL
from models.constraints import monotone
from models.estimators import SHALLOW, Boosted, Estimator, ExplainableBoosting, Logistic, PointsRule
from models.estimators.ebm import ADDITIVE
from models.need import NeedModel, Predictions
from models.segments import SegmentTable
from records.clock import microsecond
from training.cohort import DAY
from training.examples import Examples, ExamplesError
from training.fit import fit_need, need_of
from training.hashing import hashed_share
from training.interview import answered, fit_interviewing
from training.scores import Scores, ScoresBySegment, score

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
    tested = hashed_share(examples.patient_ids) < definition.test_share
    learn = examples.take(~tested & (examples.as_of + horizon_days * DAY < first_test))
    test = examples.take(tested & (examples.as_of >= first_test))
    if not len(learn) or not len(test):
        raise ExamplesError(f"the split leaves {len(learn)} rows to learn from and {len(test)} to test on")
    return Split(learn, test, datetime.fromtimestamp(first_test / 1e6, UTC))


def test_rows(examples: Examples, definition: SplitDefinition, test_from: datetime) -> Examples:
    """The rows of tested patients from a moment on, also those whose need was not observed."""
    tested = hashed_share(examples.patient_ids) < definition.test_share
    return examples.take(tested & (examples.as_of >= microsecond(test_from)))


def later_rows(examples: Examples, definition: SplitDefinition, since: datetime) -> Examples:
    """The rows of patients who are not tested on, from a moment on."""
    tested = hashed_share(examples.patient_ids) < definition.test_share
    return examples.take(~tested & (examples.as_of >= microsecond(since)))


def reached(examples: Examples, table: SegmentTable) -> Bools:
    """Whether the need reached each segment but the first, shape (n, segments - 1)."""
    return need_of(examples, table)[1]


Makers = dict[str, Callable[[], Estimator]]
"""What makes the unfitted models of a run, by kind."""


def insisted(features: tuple[str, ...]) -> dict[str, Any]:
    """Parameters of every boosted model on the project's own features: the directions that clinicians insist on."""
    return {"monotone_constraints": monotone(DENTAL)} if features == DENTAL.names else {}


def estimators(features: tuple[str, ...], *, glass_box: bool = False) -> Makers:
    """The models of a run, unfitted, by kind: today's rule, logistic regression, LightGBM; if asked, the glass box."""
    bound = insisted(features)
    found: Makers = {
        PointsRule.kind: lambda: PointsRule(features, RULE_POINTS),
        Logistic.kind: lambda: Logistic(features),
        Boosted.kind: lambda: Boosted(features, {**SHALLOW, **bound}),
    }
    if glass_box:
        found[ExplainableBoosting.kind] = lambda: ExplainableBoosting(features, {**ADDITIVE, **bound})
    return found


def fit_all(
    learn: Examples, table: SegmentTable, makers: Makers | None = None, *, interviewing: str | None = None
) -> Iterator[tuple[str, NeedModel]]:
    """Fit the models one after another; without `makers` those of `estimators`.

    The kind that is `interviewing` learns interviews too.
    """
    for kind, make in (makers or estimators(learn.names)).items():
        yield kind, fit_model(make, learn, table, interview=kind == interviewing)


def fit_model(
    make: Callable[[], Estimator], learn: Examples, table: SegmentTable, *, interview: bool = False
) -> NeedModel:
    """Fit one model, with sets and intervals that hold within each site of enough rows; if asked with an interview.

    Raises:
        InterviewRowsError: no interview can be learnt from the rows.
    """
    catalogue = DENTAL if learn.names == DENTAL.names else None
    if interview and catalogue is not None:
        return fit_interviewing(make, learn, table, catalogue)
    return fit_need(make, learn, table, catalogue=catalogue, sites=learn.about.get("site"))


def can_interview(learn: Examples) -> bool:
    """Whether the rows hold answers of interviews that a model can learn from."""
    return learn.names == DENTAL.names and bool(answered(learn, DENTAL))


def fit_rule(learn: Examples, table: SegmentTable) -> NeedModel:
    """Today's rule, calibrated on the learnt rows."""
    return fit_model(estimators(learn.names)[PointsRule.kind], learn, table)


def predict(model: NeedModel, rows: Examples) -> Predictions:
    """Predict for rows, each at its site where sites are known."""
    return model.predict(rows.x, rows.about.get("site"))


def evaluate(model: NeedModel, test: Examples, table: SegmentTable) -> ScoresBySegment:
    """Scores of a model by the segment that each threshold leads into."""
    at_least, goal = predict(model, test).at_least, reached(test, table)
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

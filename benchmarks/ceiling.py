"""How well need could be predicted at best: the same moments, known from the records and known from the truth.

Three kinds of knowledge are compared on the same test rows, each with the project's own estimator, fitted and
calibrated as in training:

- *records*: the catalogue's features, what a model can have.
- *truth*: the person's true state and traits at the contact, and the visits of the episode drawn anew from that
  state by the simulator itself. It is the ceiling: what is left is chance. It is estimated, so a hair too low.
- *need*: what the mouth was about to need, which nobody can know before the examination.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from features.dental import DENTAL
from features.evaluate import evaluate
from models.estimators import Boosted
from models.segments import SegmentTable, read_tables
from records.clock import end_of_day, microseconds
from records.simulate import Simulated, simulate
from records.simulate.window import Floats
from training import truth
from training.cohort import Cohort, CohortDefinition, build
from training.compare import SplitDefinition, reached, split
from training.examples import Examples
from training.fit import fit
from training.scores import ScoresBySegment, score

UNTIL, YEARS = date(2025, 12, 31), 10


@dataclass(frozen=True)
class Known:
    """Features of the same moments by kind of knowledge, with the outcome."""

    records: Examples
    truth: Examples
    need: Examples


def ceiling(patients: int, seed: int = 1) -> dict[str, ScoresBySegment]:
    """Scores by kind of knowledge and segment, on later moments of patients who were not learnt from."""
    table = read_tables()[-1]
    simulated = Simulated.joined(list(simulate(patients, YEARS, seed, UNTIL)))
    known = knowledge(simulated, CohortDefinition(horizon_days=table.horizon_days))
    return {name: _scores(getattr(known, name), table) for name in ("records", "truth", "need")}


def knowledge(simulated: Simulated, definition: CohortDefinition, draws: int = truth.DRAWS) -> Known:
    """What is known of the moments of a cohort, in three ways."""
    cohort = build(simulated.history, definition, end_of_day(UNTIL))
    rows = truth.of_moments(cohort.moments, simulated.truth)
    seen, need = truth.known(rows, draws), truth.need(rows)
    features = evaluate(DENTAL, simulated.history, cohort.moments)
    return Known(
        _examples(cohort, features.values, DENTAL.names),
        _examples(cohort, np.column_stack(list(seen.values())), tuple(seen)),
        _examples(cohort, np.column_stack([*seen.values(), *need.values()]), (*seen, *need)),
    )


def _examples(cohort: Cohort, x: Floats, names: tuple[str, ...]) -> Examples:
    ids = cohort.moments.patient_ids.to_numpy(zero_copy_only=False).astype(np.str_)
    as_of = microseconds(cohort.moments.as_of)
    return Examples(ids, as_of, x, cohort.visits, cohort.minutes, names, "", cohort.attrition)


def _scores(examples: Examples, table: SegmentTable) -> ScoresBySegment:
    parts = split(examples, SplitDefinition(), table.horizon_days)
    goal = reached(parts.learn, table)
    estimator, calibrator = fit(lambda: Boosted(examples.names), parts.learn.x, goal, parts.learn.patient_ids)
    chance = calibrator.at_least(estimator.margins(parts.test.x))
    happened = reached(parts.test, table)
    return {name: score(chance[:, k], happened[:, k], parts.test.patient_ids) for k, name in enumerate(table.names[1:])}

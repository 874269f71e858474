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
import pyarrow as pa
import pyarrow.compute as pc

from features.dental import DENTAL
from features.evaluate import evaluate
from models.estimators import Boosted
from models.segments import SegmentTable, read_tables
from records.clock import end_of_day, microseconds
from records.simulate import Simulated, simulate
from records.simulate.care import CAUSES, Will, redrawn
from records.simulate.disease import Mouths
from records.simulate.window import Floats, Ints
from training.cohort import Cohort, CohortDefinition, build
from training.compare import SplitDefinition, reached, split
from training.examples import Examples
from training.fit import fit
from training.gate import Evaluation
from training.scores import score

UNTIL, YEARS = date(2025, 12, 31), 10
DRAWS = 40
"""How often every episode is drawn anew; the chance of many visits is then known to about 8 percentage points, and
the estimator smooths over people who are alike."""

_STATE = ("age", "caries", "filled", "missing", "perio", "caries_rate", "access", "fear", "life", "habit")


@dataclass(frozen=True)
class Known:
    """Features of the same moments by kind of knowledge, with the outcome."""

    records: Examples
    truth: Examples
    need: Examples


def ceiling(patients: int, seed: int = 1) -> dict[str, Evaluation]:
    """Scores by kind of knowledge and segment, on later moments of patients who were not learnt from."""
    table = read_tables()[-1]
    simulated = Simulated.joined(list(simulate(patients, YEARS, seed, UNTIL)))
    known = knowledge(simulated, CohortDefinition(horizon_days=table.horizon_days))
    return {name: _scores(getattr(known, name), table) for name in ("records", "truth", "need")}


def knowledge(simulated: Simulated, definition: CohortDefinition, draws: int = DRAWS) -> Known:
    """What is known of the moments of a cohort, in three ways."""
    cohort = build(simulated.history, definition, end_of_day(UNTIL))
    truth = _truth_of(cohort, simulated.truth)
    drawn = _redrawn(truth, draws)
    columns = {name: np.asarray(truth[name].cast("float64")) for name in _STATE}
    columns |= {"cause": np.asarray(pc.index_in(truth["cause"], pa.array(CAUSES))).astype(np.float64)}
    columns |= {"drawn_visits": drawn.mean(axis=1)}
    columns |= {f"drawn_at_least_{least}": (drawn >= least).mean(axis=1) for least in range(2, 9)}
    need = {name: np.asarray(truth[name].cast("float64")) for name in ("need_visits", "need_minutes")}
    features = evaluate(DENTAL, simulated.history, cohort.moments)
    return Known(
        _examples(cohort, features.values, DENTAL.names),
        _examples(cohort, np.column_stack(list(columns.values())), tuple(columns)),
        _examples(cohort, np.column_stack([*columns.values(), *need.values()]), (*columns, *need)),
    )


def _truth_of(cohort: Cohort, truth: pa.Table) -> pa.Table:
    """The rows of the truth for the cohort's moments, in the cohort's order."""
    wanted = _keys(cohort.moments.patient_ids, cohort.moments.as_of)
    return truth.take(pc.index_in(wanted, _keys(truth["patient_id"], truth["event_time"])))


def _keys(patient_ids: pa.Array, moments: pa.Array) -> pa.Array:
    if isinstance(patient_ids, pa.ChunkedArray):
        patient_ids, moments = patient_ids.combine_chunks(), moments.combine_chunks()
    return pc.binary_join_element_wise(patient_ids, moments.cast("int64").cast("string"), " ")


def _redrawn(truth: pa.Table, draws: int) -> Ints:
    """Visits of every episode, drawn anew, shape (contacts, draws)."""
    column = {name: np.asarray(truth[name]) for name in truth.column_names}
    cause = np.asarray(pc.index_in(truth["cause"], pa.array(CAUSES))).astype(np.int64)
    decayed, filled, missing = (column[name].astype(np.int64) for name in ("caries", "filled", "missing"))
    mouths = Mouths(decayed, filled, missing, column["perio"], np.zeros(len(cause)))
    will = Will(column["access"], column["fear"], column["life"])
    rng = np.random.default_rng(0)
    return np.column_stack([redrawn(rng, mouths, will, cause, column["age"]) for _ in range(draws)])


def _examples(cohort: Cohort, x: Floats, names: tuple[str, ...]) -> Examples:
    ids = cohort.moments.patient_ids.to_numpy(zero_copy_only=False).astype(np.str_)
    as_of = microseconds(cohort.moments.as_of)
    return Examples(ids, as_of, x, cohort.visits, cohort.minutes, names, "", cohort.attrition)


def _scores(examples: Examples, table: SegmentTable) -> Evaluation:
    parts = split(examples, SplitDefinition(), table.horizon_days)
    goal = reached(parts.learn, table)
    estimator, calibrator = fit(lambda: Boosted(examples.names), parts.learn.x, goal, parts.learn.patient_ids)
    chance = calibrator.at_least(estimator.margins(parts.test.x))
    happened = reached(parts.test, table)
    return {name: score(chance[:, k], happened[:, k], parts.test.patient_ids) for k, name in enumerate(table.names[1:])}

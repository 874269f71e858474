"""Examining a model: from a fitted model and rows to its evaluation."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.dental import DENTAL
from models.estimators import SHALLOW, Boosted, Estimator
from models.need import NeedModel, Predictions
from models.segments import SegmentTable
from training import leakage
from training.bootstrap import Resamples
from training.censoring import what_ifs
from training.compare import Split, SplitDefinition, predict, reached, test_rows
from training.coverage import Among, of_interval, of_sets
from training.evaluation import (
    Amount,
    Booking,
    Captured,
    Checks,
    Cost,
    Coverage,
    Evaluation,
    LabelBias,
    Learnt,
    Performance,
    Rows,
)
from training.examples import Examples
from training.fit import segment_of
from training.groups import Measured, subgroups
from training.labelbias import label_bias
from training.performance import curves, perform
from training.policy import Policy
from training.slices import Words, dimensions
from training.utility import amounts, booking, captured, confusion, slots
from training.validation import ceiling, folds

Floats = NDArray[np.float64]
RULE = "today's rule"
NO_MODEL = "the same for all"
BY_HEART, BY_HEART_ROUNDS = {**SHALLOW, "num_leaves": 31, "min_child_samples": 5, "learning_rate": 0.1}, 50
"""Settings with which a model learns rows by heart, if there is anything to recognise them by."""
COVERED = ("site", "period", "age", "language", "district")
"""Subgroups in which coverage is counted; sets promise it by site and period."""
TIMED, SUMMED = 100, 500
"""Rows answered one by one to measure the time, and rows whose reasons are summed up."""


@dataclass(frozen=True)
class Ground:
    """What models are measured on: the same rows, samples and limits for all of them.

    Attributes:
        parts: learnt and tested rows, all of observed need.
        everyone: test rows, also those whose need was not observed.
        table: the segments.
        policy: how to examine.
    """

    parts: Split
    everyone: Examples
    table: SegmentTable
    policy: Policy

    @classmethod
    def of(cls, parts: Split, found: Examples, table: SegmentTable, policy: Policy) -> Ground:
        """From a split of the observed rows among those of a file."""
        return cls(parts, test_rows(found, SplitDefinition(), parts.test_from), table, policy)

    @property
    def resamples(self) -> Resamples:
        """Resamples of the test rows' patients."""
        return Resamples.of(self.parts.test.patient_ids, self.policy.resamples)

    def rows(self) -> Rows:
        """What the test rows are."""
        test, resamples = self.parts.test, self.resamples
        first, last = _days(test)
        return Rows(_digest(test), len(test), resamples.groups, first, last, resamples.times, resamples.seed)


def _digest(test: Examples) -> str:
    parts = (test.as_of, test.visits, test.minutes, np.frombuffer("\n".join(test.patient_ids).encode(), np.uint8))
    return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:12]


def _days(rows: Examples) -> tuple[str, str]:
    ends = (int(rows.as_of.min()), int(rows.as_of.max()))
    first, last = (datetime.fromtimestamp(end / 1e6, UTC).date().isoformat() for end in ends)
    return first, last


def performances(model: NeedModel, ground: Ground) -> dict[str, Performance]:
    """How a model performs at each threshold."""
    at_least, goal = predict(model, ground.parts.test).at_least, reached(ground.parts.test, ground.table)
    resamples, at = ground.resamples, ground.policy.net_benefit_at
    return {name: perform(at_least[:, k], goal[:, k], resamples, at) for k, name in enumerate(ground.table.names[1:])}


def measure(model: NeedModel, ground: Ground, rule: Mapping[str, Performance] | None = None) -> Evaluation:
    """The figures that the gate compares models by; `rule` is how today's rule performs on the same rows."""
    found = performances(model, ground)
    return Evaluation(model.estimator.kind, "", ground.rows(), found, dict(rule or {}))


def examine(model: NeedModel, ground: Ground, rule: NeedModel, others: Mapping[str, NeedModel]) -> Evaluation:
    """Everything about a model but validation folds, which fit it anew (`validated`).

    Args:
        model: the model.
        ground: what it is measured on.
        rule: today's rule.
        others: models to show beside it in what first appointments they would book, by name.
    """
    test, table, policy = ground.parts.test, ground.table, ground.policy
    predicted, goal = predict(model, test), reached(test, table)
    strategies = {"model": predicted, RULE: predict(rule, test)}
    strategies |= {name: predict(other, test) for name, other in others.items()}
    needed, suggested = _needed(test, table), slots(table.suggest(predicted.at_least), table)
    gap = suggested - needed
    everyone = predict(model, ground.everyone)
    return replace(
        measure(model, ground, performances(rule, ground)),
        curves={name: curves(predicted.at_least[:, k], goal[:, k]) for k, name in enumerate(table.names[1:])},
        learnt=_learnt(ground.parts.learn, table),
        bookings=_bookings(strategies, test, table),
        confusion=confusion(table.suggest(predicted.at_least), segment_of(test, table), table),
        captured=_captured(strategies, ground),
        amounts=tuple(_amounts(model, predicted, ground)),
        subgroups=tuple(
            subgroups(
                Measured(predicted.at_least, goal, np.maximum(gap, 0), np.maximum(-gap, 0), test.patient_ids,
                         table.names[1:], policy.net_benefit_at[len(policy.net_benefit_at) // 2]),
                _dimensions(test), policy.assessable, policy.subgroup_resamples,
            )
        ),
        what_ifs=tuple(what_ifs(ground.everyone, everyone.at_least, table)) if len(ground.everyone.fate) else (),
        label_bias=_label_bias(ground, everyone),
        coverage=_coverage(predicted, ground),
        ceiling=tuple(ceiling(ground.parts, table, ground.resamples)),
        checks=_checks(model, ground),
        cost=_cost(model, test),
    )  # fmt: skip


def validated(evaluation: Evaluation, found: Examples, ground: Ground, make: Callable[[], Estimator]) -> Evaluation:
    """An evaluation with validation folds: such a model fitted anew for later years and for sites left out."""
    policy = ground.policy
    made = folds(found, make, ground.table, policy.validation, policy.assessable)
    return replace(evaluation, folds=tuple(made))


def _coverage(predicted: Predictions, ground: Ground) -> tuple[Coverage, ...] | None:
    """Coverage of the model's prediction sets and intervals; None where it gives none."""
    test, table, policy = ground.parts.test, ground.table, ground.policy
    if predicted.prediction_set is None:
        return None
    by = {name: words for name, words in _dimensions(test).items() if name in COVERED}
    among = Among(by, test.patient_ids, policy.assessable, policy.subgroup_resamples)
    found = [*of_sets(predicted.prediction_set, segment_of(test, table), table.names, among)]
    for name, bounds, amount in (
        ("visits", predicted.visits_interval, test.visits), ("minutes", predicted.minutes_interval, test.minutes),
    ):  # fmt: skip
        if bounds is not None:
            found += of_interval(f"interval of {name}", bounds, amount.sum(1), among)
    return tuple(found)


def _dimensions(rows: Examples) -> dict[str, Words]:
    return dimensions(rows.about, rows.as_of, rows.truth.get("access"))


def _needed(test: Examples, table: SegmentTable) -> Floats:
    return slots(segment_of(test, table), table)


def _bookings(strategies: Mapping[str, Predictions], test: Examples, table: SegmentTable) -> tuple[Booking, ...]:
    needed = _needed(test, table)
    recorded = test.first_minutes if len(test.first_minutes) else np.full(len(test), np.nan)
    same = np.full(len(test), float(table.without_history.minutes))
    booked = {name: slots(table.suggest(each.at_least), table) for name, each in strategies.items()}
    return tuple(booking(name, each, needed, recorded) for name, each in (booked | {NO_MODEL: same}).items())


def _captured(strategies: Mapping[str, Predictions], ground: Ground) -> tuple[Captured, ...]:
    test, resamples = ground.parts.test, ground.resamples
    visits, minutes = test.visits.sum(1), test.minutes.sum(1)
    ranked = {name: each.minutes.sum(1) for name, each in strategies.items()}
    return tuple(
        captured(name, ranking, visits, minutes, resamples)
        for name, ranking in (ranked | {"perfect foresight": minutes}).items()
    )


def _amounts(model: NeedModel, predicted: Predictions, ground: Ground) -> Iterator[Amount]:
    test, professions, resamples = ground.parts.test, model.need.professions, ground.resamples
    yield from amounts("visits", predicted.visits, test.visits, professions, resamples)
    yield from amounts("minutes", predicted.minutes, test.minutes, professions, resamples)


def _learnt(learn: Examples, table: SegmentTable) -> Learnt:
    events = dict(zip(table.names[1:], reached(learn, table).sum(0).tolist(), strict=True))
    return Learnt(len(learn), len(np.unique(learn.patient_ids)), *_days(learn), events)


def _label_bias(ground: Ground, predicted: Predictions) -> tuple[LabelBias, ...]:
    everyone = ground.everyone
    if not everyone.truth:
        return ()
    expected, least = predicted.visits.sum(1), ground.policy.assessable_rows
    return tuple(label_bias(everyone, expected, ground.table, _dimensions(everyone), least))


def _checks(model: NeedModel, ground: Ground) -> Checks:
    parts, table, may_be_empty = ground.parts, ground.table, ground.policy.may_be_empty
    goal = reached(parts.test, table)
    alone = max(
        (leakage.strongest(parts.test.x, goal[:, k], parts.test.names) for k in range(goal.shape[1])),
        key=lambda found: found.auroc,
    )
    permuted = leakage.permuted_auroc(
        parts, lambda side: reached(side, table), lambda: Boosted(parts.learn.names, BY_HEART, BY_HEART_ROUNDS)
    )
    known = leakage.KnownTime.of(parts.test.made.get("known time", leakage.KnownTime.none().said()))
    return Checks(
        contract=leakage.contract(parts, DENTAL, table.horizon_days, may_be_empty),
        inputs=leakage.inputs(DENTAL),
        known_time_checked=known.checked,
        known_time_differing=known.differing,
        permuted_auroc=dict(zip(table.names[1:], permuted, strict=True)),
        strongest_feature=alone.feature,
        strongest_auroc=alone.auroc,
        additivity=additivity(model, parts.test.x[:SUMMED]),
    )


def additivity(model: NeedModel, x: Floats) -> float:
    """Largest distance between a margin and the sum of its contributions, log-odds."""
    return float(np.abs(model.estimator.contributions(x).sum(2) - model.estimator.margins(x)).max())


def _cost(model: NeedModel, test: Examples) -> Cost:
    """Time of one patient with reasons, one by one, and the size of the model's files."""
    rows = [test.x[at % len(test)][None] for at in range(TIMED)]
    spent = []
    for row in rows:
        start = time.perf_counter()
        model.predict(row)
        model.estimator.contributions(row)
        spent.append(1000 * (time.perf_counter() - start))
    median, high = np.quantile(spent, [0.5, 0.95])
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return Cost(float(median), float(high), size)

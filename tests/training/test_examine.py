"""Examining a model on made-up rows: subgroups, what-ifs, the label's bias, folds, ceiling, and JSON both ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.estimators import Boosted, Logistic
from models.need import NeedModel, Predictions
from models.segments import read_tables
from tests.training.made import NAMES, POLICY, evaluation, examples
from training import censoring, validation
from training.bootstrap import Resamples
from training.cohort import ABSENT, LEFT, OBSERVED
from training.compare import SplitDefinition, fit_model, fit_rule, split
from training.evaluation import Evaluation, EvaluationError, Rows
from training.examine import NO_MODEL, RULE, Ground, examine, measure, validated
from training.gate import judge
from training.groups import Assessable, Measured, subgroups
from training.hashing import hashed_share
from training.labelbias import label_bias
from training.slices import dimensions

TABLE = read_tables()[-1]
EVERYONE = examples()
PARTS = split(EVERYONE.observed(), SplitDefinition(), TABLE.horizon_days)
QUICK = replace(POLICY, resamples=40, subgroup_resamples=10, origins=1, sites=1, fold_rows=500, fold_resamples=10,
                assessable_rows=50, assessable_events=5)  # fmt: skip
MODEL = fit_model(lambda: Logistic(NAMES), PARTS.learn, TABLE)
GROUND = Ground.of(PARTS, EVERYONE, TABLE, QUICK)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    rule = fit_rule(PARTS.learn, TABLE)
    made = examine(MODEL, GROUND, rule, {"another": MODEL})
    return validated(made, EVERYONE.observed(), GROUND, lambda: Boosted(NAMES))


def test_an_examination_covers_everything(found: Evaluation) -> None:
    assert set(found.thresholds) == {"moderate", "heavy"}
    assert found.rows.n == len(PARTS.test)
    assert found.learnt is not None
    assert found.learnt.n == len(PARTS.learn)
    assert [each.strategy for each in found.bookings] == ["model", RULE, "another", NO_MODEL]
    assert {each.dimension for each in found.subgroups} == {
        "sex", "age", "language", "other language", "district", "site", "period", "use so far",
        "access (true, simulated)",
    }  # fmt: skip
    assert found.checks is not None
    assert found.checks.additivity < 1e-9
    assert found.cost is not None
    assert found.cost.size_bytes > 100
    assert found.coverage is not None
    assert all(each.coverage > 0.6 for each in found.coverage if each.dimension == "everyone")


def test_an_evaluation_is_the_same_after_json(found: Evaluation) -> None:
    again = Evaluation.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert again.thresholds["heavy"] == found.thresholds["heavy"]
    odd = evaluation(checks=replace(evaluation().checks, strongest_auroc=float("nan")))
    assert np.isnan(Evaluation.from_json(odd.to_json()).checks.strongest_auroc)


def test_another_versions_evaluation_is_refused_by_name(found: Evaluation) -> None:
    with pytest.raises(EvaluationError, match="model"):
        Evaluation.from_json("{}")
    with pytest.raises(EvaluationError, match="surprise"):
        Evaluation.from_json(found.to_json().replace('"version":', '"surprise":1,"version":', 1))


def test_the_same_rows_have_the_same_digest_and_others_another() -> None:
    assert measure(MODEL, GROUND).rows == measure(MODEL, GROUND).rows
    other = split(examples(seed=3).observed(), SplitDefinition(), 365)
    assert replace(GROUND, parts=other).rows().digest != GROUND.rows().digest
    rows = GROUND.rows()
    assert rows.pairs_with(rows)
    assert not rows.pairs_with(replace(rows, seed=2))
    assert not Rows("a", 1, 1, "", "", 5, 1).pairs_with(rows)


def measured(n: int, at_least: np.ndarray, reached: np.ndarray) -> Measured:
    zeros = np.zeros(n)
    return Measured(at_least, reached, zeros + 5, zeros, np.arange(n).astype(str), ("heavy",), 0.3)


def test_a_subgroup_too_small_is_not_assessable() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.6, (400, 1))
    y = rng.random((400, 1)) < p
    where = np.array(["large"] * 380 + ["small"] * 17 + ["tiny"] * 3)
    groups = {each.level: each for each in subgroups(measured(400, p, y), {"site": where}, Assessable(50, 10), 20)}
    assert groups["large"].figures["heavy"].auroc[1] < groups["large"].figures["heavy"].auroc[0]
    assert groups["large"].over == 500.0
    assert groups["small"].figures == groups["tiny"].figures == {}
    assert groups["small"].over is None
    assert groups["tiny"].rows == "under 5"
    assert groups["small"].rows == "hidden"


def test_events_as_well_as_rows_make_assessable() -> None:
    enough = Assessable(10, 3)
    assert enough(np.array([True] * 3 + [False] * 7))
    assert not enough(np.array([True] * 8 + [False] * 2))
    assert not enough(np.array([True] * 3 + [False] * 6))


def test_who_left_by_age_is_weighed_back() -> None:
    """The old leave and need much: weighed, those old people who stayed speak for those who left."""
    rng = np.random.default_rng(2)
    n = 6000
    old = rng.random(n) < 0.3
    left = old & (rng.random(n) < 0.5)
    need = np.where(old, 8.0, 1.0)
    base = examples(n // 3)
    everyone = replace(
        base, x=np.column_stack([old, *np.zeros((4, n))]).astype(float), fate=np.where(left, LEFT, OBSERVED),
        visits=np.column_stack([np.where(left, 0, need), *np.zeros((4, n))]), truth={},
    )  # fmt: skip
    rows = {
        each.assumption.split(":")[0]: each
        for each in censoring.what_ifs(everyone, np.stack([need, need], 1) / 10, TABLE)
        if each.segment == "heavy"
    }
    assert rows["as reported"].share == pytest.approx(0.15 / 0.85, abs=0.03)
    assert rows["those who stayed stand for those who left (weighted)"].share == pytest.approx(0.3, abs=0.03)
    assert rows["those who left would all have needed heavy care"].share == pytest.approx(0.3, abs=0.03)
    assert rows["those who left needed no more than they had got"].share == pytest.approx(0.15, abs=0.03)


def test_weights_are_bounded_and_nobody_leaving_weighs_nothing() -> None:
    everyone = replace(EVERYONE, fate=np.full(len(EVERYONE), OBSERVED))
    assert (censoring.staying(everyone) == 1).all()
    assert censoring.staying(EVERYONE).min() >= censoring.LEAST_STAYING


def test_the_truth_is_one_of_the_assumptions_where_it_is_known(found: Evaluation) -> None:
    true = [each for each in found.what_ifs if each.assumption.startswith("true need")]
    assert [each.n for each in true] == [len(GROUND.everyone)] * 2
    nobody = [each for each in found.what_ifs if each.assumption == "those who never came needed nothing"]
    assert nobody[0].share < found.what_ifs[0].share


def test_label_bias_measures_those_who_need_and_do_not_come() -> None:
    n = len(EVERYONE)
    access = np.linspace(-2, 2, n)
    poor = access < np.quantile(access, 1 / 3)
    fate = np.where(poor, ABSENT, OBSERVED)
    visits = np.column_stack([np.where(poor, 0, 7.0), *np.zeros((4, n))])
    made = replace(EVERYONE, fate=fate, visits=visits, truth={"access": access, "need_visits": np.full(n, 7.0)})
    by = dimensions(made.about, made.as_of, access)
    rows = {(each.dimension, each.level): each for each in label_bias(made, np.full(n, 3.5), TABLE, by, 10)}
    worst, best = (rows["access (true, simulated)", f"third {level}"] for level in ("1 (least)", "3 (most)"))
    assert (worst.never_came, worst.never_came_of_heavy, worst.truly, worst.visits_recorded) == (1, 1, 1, 0)
    assert np.isnan(worst.recorded)
    assert (best.never_came, best.recorded, best.visits_recorded, best.predicted) == (0, 1, 1, 0.5)
    assert rows["everyone", ""].rows == f"{n:,}"
    assert not list(label_bias(replace(made, truth={}), np.zeros(n), TABLE, by, 10))


def test_coverage_is_counted_among_those_whose_need_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets that always hold light and heavy and never moderate; intervals that hold nothing."""
    predict = type(MODEL).predict

    def with_sets(self: NeedModel, x: np.ndarray, groups: object = None) -> Predictions:
        found = replace(predict(self, x), minutes_interval=None)
        object.__setattr__(found, "prediction_set", np.tile([True, False, True], (len(x), 1)))
        object.__setattr__(found, "visits_interval", np.tile([100.0, 101.0], (len(x), 1)))
        return found

    monkeypatch.setattr(type(MODEL), "predict", with_sets)
    made = examine(MODEL, GROUND, fit_rule(PARTS.learn, TABLE), {})
    assert made.coverage is not None
    found = {(each.dimension, each.level, each.segment): each for each in made.coverage}
    everyone = [found["everyone", "", name] for name in TABLE.names]
    assert [each.coverage for each in everyone] == [1, 0, 1]
    assert {each.size for each in everyone} == {2.0}
    assert (found["everyone", "", "interval of visits"].coverage, found["everyone", "", "interval of visits"].size) == (
        0, 1)  # fmt: skip
    assert ("site", "Clinic A", "light") in found
    assert not any(segment == "interval of minutes" for _, _, segment in found)
    verdict = judge(made, None, QUICK)
    refused = [each for each in verdict.findings if each.rule == "coverage" and each.outcome == "failed"]
    assert {each.subject.split(",")[0] for each in refused} == {"moderate", "interval of visits"}


def test_folds_are_of_patients_never_seen_there_and_of_later_years(found: Evaluation) -> None:
    assert {fold.kind for fold in found.folds} == {"origin", "site"}
    observed = EVERYONE.observed()
    for task in validation._sites(observed, 2):
        assert not set(observed.patient_ids[task.learn]) & set(observed.patient_ids[task.test])
    for task in validation._origins(observed, 365, 3):
        assert not set(observed.patient_ids[task.learn]) & set(observed.patient_ids[task.test])
        if task.learn.any() and task.test.any():
            assert observed.as_of[task.learn].max() + 365 * 86_400_000_000 < observed.as_of[task.test].min()


def test_folds_that_cannot_be_assessed_and_rows_without_a_site_are_left_out() -> None:
    none = replace(EVERYONE.observed(), about={})
    bounded = validation.Bounded(1, 2, 500, 10)
    assert not list(validation.folds(none, lambda: Boosted(NAMES), TABLE, bounded, Assessable(10**6, 1)))
    assert not list(validation._sites(none, 3))


def test_the_ceiling_knows_more_than_the_model(found: Evaluation) -> None:
    above = {each.segment: each.auroc - found.thresholds[each.segment].scores.auroc for each in found.ceiling}
    assert above["heavy"] > 0.02
    real = replace(PARTS, learn=replace(PARTS.learn, truth={}), test=replace(PARTS.test, truth={}))
    assert not list(validation.ceiling(real, TABLE, Resamples.of(PARTS.test.patient_ids, 5)))


def test_real_people_and_rows_without_fates_leave_out_what_is_not_known() -> None:
    bare = examples(truth=False).observed()
    bare = replace(bare, fate=np.empty(0, np.str_), first_minutes=np.empty(0))
    parts = split(bare.observed(), SplitDefinition(), 365)
    ground = Ground.of(parts, bare, TABLE, QUICK)
    made = examine(MODEL, ground, fit_rule(parts.learn, TABLE), {})
    assert made.what_ifs == made.label_bias == made.ceiling == ()
    assert np.isnan(made.bookings[0].over_recorded)


def test_shares_are_the_same_for_a_patient_everywhere() -> None:
    share = hashed_share(np.array(["a", "b", "a"]))
    assert share[0] == share[2]
    assert hashed_share(np.array(["b"]))[0] == share[1]
    assert hashed_share(np.array(["a"]), "thin")[0] != share[0]

"""A need model fitted on a simulated population: what its sets and intervals promise is kept, by site and by period."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from features.dental import DENTAL
from features.evaluate import evaluate
from models.estimators import SHALLOW, Boosted, PointsRule
from models.need import NeedModel
from models.segments import read_tables
from records.clock import end_of_day, microseconds
from records.history import History
from records.simulate import Simulated, simulate
from training.cohort import DAY, Cohort, CohortDefinition, build
from training.compare import SplitDefinition, split
from training.examples import Examples
from training.fit import Plan, calibration_rows, fit_need, recalibrate

TABLE = read_tables()[-1]
UNTIL = date(2025, 12, 31)
PARAMETERS = {**SHALLOW, "learning_rate": 0.1, "num_threads": 1}


def sites_of(history: History, cohort: Cohort) -> np.ndarray:
    """The district of each moment's patient: the clinic that she belongs to."""
    patients = history["patients"]
    districts = dict(zip(patients["patient_id"].to_pylist(), patients["district"].to_pylist(), strict=True))
    return np.array([districts[name] or "" for name in cohort.moments.patient_ids.to_pylist()])


@cache
def population() -> tuple[Examples, np.ndarray]:
    """Examples of a few thousand people, and their sites."""
    history = Simulated.joined(list(simulate(7000, 8, 3, UNTIL))).history
    cohort = build(history, CohortDefinition(), end_of_day(UNTIL))
    x = evaluate(DENTAL, history, cohort.moments).values
    ids = cohort.moments.patient_ids.to_numpy(zero_copy_only=False).astype(np.str_)
    found = Examples(ids, microseconds(cohort.moments.as_of), x, cohort.visits, cohort.minutes, DENTAL.names,
                     DENTAL.version, Counter())  # fmt: skip
    return found, sites_of(history, cohort)


@cache
def fitted() -> tuple[NeedModel, Examples, np.ndarray]:
    """A model, and test rows of later moments of other patients with their sites."""
    examples, sites = population()
    parts = split(examples, SplitDefinition(), TABLE.horizon_days)
    keys = dict(zip(zip(examples.patient_ids, examples.as_of, strict=True), sites, strict=True))

    def of(rows: Examples) -> np.ndarray:
        return np.array([keys[key] for key in zip(rows.patient_ids, rows.as_of, strict=True)])

    model = fit_need(lambda: Boosted(DENTAL.names, PARAMETERS, 40), parts.learn, TABLE, plan=Plan(folds=2),
                     catalogue=DENTAL, sites=of(parts.learn))  # fmt: skip
    return model, parts.test, of(parts.test)


def at_least(share: float, n: int) -> float:
    """Four standard errors below a share of n rows and of as many calibration rows."""
    return share - 4 * (share * (1 - share) * 2 / n) ** 0.5


def test_sets_cover_every_segment_in_every_site_and_period() -> None:
    model, test, sites = fitted()
    found = model.predict(test.x, sites).prediction_set
    assert found is not None
    segment = TABLE.of_visits(test.visits.sum(1))
    year = (test.as_of - test.as_of.min()) // (365 * DAY)
    slices = [sites == name for name in np.unique(sites)] + [year == each for each in np.unique(year)]
    for rows in slices:
        for k in range(3):
            mine = rows & (segment == k)
            if mine.sum() >= 30:
                assert found[mine, k].mean() >= at_least(0.8, int(mine.sum()))
    assert found.sum(1).mean() < 2.5


def test_intervals_hold_visits_and_minutes_in_every_site_and_period() -> None:
    model, test, sites = fitted()
    predicted = model.predict(test.x, sites)
    year = (test.as_of - test.as_of.min()) // (365 * DAY)
    slices = [sites == name for name in np.unique(sites)] + [year == each for each in np.unique(year)]
    for amount, interval in (
        (test.visits.sum(1), predicted.visits_interval),
        (test.minutes.sum(1), predicted.minutes_interval),
    ):
        assert interval is not None
        inside = (interval[:, 0] <= amount) & (amount <= interval[:, 1])
        assert inside.mean() >= 0.77
        for rows in slices:
            assert inside[rows].mean() >= at_least(0.8, int(rows.sum()))


def test_what_is_expected_lies_in_the_interval_and_follows_the_probabilities() -> None:
    model, test, sites = fitted()
    predicted = model.predict(test.x, sites)
    for amounts, interval in (
        (predicted.visits, predicted.visits_interval),
        (predicted.minutes, predicted.minutes_interval),
    ):
        assert interval is not None
        assert ((interval[:, 0] <= amounts.sum(1)) & (amounts.sum(1) <= interval[:, 1])).all()
    order = np.lexsort(predicted.at_least.T)
    higher = (np.diff(predicted.at_least[order], axis=0) >= 0).all(1)
    assert (np.diff(predicted.visits.sum(1)[order])[higher] >= -1e-9).all()
    assert (np.diff(predicted.minutes.sum(1)[order])[higher] >= -1e-9).all()


def test_the_whole_model_is_the_same_after_loading_and_for_one_patient_alone(tmp_path: Path) -> None:
    model, test, sites = fitted()
    model.save(tmp_path)
    again = NeedModel.load(tmp_path)
    some = slice(0, 40)
    before, after = model.predict(test.x[some], sites[some]), again.predict(test.x[some], sites[some])
    for name in ("margins", "at_least", "probabilities", "visits", "minutes", "prediction_set", "visits_interval",
                 "minutes_interval"):  # fmt: skip
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
        for at in range(40):
            alone = getattr(again.predict(test.x[at : at + 1], sites[at : at + 1]), name)
            assert alone.tobytes() == getattr(before, name)[at : at + 1].tobytes()
    assert again.ranges == model.ranges
    assert "found_plaque" in model.ranges


def test_personal_amounts_are_nearer_than_the_averages_of_the_segments() -> None:
    model, test, _ = fitted()
    personal, averages = model.predict(test.x), replace(model, amounts=None).predict(test.x)

    def deviance(expected: np.ndarray) -> float:
        mean = np.maximum(expected, 1e-6)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(test.visits > 0, test.visits * np.log(test.visits / mean), 0.0)
        return float(2 * (part - test.visits + mean).sum(1).mean())

    assert deviance(personal.visits) < 0.97 * deviance(averages.visits)


def test_nobody_is_both_learnt_from_and_calibrated_on() -> None:
    examples, _ = population()
    held = calibration_rows(examples, 0.2)
    assert not set(examples.patient_ids[held]) & set(examples.patient_ids[~held])
    assert held.mean() == pytest.approx(0.2, abs=0.03)
    assert (calibration_rows(examples.take(held), 0.2)).all()


def test_without_calibration_rows_a_model_says_neither_sets_nor_intervals(tmp_path: Path) -> None:
    examples = population()[0].take(np.arange(len(population()[0])) < 1500)
    model = fit_need(lambda: PointsRule(DENTAL.names, {"visits_m24": 1.0}), examples, TABLE,
                     plan=Plan(calibration_share=0.0))  # fmt: skip
    model.save(tmp_path)
    predicted = NeedModel.load(tmp_path).predict(examples.x[:5])
    assert (predicted.prediction_set, predicted.visits_interval, predicted.minutes_interval) == (None, None, None)
    assert model.ranges == {}


def test_recalibration_mends_the_level_of_a_period_and_of_a_site_and_keeps_the_ranking() -> None:
    """In the later rows one site's episodes are recorded as two visits more than they took."""
    model, test, sites = fitted()
    one = np.unique(sites)[0]
    visits = test.visits.copy()
    visits[sites == one, 0] += 2
    later = replace(test, visits=visits)
    half = calibration_rows(test, 0.7)
    found, changes = recalibrate(model, later.take(half), TABLE, sites=sites[half])
    assert changes[0].group == ""
    levels = {change.group: change.level for change in changes if change.threshold == 0}
    assert levels[one] == max(levels.values()) > 0.3
    reached = TABLE.of_visits(later.visits.sum(1)) >= 1
    rows = ~half & (sites == one)
    before, after = (each.predict(test.x[rows], sites[rows]).at_least[:, 0] for each in (model, found))
    assert abs(after.mean() - reached[rows].mean()) < abs(before.mean() - reached[rows].mean()) / 2
    assert (np.argsort(after, kind="stable") == np.argsort(before, kind="stable")).all()
    assert found.uncertainty is not None
    again, _ = recalibrate(found, later.take(half), TABLE)
    assert again.predict(test.x[:3]).prediction_set is not None
